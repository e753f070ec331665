package poller_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// Clients that read on from their checkpoint after an error: while nothing is stored yet, that is the starting
// position, at which one throttle skips records (LATEST) or brings all of them again (TRIM_HORIZON).
func TestPeerBugsReadPositionFromTheCheckpoint(t *testing.T) {
	for _, position := range []mapping.StartingPosition{mapping.TrimHorizon, mapping.Latest} {
		inWard(t, 1, kinesistest.Config{}, func(w *ward) {
			release := w.hold(shardID) // so that nothing can be stored
			polled := 0
			stop := w.run(func(c *mapping.Config) {
				c.StartingPosition, c.BatchSize = position, 1
				c.Observer.Polled = func(p observe.Polled) { polled += p.Records }
			})
			for i := range 5 {
				w.put(2*i, 1)
				w.pass(2 * time.Second)
				w.service.Throttle(kinesistest.GetRecords, 2)
				w.service.ExpireIterators()
				w.put(2*i+1, 1)
				w.pass(time.Minute)
			}
			require.Equal(w, 10, polled, "records read")
			release()
			w.pass(time.Minute)
			require.Equal(w, numbered(0, 10), w.delivered())
			stop()
		})
	}
}

// Clients that renew an iterator from where the shard was opened, or from the last record that was processed.
func TestPeerBugsIteratorRenewedFromAStalePosition(t *testing.T) {
	inWard(t, 1, kinesistest.Config{MaxRecordsPerRead: 3}, func(w *ward) {
		w.put(0, 12)
		r := open(w, w.client, poller.Start{}, poller.Config{})
		var got []string
		for range 5 {
			page, err := r.Next(w.Context())
			require.NoError(w, err)
			for _, rec := range page.Records {
				got = append(got, string(rec.Data))
			}
			w.service.ExpireIterators()
		}
		require.Equal(w, numbered(0, 12), got)
	})
}

// Clients that compare an error with ==, or by its type, and end the shard when the SDK has wrapped it.
func TestPeerBugsWrappedErrorIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(3)
		f.page = 1
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n%2 == 0 {
				return nil, fmt.Errorf("operation error: %w", errors.Join(errors.New("attempt 1"), expired))
			}
			return nil, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		var got []string
		for range 3 {
			page, err := r.Next(t.Context())
			require.NoError(t, err, "a new iterator is all that it takes")
			got = append(got, sequence(page)...)
		}
		require.Equal(t, []string{"1", "2", "3"}, got)
	})
}

// Clients that hold an iterator while the handler works: after 5 minutes it is expired, and they lose the shard.
func TestPeerBugsHandlerBlockedOverFiveMinutes(t *testing.T) {
	inWard(t, 1, kinesistest.Config{MaxRecordsPerRead: 2}, func(w *ward) {
		w.put(0, 10)
		stop := w.run(func(c *mapping.Config) {
			c.BufferBytes = 1 << 10 // no room: nothing is read while the function works
			c.Function = invoke.Func(func(ctx context.Context, e *invoke.Event) error {
				rest(ctx, 6*time.Minute)
				return w.function(ctx, e)
			})
		})
		w.pass(2 * time.Hour)
		require.Equal(w, numbered(0, 10), w.delivered())
		stop()
	})
}

// Clients that resolve LATEST whenever they open a shard of which nothing is stored.
func TestPeerBugsLatestResolvedTwice(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		w.put(0, 3)
		w.pass(10 * time.Second)
		latest := func(c *mapping.Config) { c.StartingPosition = mapping.Latest }
		w.service.Throttle(kinesistest.GetRecords, -1)
		stop := w.run(latest)
		w.pass(time.Second)
		w.put(3, 3)
		stop()
		w.put(6, 3)
		w.pass(time.Hour)
		w.service.ClearFaults()
		stop = w.run(latest)
		w.pass(5 * time.Second)
		require.Equal(w, numbered(3, 6), w.delivered())
		stop()
	})
}

// Clients that ask again at once when a page is empty, and use up what the shard grants to all of its consumers.
func TestPeerBugsHotLoopOnEmptyPages(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		reads := func() (at []time.Time) {
			for _, c := range w.service.Calls() {
				if c.Op == kinesistest.GetRecords {
					at = append(at, c.Time)
				}
			}
			return at
		}
		w.put(0, 1)
		w.service.EmptyReads(100) // which are behind the tip
		stop := w.run(nil)
		w.pass(10 * time.Second)
		require.InDelta(w, 15, len(reads()), 2, "five a second are allowed, and the lag does not shrink")
		w.pass(2 * time.Minute)
		require.Equal(w, numbered(0, 1), w.delivered())
		had := len(reads())
		w.pass(time.Minute) // idle, at the tip
		require.InDelta(w, 60, len(reads())-had, 1)
		at := reads()
		for i := range at[5:] {
			require.Greater(w, at[i+5].Sub(at[i]), time.Second, "six reads in a second")
		}
		stop()
	})
}

