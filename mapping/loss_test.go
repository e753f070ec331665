package mapping_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// frozen is a Store that never answers a write of an end: it carries it out before or not at all.
type frozen struct {
	driver.Store
	stores bool
}

func (f *frozen) Commit(ctx context.Context, l driver.Lease, p driver.Progress) error {
	if !p.End {
		return f.Store.Commit(ctx, l, p)
	}
	if f.stores {
		if err := f.Store.Commit(ctx, l, p); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestALossIsReportedThoughTheProcessCrashesWhenItsEndIsStored has a process crash while it stores the end of a shard that left the
// stream unread: the loss is reported at least once, and once more where the end was not stored.
func TestALossIsReportedThoughTheProcessCrashesWhenItsEndIsStored(t *testing.T) {
	for name, stores := range map[string]bool{"after it was": true, "before it was": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				cfg, gaps := w.trims()
				w.put(0, 1)
				r := w.start(cfg)
				pass(10 * time.Minute)
				require.NoError(t, r.stop())
				_, _, err := w.stream.Split(shardID(0))
				require.NoError(t, err)
				pass(30 * time.Hour)

				cfg.Store = &frozen{w.store, stores}
				r = w.start(cfg)
				pass(10*time.Minute + 10*time.Second)
				assert.Len(t, gaps, 1)
				assert.EqualValues(t, 1, r.Status().Counts.Gaps)
				assert.Len(t, w.logs.lines("the rest of it is lost"), 1)
				_ = r.stop()

				cfg.Store = w.store
				r = w.start(cfg)
				pass(10 * time.Minute)
				assert.Len(t, gaps, map[bool]int{true: 1, false: 2}[stores])
				require.NoError(t, r.stop())
			})
		})
	}
}

// TestALossIsReportedThoughAWorkerCrashesWhenItsEndIsStored is the same in a fleet.
func TestALossIsReportedThoughAWorkerCrashesWhenItsEndIsStored(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		store := newSharedStore()
		cfg, gaps := w.trims()
		cfg.Store = &view{sharedStore: store}
		w.put(0, 1)
		r := w.start(cfg)
		pass(10 * time.Minute)
		require.NoError(t, r.stop())
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		pass(30 * time.Hour)

		v := &view{sharedStore: store}
		v.frozen.Store(true)
		cfg.Store = v
		r = w.start(cfg)
		pass(5*time.Minute + 10*time.Second)
		v.cut.Store(true)
		_ = r.stop()
		assert.Len(t, gaps, 1)

		w.put(6, 5)
		cfg.Store = &view{sharedStore: store}
		r = w.start(cfg)
		pass(2 * time.Hour)
		assert.Len(t, gaps, 1)
		assert.Equal(t, []string{shardID(0)}, store.deleted)
		require.NoError(t, r.stop())
	})
}

// leavingSource is a stream of a shard with one record that leaves it while it is read.
type leavingSource struct{ *goneSource }

func (l leavingSource) Open(s poller.Shard, from poller.Start) (poller.Reader, error) {
	reader, err := l.goneSource.Open(s, from)
	return &leavingReader{reader, s.ID == "parent" && from.Position.IsZero()}, err
}

func (leavingSource) Describe(context.Context) (poller.Description, error) {
	return poller.Description{Retention: 24 * time.Hour}, nil
}

type leavingReader struct {
	poller.Reader
	first bool
}

func (r *leavingReader) Next(ctx context.Context) (batch.Page, error) {
	if r.first {
		r.first = false
		p := page(1, 1)
		p.Records[0].ArrivalTime = time.Now().Add(-25 * time.Hour)
		return p, nil
	}
	return r.Reader.Next(ctx)
}

// TestALossIsReportedOnceThoughAStopComesBeforeTheWindowIsClosed has a shard leave the stream while it is read, with an open window: its
// end comes after the final invocation, which a stop cuts short.
func TestALossIsReportedOnceThoughAStopComesBeforeTheWindowIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: mapping.NewMemoryStore()}
		g := &goneSource{}
		fn := closings{answer: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		cfg, gaps := w.trims()
		cfg.Source, cfg.TumblingWindow, cfg.DrainTimeout, cfg.Function = leavingSource{g}, 15*time.Minute, time.Second, fn.function()
		cfg.Read.PollInterval, cfg.ShardRefreshInterval = 0, 30*time.Second
		r := w.start(cfg)
		pass(10 * time.Second)
		g.mu.Lock()
		g.gone = true
		g.mu.Unlock()
		pass(25 * time.Hour)
		require.NotEmpty(t, fn.called())
		require.ErrorIs(t, r.stop(), mapping.ErrDrainTimeout)
		assert.Empty(t, gaps, "the end is not stored")

		fn.answer = func(context.Context) error { return nil }
		r = w.start(cfg)
		pass(3 * time.Hour)
		assert.Len(t, gaps, 1)
		require.NoError(t, r.stop())
	})
}
