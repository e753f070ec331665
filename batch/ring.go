package batch

import (
	"iter"
	"time"
)

// ring is a queue of records. It keeps none of them, only their places in their pages. Consecutive records of a page,
// as all are without filters and lanes, take one entry. It reuses its memory.
type ring struct {
	buf         []stretch // its length is zero or a power of two
	start, size int       // the used part of buf
	records     int       // in all stretches
}

// stretch is a run of consecutive records of a page.
type stretch struct {
	page     *page
	first, n uint32
}

func (q *ring) len() int { return q.records }

// front names the oldest record.
func (q *ring) front() ref {
	s := &q.buf[q.start]
	return ref{page: s.page, index: int(s.first)}
}

func (q *ring) push(r ref) {
	q.records++
	if q.size > 0 {
		if last := q.at(q.size - 1); last.page == r.page && int(last.first+last.n) == r.index {
			last.n++
			return
		}
	}
	if q.size == len(q.buf) {
		q.grow()
	}
	q.size++
	*q.at(q.size - 1) = stretch{page: r.page, first: uint32(r.index), n: 1}
}

func (q *ring) at(i int) *stretch { return &q.buf[(q.start+i)&(len(q.buf)-1)] }

func (q *ring) grow() {
	buf := make([]stretch, max(16, 2*len(q.buf)))
	for i := range q.size {
		buf[i] = *q.at(i)
	}
	q.buf, q.start = buf, 0
}

// drop forgets the oldest n records, so that their pages can be freed. The memory of a burst is freed once the ring is
// empty.
func (q *ring) drop(n int) {
	q.records -= n
	for n > 0 {
		s := q.at(0)
		if uint32(n) < s.n {
			s.first, s.n = s.first+uint32(n), s.n-uint32(n)
			return
		}
		n -= int(s.n)
		*s = stretch{}
		q.start = (q.start + 1) & (len(q.buf) - 1)
		q.size--
	}
	if q.size == 0 && len(q.buf) > ringKeep {
		*q = ring{}
	}
}

// ringKeep is the number of stretches for which an empty ring keeps memory: 16 KiB, so that thousands of idle shards
// stay small.
const ringKeep = 1024

// oldest returns the first n records: a part of their page if they are consecutive, otherwise picked from their pages,
// with one allocation per batch.
func (q *ring) oldest(n int) Records {
	if s := q.at(0); int(s.n) >= n {
		return RecordsOf(s.page.records[s.first : int(s.first)+n : int(s.first)+n])
	}
	picked := make([]*Record, 0, n)
	for i := 0; len(picked) < n; i++ {
		s := q.at(i)
		for j := range min(int(s.n), n-len(picked)) {
			picked = append(picked, &s.page.records[int(s.first)+j])
		}
	}
	return Records{picked: picked}
}

// from yields the records after the oldest skip, in order.
func (q *ring) from(skip int) iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		for i := range q.size {
			s := q.at(i)
			skipped := min(skip, int(s.n))
			skip -= skipped
			for j := int(s.first) + skipped; j < int(s.first+s.n); j++ {
				if !yield(&s.page.records[j]) {
					return
				}
			}
		}
	}
}

// expired returns how many of the first n records are older than age at now, counted from the first.
func (q *ring) expired(n int, age time.Duration, now time.Time) int {
	if age <= 0 {
		return 0
	}
	old := 0
	for r := range q.from(0) {
		if old == n || !r.older(age, now) {
			break
		}
		old++
	}
	return old
}
