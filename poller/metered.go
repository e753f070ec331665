package poller

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// turn waits until the shard may be read, as far as this process knows.
func (r *reader) turn(ctx context.Context) error {
	came := time.Now()
	at, err := r.meter.reads.wait(ctx, &r.reading, r.pace.rank())
	if err != nil {
		return err
	}
	if waited := at.Sub(came); waited > 0 && r.meter.reads.shared(&r.reading) {
		r.pace.tally.prove(at)
		r.pace.tally.count(at, 0, waited)
	}
	return nil
}

// granted records a read that returned these records. hurry is set if it was empty, behind the tip, and worth a read
// soon.
func (r *reader) granted(records []batch.Record, hurry bool) {
	bytes := 0
	for i := range records {
		bytes += len(records[i].Data) + len(records[i].PartitionKey)
	}
	if bytes > 0 {
		r.meter.reads.spend(r.pace.sent, bytes)
	}
	now := time.Now()
	r.meter.reads.granted(now, &r.reading)
	r.pace.succeeded(now, hurry, bytes, rand.Float64())
}

// failed records a failed poll.
func (r *reader) failed(e *Error) {
	now, chance := time.Now(), rand.Float64()
	switch {
	case refusesShare(e) && e.Op == getRecords:
		r.refused(now, chance)
	case refusesShare(e) && e.Op == getShardIterator:
		r.pace.deferred(now, chance)
	default:
		r.pace.failed(now, e.Class)
	}
}

// refused records a read that was refused because the shard's consumers request more than it grants.
func (r *reader) refused(now time.Time, chance float64) {
	why := r.meter.reads.refused(r.pace.sent, now, &r.reading)
	if !why.paid.IsZero() {
		r.pace.owing(why.paid, chance)
		return
	}
	if !why.explained {
		r.pace.tally.prove(now)
	}
	r.pace.refused(now, chance)
}

// Sharing implements Sharer.
func (r *reader) Sharing() (Share, bool) {
	return r.pace.tally.share(time.Now(), r.pace.wanted)
}
