package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// inSkewedWorld is inWorld where our clock is ahead of the service's, or behind where ahead is negative.
func inSkewedWorld(t *testing.T, ahead time.Duration, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * time.Hour) // so that no clock is before the year 2000
		w := &world{t: t, store: mapping.NewMemoryStore(), service: kinesistest.New(kinesistest.Config{
			NoLimits: true, Now: func() time.Time { return time.Now().Add(-ahead) },
		})}
		var err error
		w.stream, err = w.service.CreateStream("orders", 1)
		require.NoError(t, err)
		f(t, w)
	})
}

// troubled stands before a store and a stream, in whose calls it disturbs.
type troubled struct {
	driver.Store
	poller.Client

	mu    sync.Mutex
	hangs bool            // a call that is disturbed hangs until its ctx ends; else it fails
	on    map[string]bool // the calls that are disturbed
	calls []string        // of all kinds, in order
}

func (b *troubled) call(ctx context.Context, name string) error {
	b.mu.Lock()
	b.calls = append(b.calls, name)
	disturbed, hangs := b.on[name], b.hangs
	b.mu.Unlock()
	switch {
	case !disturbed:
		return nil
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	}
	return errors.New("connection refused")
}

// heal ends the disturbance.
func (b *troubled) heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on = nil
}

func (b *troubled) Anchor(ctx context.Context, m string, at time.Time) (time.Time, error) {
	if err := b.call(ctx, "Anchor"); err != nil {
		return time.Time{}, err
	}
	return b.Store.Anchor(ctx, m, at)
}

func (b *troubled) SettleAnchor(ctx context.Context, m string, at time.Time) (time.Time, error) {
	if err := b.call(ctx, "SettleAnchor"); err != nil {
		return time.Time{}, err
	}
	return b.Store.SettleAnchor(ctx, m, at)
}

func (b *troubled) Progress(ctx context.Context, m string) (map[string]driver.Progress, error) {
	if err := b.call(ctx, "Progress"); err != nil {
		return nil, err
	}
	return b.Store.Progress(ctx, m)
}

func (b *troubled) Check(ctx context.Context, _ string) error { return b.call(ctx, "Check") }

func (b *troubled) ListShards(ctx context.Context, in *kinesis.ListShardsInput, o ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	if err := b.call(ctx, "ListShards"); err != nil {
		return nil, err
	}
	return b.Client.ListShards(ctx, in, o...)
}

// latest returns a configuration that reads from LATEST, with disturbed calls.
func (w *world) latest(hangs bool, disturbed ...string) (mapping.Config, *troubled) {
	b := &troubled{Store: w.store, Client: w.service.Client(), hangs: hangs, on: map[string]bool{}}
	for _, name := range disturbed {
		b.on[name] = true
	}
	cfg := w.config()
	cfg.StartingPosition, cfg.Store, cfg.Client = mapping.Latest, b, b
	return cfg, b
}

// TestLatestIsKeptFromTheFirstStart: whatever does not answer at the first start, for however long, whether the mapping is
// stopped meanwhile, and however far our clock is off.
func TestLatestIsKeptFromTheFirstStart(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"Anchor", "Check", "Progress", "ListShards", "SettleAnchor"} {
		for _, hangs := range []bool{false, true} {
			for _, ahead := range []time.Duration{0, 30 * time.Second, 8 * time.Hour, -8 * time.Hour} {
				for _, stopped := range []time.Duration{0, time.Minute, 9 * time.Hour} {
					t.Run(fmt.Sprintf("%s/hangs=%t/ahead=%s/stopped=%s", call, hangs, ahead, stopped), func(t *testing.T) {
						inSkewedWorld(t, ahead, func(t *testing.T, w *world) { w.keepsLatest(call, hangs, ahead, stopped) })
					})
				}
			}
		}
	}
}

func (w *world) keepsLatest(call string, hangs bool, ahead, stopped time.Duration) {
	t := w.t
	w.put(0, 5)
	pass(10 * time.Minute)
	cfg, b := w.latest(hangs, call)
	r := w.start(cfg)
	pass(10 * time.Second)
	w.put(10, 5)
	pass(10 * time.Second)
	if stopped > 0 {
		if call == "Anchor" {
			b.heal() // for without a store nothing is kept
		}
		require.NoError(t, r.stop())
		pass(stopped)
	}
	b.heal()
	if stopped > 0 {
		r = w.start(cfg)
	}
	w.put(15, 5)
	pass(2 * time.Minute)
	want := numbers(10, 10)
	if ahead < 0 {
		want = append(numbers(0, 5), want...) // as documented: they arrived after the anchor
	}
	assert.Equal(t, want, w.delivered())
	require.NoError(t, r.stop())
}

