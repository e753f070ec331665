package poller

import (
	"context"
	"sync"
	"time"
)

// subscribeInterval is the minimum time between two subscriptions to a shard. Kinesis refuses one within 5 s of one
// that it accepted (ResourceInUseException); slightly more, because its clock may be slower than ours.
const subscribeInterval = 5*time.Second + 50*time.Millisecond

// turns keeps the calls of SubscribeToShard on each shard subscribeInterval apart, from the answer of one to the
// beginning of the next, over all Readers that the shard has had. The zero turns is ready.
type turns struct {
	mu   sync.Mutex
	last map[string]time.Time // by shard, of those with a recent one
}

// take returns when the shard may be subscribed to, and takes the turn.
func (t *turns) take(ctx context.Context, shard string) error {
	for {
		next := t.reserve(shard)
		if err := waitUntil(ctx, next); err != nil || next.IsZero() {
			return err
		}
	}
}

// reserve takes the turn and returns the zero time, or returns when to ask again.
func (t *turns) reserve(shard string) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if next := t.last[shard].Add(subscribeInterval); now.Before(next) {
		return next
	}
	for s, last := range t.last {
		if now.Sub(last) >= subscribeInterval {
			delete(t.last, s)
		}
	}
	t.note(shard, now)
	return time.Time{}
}

// over records that the call is answered, or abandoned: if the service accepted it, it did so before now.
func (t *turns) over(shard string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(shard, time.Now())
}

func (t *turns) note(shard string, at time.Time) {
	if t.last == nil {
		t.last = map[string]time.Time{}
	}
	t.last[shard] = at
}
