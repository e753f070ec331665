package poller

import (
	"context"
	"sync/atomic"

	"github.com/shardmill/shardmill/batch"
)

// unknownRecord is what a record is taken to weigh at most before a heavier one was seen: the largest that a stream has by
// default.
const unknownRecord = 1<<20 + batch.RecordOverhead

// heaviest is the weight of the heaviest record that was seen, as it is charged, if that is over unknownRecord. The
// Readers of a Poller share it, since the largest size of a record is a stream's. The zero value is ready.
type heaviest struct{ seen atomic.Int64 }

func (h *heaviest) record() int64 { return max(h.seen.Load(), unknownRecord) }

// saw takes note of a record's weight.
func (h *heaviest) saw(bytes int64) {
	for bytes > unknownRecord {
		if old := h.seen.Load(); bytes <= old || h.seen.CompareAndSwap(old, bytes) {
			break
		}
	}
}

// expectation is what is known of the next read of a shard. The zero one knows nothing.
//
// What a read brought proves nothing about the next one: behind an empty page may lie ten of the largest records, behind the
// tip of a shard a burst. Only the number of records that a read asks for bounds what it brings.
type expectation struct {
	records int   // of the last page, an aggregate being one
	each    int64 // weight of a record, of the last page that had any; 0: there was none
	behind  bool  // more was there behind the last page

	// page is what maxPage bytes of data weigh where that is more, because of the members of aggregates: by the last page
	// that had any data, and swollen before that where aggregates are taken apart.
	page int64
}

// swollen is what maxPage bytes of aggregates weigh whose members have 16 bytes of data.
const swollen = maxPage / 16 * (16 + batch.RecordOverhead)

// ask returns what is reserved for a read of most records, of which none is heavier than record: all that it can bring.
// While others wait, a shard that was read to its tip makes do with as many records as came there, and as many again and
// one; and so does one that was not read yet, which asks for one record to find out where it stands.
func (e *expectation) ask(most int32, record int64) ask {
	q := ask{want: e.worst(most, record), record: record, bold: true}
	q.modest = q.want
	if !e.behind {
		q.modest = e.worst(int32(min(int64(most), 2*int64(e.records)+1)), record)
	}
	q.least = q.modest
	return q
}

// worst returns the most that so many records weigh.
func (e *expectation) worst(records int32, record int64) int64 {
	return min(int64(records)*record, max(e.page, maxPage)+int64(records)*batch.RecordOverhead)
}

// limit returns how many records a read may ask for, at most and 1 at least, that was granted so much.
func (e *expectation) limit(g grant, most int32, record int64) int32 {
	n := max(g.bytes/record, (g.bytes-max(e.page, maxPage))/batch.RecordOverhead)
	if g.bold && e.each > 0 {
		n = g.bytes / e.each
	}
	return int32(max(1, min(n, int64(most))))
}

// saw takes note of what a read brought, and returns its bytes, as they are charged. Without an account nobody asks.
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

// weight is what records weigh, as a Budget and the buffer of a Scheduler are charged.
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
			continue // a member of an aggregate that others follow
		}
		w.records++
		w.bytes += one
		w.heaviest = max(w.heaviest, one)
		one = 0
	}
	w.bytes += one
	return w
}

// reserve waits until the Budget has room for a read, and returns how many records that may ask for.
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