func TestLatestIsStoredBeforeAnythingElseIsCalled(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, b := w.latest(false)
		r := w.start(cfg)
		pass(time.Second)
		require.NoError(t, r.stop())
		require.GreaterOrEqual(t, len(b.calls), 4)
		assert.Equal(t, []string{"Anchor", "Check", "Progress", "ListShards", "SettleAnchor"}, b.calls[:5])
	})
}

// TestOtherStartingPositionsHaveNoAnchor: there is nothing to store.
func TestOtherStartingPositionsHaveNoAnchor(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, b := w.latest(false)
		cfg.StartingPosition = mapping.TrimHorizon
		r := w.start(cfg)
		pass(time.Second)
		require.NoError(t, r.stop())
		assert.NotContains(t, b.calls, "Anchor")
		assert.NotContains(t, b.calls, "SettleAnchor")
	})
}

// TestLatestCountsAStartThatIsRefused: the role is mended and the mapping started again.
func TestLatestCountsAStartThatIsRefused(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.service.Fail(kinesistest.ListShards, &types.AccessDeniedException{}, 1)
		cfg, _ := w.latest(false)
		require.Error(t, <-w.start(cfg).done)
		pass(10 * time.Minute)
		w.put(0, 5)
		r := w.start(cfg)
		pass(10 * time.Second)
		assert.Equal(t, numbers(0, 5), w.delivered())
		require.NoError(t, r.stop())
	})
}

// TestStopThatCannotStoreTheStartOfLatestSaysSo: the next start will be the first.
func TestStopThatCannotStoreTheStartOfLatestSaysSo(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		inWorld(t, 1, func(t *testing.T, w *world) {
			cfg, _ := w.latest(hangs, "Anchor")
			r := w.start(cfg)
			pass(10 * time.Second)
			began := time.Now()
			require.ErrorIs(t, r.stop(), mapping.ErrNotStored)
			assert.LessOrEqual(t, time.Since(began), 5*time.Second)
		})
	}
}

func TestRunThatIsCancelledBeforeItBeginsStoresNoStart(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, b := w.latest(false)
		m, err := mapping.New(cfg)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, m.Run(ctx))
		assert.Empty(t, b.calls)
	})
}

// TestLatestStaysOverRestartsWithAnotherClock: once the service's clock has settled it, no clock moves it, though nothing was read.
func TestLatestStaysOverRestartsWithAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * time.Hour)
		ahead := 30 * time.Second
		w := &world{t: t, store: mapping.NewMemoryStore(), service: kinesistest.New(kinesistest.Config{
			NoLimits: true, Now: func() time.Time { return time.Now().Add(-ahead) },
		})}
		var err error
		w.stream, err = w.service.CreateStream("orders", 1)
		require.NoError(t, err)
		w.put(0, 5)
		pass(10 * time.Minute)
		cfg, _ := w.latest(false)
		for _, ahead = range []time.Duration{30 * time.Second, 8 * time.Hour, -8 * time.Hour, 0} {
			r := w.start(cfg)
			pass(10 * time.Second)
			require.NoError(t, r.stop())
		}
		w.put(5, 5)
		r := w.start(cfg)
		pass(10 * time.Second)
		assert.Equal(t, numbers(5, 5), w.delivered())
		require.NoError(t, r.stop())
	})
}

// TestFleetKeepsLatestFromItsFirstStart: our clock is ahead, and the first listing fails.
func TestFleetKeepsLatestFromItsFirstStart(t *testing.T) {
	inSkewedWorld(t, 8*time.Hour, func(t *testing.T, w *world) {
		w.put(0, 5)
		pass(10 * time.Minute)
		w.service.Fail(kinesistest.ListShards, errors.New("connection refused"), 2)
		c := newCrew(w)
		change := func(cfg *mapping.Config) { cfg.StartingPosition = mapping.Latest }
		a, b := c.joinWith("a", change), c.joinWith("b", change)
		pass(time.Second)
		w.put(5, 20)
		pass(time.Minute)
		n, _ := c.all()
		assert.Equal(t, 20, n)
		require.NoError(t, a.stop())
		require.NoError(t, b.stop())
	})
}
