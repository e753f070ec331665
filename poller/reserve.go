package poller

import (
	"context"
	"sync/atomic"

	"github.com/shardmill/shardmill/batch"
)

// unknownRecord is the assumed maximum weight of a record before a heavier one was seen: the largest that a stream has
// by default.
const unknownRecord = 1<<20 + batch.RecordOverhead

// heaviest is the charge of the heaviest record that was seen, if that is over unknownRecord. The Readers of a Poller
// share it, because the maximum size of a record is the stream's. The zero value is ready.
type heaviest struct{ seen atomic.Int64 }

func (h *heaviest) record() int64 { return max(h.seen.Load(), unknownRecord) }

// saw records a record's weight.
func (h *heaviest) saw(bytes int64) {
	for bytes > unknownRecord {
		if old := h.seen.Load(); bytes <= old || h.seen.CompareAndSwap(old, bytes) {
			break
		}
	}
}

// expectation is the estimate of the next read of a shard. The zero one knows nothing.
//
// A read proves nothing about the next one: ten of the largest records may follow an empty page, and a burst may follow
// the tip of a shard. Only the requested number of records bounds a read.
type expectation struct {
	records int   // of the last page, an aggregate being one
	each    int64 // average weight of a record in the last page with records; 0: there was none
	behind  bool  // the shard had more records after the last page

	// page is the weight of maxPage bytes of data if that is larger, because of the members of aggregates: as in the
	// last page with data, and swollen before the first if aggregates are split.
	page int64
}

// swollen is the weight of maxPage bytes of aggregates whose members have 16 bytes of data.
const swollen = maxPage / 16 * (16 + batch.RecordOverhead)

// ask returns the reservation for a read of most records, none heavier than record: the maximum that it can return.
// While others wait, a caught-up shard limits itself to twice the number of records that arrived last, plus one. A
// shard that was not read yet requests one record to find its place.
func (e *expectation) ask(most int32, record int64) ask {
	q := ask{want: e.worst(most, record), record: record, bold: true}
	q.modest = q.want
	if !e.behind {
		q.modest = e.worst(int32(min(int64(most), 2*int64(e.records)+1)), record)
	}
	q.least = q.modest
	return q
}

// worst returns the maximum weight of that many records.
func (e *expectation) worst(records int32, record int64) int64 {
	return min(int64(records)*record, max(e.page, maxPage)+int64(records)*batch.RecordOverhead)
}

// limit returns how many records a read with that grant may request: at least 1, at most most.
func (e *expectation) limit(g grant, most int32, record int64) int32 {
	n := max(g.bytes/record, (g.bytes-max(e.page, maxPage))/batch.RecordOverhead)
	if g.bold && e.each > 0 {
		n = g.bytes / e.each
	}
	return int32(max(1, min(n, int64(most))))
}

// saw records the result of a read, and returns its charge in bytes. Without an account it is not needed.
func (e *expectation) saw(a *Account, h *heaviest, records []batch.Record) int {
	if a == nil {
		return 0
	}
	w := weigh(records)
	e.records = w.records
	if w.records > 0 {
		e.each = w.bytes / int64(w.records)
	}
	if w.data > 0 {
		members := w.bytes - w.data - int64(w.records)*batch.RecordOverhead
		e.page = maxPage + int64(float64(maxPage)*float64(members)/float64(w.data))
	}
	h.saw(w.heaviest)
	return int(w.bytes)
}

// weight is the weight of records, as charged to a Budget and to the buffer of a Scheduler.
type weight struct {
	records  int   // an aggregate being one
	bytes    int64 // of all
	data     int64 // of all, without overhead
	heaviest int64 // of one record, with all its members
}

func weigh(records []batch.Record) (w weight) {
	one := int64(0)
	for i := range records {
		r := &records[i]
		w.data += int64(len(r.Data))
		one += int64(len(r.Data)) + batch.RecordOverhead
		if r.More {
			continue // a member of an aggregate with further members
		}
		w.records++
		w.bytes += one
		w.heaviest = max(w.heaviest, one)
		one = 0
	}
	w.bytes += one
	return w
}

// reserve waits until the Budget has room for a read, and returns how many records it may request.
func (r *reader) reserve(ctx context.Context) (int32, error) {
	if r.account == nil {
		return r.limit.now, nil
	}
	record := r.poller.heaviest.record()
	g, err := r.account.reserve(ctx, r.expected.ask(r.limit.now, record))
	if err != nil {
		return 0, err
	}
	return r.expected.limit(g, r.limit.now, record), nil
}