// Clients that look at their buffer only when a record comes: the last records of a quiet shard wait for ever.
func TestPeerBugsPartialBatchNeverFlushed(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		stop := w.run(func(c *mapping.Config) { c.BatchSize, c.MaximumBatchingWindow = 100, 5*time.Second })
		w.put(0, 3)
		w.pass(7 * time.Second)
		require.Equal(w, numbered(0, 3), w.delivered())
		w.put(3, 3)
		w.pass(time.Second)
		w.split(shardID)
		w.pass(2 * time.Second)
		require.Equal(w, numbered(0, 6), w.delivered(), "the end of the shard ends the wait as well")
		stop()
	})
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		stop := w.run(func(c *mapping.Config) { c.BatchSize, c.MaximumBatchingWindow = 100, 5*time.Second })
		w.put(0, 3)
		w.pass(1500 * time.Millisecond)
		w.service.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, Hang: true, Times: -1})
		w.pass(5 * time.Second)
		require.Equal(w, numbered(0, 3), w.delivered(), "the window ends though no read does, with or without records")
		stop()
	})
}

// Clients whose checkpoint is a sequence number alone: within an aggregate it loses members, or repeats them.
func TestPeerBugsAggregateCutByARestart(t *testing.T) {
	for resolved := range 6 {
		inWard(t, 1, kinesistest.Config{}, func(w *ward) {
			members := numbered(0, 5)
			var packed []poller.Member
			for _, m := range members {
				packed = append(packed, poller.Member{Key: "k", Data: m})
			}
			_, _, err := w.stream.Put("k", poller.Aggregate(packed...))
			require.NoError(w, err)
			w.put(5, 1)
			members = append(members, "0005")
			stop := w.run(func(c *mapping.Config) {
				c.Read.Deaggregate, c.BatchSize = true, 1
				c.Function = invoke.Func(func(ctx context.Context, e *invoke.Event) error {
					for r := range e.Records() {
						if slices.Index(members, string(r.Data)) >= resolved {
							return errors.New("not yet")
						}
					}
					return w.function(ctx, e)
				})
			})
			w.pass(5 * time.Second)
			stop()
			require.Len(w, w.delivered(), resolved)
			stop = w.run(func(c *mapping.Config) { c.Read.Deaggregate = true })
			w.pass(5 * time.Second)
			require.Equal(w, members, w.delivered())
			stop()
		})
	}
}

// Clients that return nil, or nothing, for "ended", "cancelled" and "gave up" alike.
func TestPeerBugsEndedCancelledAndGaveUpAlike(t *testing.T) {
	inWard(t, 1, kinesistest.Config{}, func(w *ward) {
		r := open(w, w.client, poller.Start{}, poller.Config{})
		cause := errors.New("the user has had enough")
		cancelled := func(after time.Duration) {
			ctx, cancel := context.WithCancelCause(w.Context())
			defer time.AfterFunc(after, func() { cancel(cause) }).Stop()
			began := time.Now()
			if after == 0 {
				cancel(cause)
			}
			_, err := r.Next(ctx)
			require.Equal(w, cause, err, "cancelled after %v", after)
			require.Equal(w, after, time.Since(began))
		}
		cancelled(0)
		w.service.Delay(kinesistest.GetShardIterator, 2*time.Second, 1)
		cancelled(time.Second) // in the midst of a call
		w.service.Delay(kinesistest.GetRecords, 2*time.Second, 1)
		cancelled(time.Second)
		_, err := r.Next(w.Context())
		require.NoError(w, err)
		cancelled(time.Second / 2) // between two polls

		var failed *poller.Error
		w.service.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, Hang: true, Times: 1})
		_, err = r.Next(w.Context())
		require.ErrorAs(w, err, &failed, "failed: no answer in time")
		require.NotErrorIs(w, err, context.DeadlineExceeded, "which is not the end of the caller's ctx")

		w.service.Fail(kinesistest.GetRecords, errors.New("connection reset by peer"), 1)
		_, err = r.Next(w.Context())
		require.ErrorAs(w, err, &failed, "failed")

		w.split(shardID)
		page, err := r.Next(w.Context())
		require.NoError(w, err)
		require.True(w, page.End, "ended")
		_, err = r.Next(w.Context())
		require.ErrorAs(w, err, &failed, "asked again after the end")
	})
}
