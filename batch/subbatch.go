package batch

import (
	"math/rand/v2"
	"sort"
	"time"
)

// subBatchState is what the head of a lane is waiting for.
type subBatchState uint8

const (
	ready          subBatchState = iota // to be invoked
	running                             // for the end of its invocation
	waiting                             // for notBefore, to be invoked again
	discardPending                      // to be discarded
	discarding                          // for the end of its discard
)

// subBatch is a run of records that is invoked, retried and discarded as one: a batch, the rest of one after a partial
// failure, half of a bisected one, or the expired records of one.
type subBatch struct {
	id        ID // 0 until its first action
	records   Records
	state     subBatchState
	notBefore time.Time
	since     time.Time // of the state, once it was invoked

	invoked  int // invocations under this id
	ran      int // invocations of its records that ran, under any id
	spent    int // those that count against MaximumRetryAttempts
	failures int // in a row, of any kind: the exponent of the retry delay

	window time.Time // the beginning of its tumbling window
	final  bool      // the final invocation of its window: it has no records
	early  bool      // ... which is terminated early
	due    time.Time // for a final one: when it was taken in hand; its age counts from then on

	condition Condition   // once discardPending
	cause     OutcomeKind // of the last failure
}

// split returns the halves of p, each with a fresh budget. The first has ⌊n/2⌋ records.
func (p *subBatch) split() (first, second subBatch) {
	n := p.records.Len() / 2
	return subBatch{records: p.records.Slice(0, n), window: p.window}, subBatch{records: p.records.Slice(n, p.records.Len()), window: p.window}
}

// oldest separates the first n records, which are too old, from the others. The others keep the spent attempts, because
// the function made no progress on them, but become a new batch, because their event has changed.
func (p *subBatch) oldest(n int) (old, rest subBatch) {
	old, rest = *p, *p
	old.records, rest.records = p.records.Slice(0, n), p.records.Slice(n, p.records.Len())
	old.state, old.condition, old.cause = discardPending, RecordAgeExceeded, None
	rest.id, rest.invoked = 0, 0
	return old, rest
}

// older reports whether the record is older than age, where now is by the source's clock. A record with an unknown
// arrival time never is.
func (r *Record) older(age time.Duration, now time.Time) bool { return older(r.ArrivalTime, age, now) }

func older(arrival time.Time, age time.Duration, now time.Time) bool {
	return !arrival.IsZero() && now.Sub(arrival) > age
}

// expired returns how many leading records are older than age at now, by the source's clock.
func expired(records Records, age time.Duration, now time.Time) int {
	if age <= 0 {
		return 0
	}
	n := 0
	for n < records.Len() && records.At(n).older(age, now) {
		n++
	}
	return n
}

// firstFailed returns the index of the first record that items names, or the number of records if items is empty. It
// returns false if an item names no record of these.
func firstFailed(records Records, items []string) (int, bool) {
	first := records.Len()
	for _, item := range items {
		i := sort.Search(records.Len(), func(i int) bool {
			return CompareSequenceNumbers(records.At(i).SequenceNumber, item) >= 0
		})
		if i == records.Len() || CompareSequenceNumbers(records.At(i).SequenceNumber, item) != 0 {
			return 0, false
		}
		first = min(first, i)
	}
	return first, true
}

// retryDelay returns the delay after the nth failure in a row: 200 ms, doubling, at most a minute, and up to a tenth
// more if there is a random source.
func retryDelay(n int, rng *rand.Rand) time.Duration {
	d := min(maxRetryDelay, minRetryDelay<<min(n-1, 16)) // which is more than the most
	if rng != nil {
		d += time.Duration(rng.Int64N(int64(d / 10)))
	}
	return d
}
