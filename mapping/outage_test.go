package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

type flakyStore struct {
	driver.Store
	n atomic.Int64
}

func (f *flakyStore) Progress(ctx context.Context, m string) (map[string]driver.Progress, error) {
	if f.n.Add(1) == 1 {
		return nil, errors.New("throttled")
	}
	return f.Store.Progress(ctx, m)
}

func TestStoreThatFailsAtTheStartIsTriedAgain(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Store = &flakyStore{Store: w.store}
		r := w.start(cfg)
		pass(time.Minute)
		require.True(t, r.Status().Running)
		require.NoError(t, r.stop())
	})
}

func TestStopAfterAnOutageOfTheStoreStoresAtOnce(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		store := &brittle{Store: w.store, err: errors.New("disk full")}
		cfg.Store = store
		r := w.start(cfg)
		pages <- page(1, 10)
		pass(26500 * time.Millisecond) // 200ms.. the pause is 10 s now
		store.set(0, nil)              // the store is good again
		require.NoError(t, r.stop())
		assert.Equal(t, "10", w.stored().SequenceNumber)
	})
}

func TestStopThatCannotStoreSaysSo(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.Store = &brittle{Store: w.store, err: errors.New("disk full")}
		r := w.start(cfg)
		pages <- page(1, 10)
		pass(time.Minute)
		assert.Error(t, r.stop(), "nothing was ever stored")
	})
}

func TestStoreThatIsDamagedEndsTheRun(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.Store = &brittle{Store: w.store, err: driver.ErrUnreadable}
		r := w.start(cfg)
		pages <- page(1, 10)
		pass(2 * time.Minute)
		assert.False(t, r.Status().Running)
		t.Logf("err=%v", r.stop())
	})
}

func TestStatusTellsOfAStoreThatFails(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.Store = &brittle{Store: w.store, err: errors.New("disk full")}
		r := w.start(cfg)
		pages <- page(1, 10)
		close(pages)
		pass(2 * time.Minute)
		assert.Contains(t, r.Status().Shards[0].Waiting, "disk full")
		require.ErrorIs(t, r.stop(), mapping.ErrNotStored)
	})
}

type losing struct {
	driver.Store
	acquires atomic.Int64
}

func (l *losing) Acquire(ctx context.Context, m, s, o string) (driver.Lease, driver.Progress, error) {
	if l.acquires.Add(1) > 1000 {
		<-ctx.Done()
		return driver.Lease{}, driver.Progress{}, ctx.Err()
	}
	return driver.Lease{Mapping: m, Shard: s, Owner: o, Epoch: uint64(l.acquires.Load())}, driver.Progress{}, nil
}

func (l *losing) Commit(context.Context, driver.Lease, driver.Progress) error {
	return driver.ErrLeaseLost
}
func (l *losing) Release(context.Context, driver.Lease) error { return nil }

func TestLostLeaseIsNotAskedForWithoutAPause(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 1)
		cfg := w.config()
		st := &losing{Store: w.store}
		cfg.Store = st
		r := w.start(cfg)
		pass(3 * time.Second)
		assert.Less(t, st.acquires.Load(), int64(50), "in 3 s; invocations of one record: %d", len(w.delivered()))
		_ = r.stop()
	})
}

func TestLeaseThatIsLostWhileDrainingIsNoErrorOfTheStop(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		store := &brittle{Store: w.store}
		cfg.Store, cfg.BatchSize = store, 1
		n := 0
		cfg.Function = invoke.Func(func(ctx context.Context, e *invoke.Event) error {
			if n++; n == 1 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		store.set(100*time.Millisecond, driver.ErrLeaseLost)
		r := w.start(cfg)
		pages <- page(1, 10)
		synctest.Wait()
		require.NoError(t, r.stop())
	})
}

func TestPassingErrorLeavesTheResultAsItWas(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 1)
		r := w.start(w.config())
		pass(5 * time.Second)
		assert.Equal(t, "OK", r.Status().LastProcessingResult)
		w.service.Fail(kinesistest.GetRecords, errors.New("connection reset by peer"), 1)
		pass(2 * time.Minute)
		assert.Equal(t, "OK", r.Status().LastProcessingResult)
		require.NoError(t, r.stop())
	})
}

func TestThrottlesDoNotFloodTheLog(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		r := w.start(w.config())
		for range 100 {
			pass(5 * time.Second)
			w.service.Throttle(kinesistest.GetRecords, 1)
		}
		pass(time.Minute)
		require.NoError(t, r.stop())
		assert.Less(t, strings.Count(w.logs.String(), "\n"), 20)
	})
}

type listFails struct {
	source
	n atomic.Int64
}

func (l *listFails) Shards(context.Context) ([]poller.Shard, error) {
	return nil, &poller.Error{Op: "list shards", Class: poller.Retry, Err: fmt.Errorf("https response error StatusCode: 500, RequestID: %d, InternalFailure", l.n.Add(1))}
}

func TestListingsThatFailDoNotFloodTheLog(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.Source = &listFails{source: source{pages}}
		r := w.start(cfg)
		pass(2 * time.Minute)
		require.NoError(t, r.stop())
		assert.Less(t, strings.Count(w.logs.String(), "level=ERROR"), 3)
	})
}
