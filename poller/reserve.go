package poller

import (
	"context"

	"github.com/shardmill/shardmill/batch"
)

// unknownRecord is what a record is taken to be before one was seen: the largest that a stream has by default.
const unknownRecord = 1 << 20

// expectation tells what a read may bring, by what the one before it brought. The zero one knows nothing.
type expectation struct {
	page int // bytes; 0: nothing was read yet
	each int // bytes of a record, of the last page that had any; 0: there was none
}

// want returns how many bytes are reserved for a read: a quarter more than the one before took, so that it may grow.
func (e *expectation) want() int {
	if e.page == 0 {
		return maxPage
	}
	return min(e.page+e.page/4, maxPage)
}

// limit returns how many records a read may ask for, if it would ask for most and was granted fewer bytes than it wants.
func (e *expectation) limit(granted int, most int32) int32 {
	if granted >= e.want() {
		return most
	}
	each := e.each
	if each == 0 {
		each = unknownRecord
	}
	return int32(max(1, min(int64(most), int64(granted/each))))
}

// saw takes note of what a read brought, and returns its bytes, as they are charged. Without an account nobody asks.
func (e *expectation) saw(a *Account, records []batch.Record) int {
	if a == nil {
		return 0
	}
	bytes := charge(records)
	e.page = max(bytes, leastGrant)
	if n := len(records); n > 0 {
		e.each = bytes / n
	}
	return bytes
}

// charge returns what records take of a Budget, which is what they take of a Scheduler's buffer.
func charge(records []batch.Record) int {
	n := len(records) * batch.RecordOverhead
	for i := range records {
		n += len(records[i].Data)
	}
	return n
}

// reserve waits until the Budget has room for a read, and returns how many records that may ask for.
func (r *reader) reserve(ctx context.Context) (int32, error) {
	granted, err := r.account.Reserve(ctx, r.expected.want())
	if err != nil {
		return 0, err
	}
	return r.expected.limit(granted, r.limit.now), nil
}
