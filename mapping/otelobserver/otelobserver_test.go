package otelobserver_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/mapping/otelobserver"
)

func TestOwnObserverIsToldToo(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10", "20", "30")
		told := map[string]int{}
		var committed atomic.Bool // by another goroutine than the rest
		r := w.start(func(cfg *mapping.Config) {
			case83(nil)(cfg)
			cfg.Observer = observe.Observer{
				ShardOpened: func(observe.ShardOpened) { told["opened"]++ },
				ShardClosed: func(observe.ShardClosed) { told["closed"]++ },
				Polled:      func(e observe.Polled) { told["polled"] += e.Records },
				Invoking:    func(observe.Invoking) { told["invoking"]++ },
				Invoked:     func(observe.Invoked) { told["invoked"]++ },
				Discarded:   func(observe.Discarded) { told["discarded"]++ },
				Committed:   func(observe.Committed) { committed.Store(true) },
			}
		})
		pass(5 * time.Second)
		require.NoError(t, r.stop())
		assert.Equal(t, map[string]int{"opened": 1, "closed": 1, "polled": 3, "invoking": 3, "invoked": 3, "discarded": 1}, told)
		assert.True(t, committed.Load())
		assert.EqualValues(t, 3, w.collect().counters["Invocations"+r.series()])
	})
}

func TestFunctionsThatNewRefusesItRefusesInstrumented(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		telemetry, err := otelobserver.New(w.telemetry)
		require.NoError(t, err)
		for _, c := range []struct {
			function invoke.Invoker
			window   time.Duration
		}{
			{nil, 0}, {invoke.Func(nil), 0}, {invoke.ResponseFunc(nil), 0}, {invoke.Func(succeed), time.Second},
		} {
			cfg := w.config(func(cfg *mapping.Config) { cfg.Function, cfg.TumblingWindow = c.function, c.window })
			_, want := mapping.New(cfg)
			_, got := mapping.New(telemetry.Instrument(cfg))
			require.Error(t, want)
			assert.EqualError(t, got, want.Error())
		}
	})
}

// told is an instrumented configuration that is told of a shard and a poll by hand.
func (w *world) told() mapping.Config {
	w.t.Helper()
	telemetry, err := otelobserver.New(w.telemetry)
	require.NoError(w.t, err)
	cfg := telemetry.Instrument(w.config(func(cfg *mapping.Config) { cfg.Function = invoke.Func(succeed) }))
	cfg.Observer.ShardOpened(observe.ShardOpened{Shard: shardID})
	cfg.Observer.Polled(observe.Polled{Shard: shardID, Records: 2, FirstSequenceNumber: "1", LastSequenceNumber: "2"})
	return cfg
}

// invoke runs the function with record 2, and returns what the mapping would say of that.
func (w *world) invoke(cfg mapping.Config, requestID string) observe.Invoked {
	w.t.Helper()
	event := invoke.NewEvent(&invoke.Origin{ShardID: shardID}, batch.RecordsOf([]batch.Record{{SequenceNumber: "2"}}), nil)
	_, err := cfg.Function.Invoke(w.t.Context(), &invoke.Invocation{RequestID: requestID, Attempt: 1, Event: event})
	require.NoError(w.t, err)
	return observe.Invoked{
		Invoking: observe.Invoking{Shard: shardID, RequestID: requestID, Attempt: 1, Records: 1},
		Outcome:  batch.Success, Step: batch.Resolved,
	}
}

func TestPollsAreForgottenWhenTheirRecordsAreStored(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.told()
		commit := func(n string, err error) {
			cfg.Observer.Committed(observe.Committed{Shard: shardID, Position: batch.Position{SequenceNumber: n}, Err: err})
		}
		commit("1", nil)
		cfg.Observer.Invoked(w.invoke(cfg, "first"))
		commit("2", driver.ErrLeaseLost)
		cfg.Observer.Invoked(w.invoke(cfg, "second"))
		commit("2", nil)
		cfg.Observer.Invoked(w.invoke(cfg, "third"))
		var links []int
		for _, s := range w.named("process orders") {
			links = append(links, len(s.Links()))
		}
		assert.Equal(t, []int{1, 1, 0}, links)
	})
}

func TestSpanEndsWhenTheFunctionReturnsNotWhenTheMappingComesToIt(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.told()
		e := w.invoke(cfg, "first")
		returned := time.Now()
		pass(time.Second)
		cfg.Observer.Invoked(e)
		runs := w.named("process orders")
		require.Len(t, runs, 1)
		assert.True(t, runs[0].EndTime().Equal(returned), "ended at %s, the function returned at %s", runs[0].EndTime(), returned)
	})
}

func TestShardThatIsNotOpenIsNotObserved(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.told()
		cfg.Observer.ShardClosed(observe.ShardClosed{Shard: shardID})
		before := w.collect().counters
		cfg.Observer.Invoked(w.invoke(cfg, "first"))
		assert.Equal(t, before, w.collect().counters)
		assert.Empty(t, w.named("process orders"))
	})
}
