package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

// stateOf returns a function whose answer has a state of about so many bytes.
func stateOf(bytes int) invoke.ResponseFunc {
	return func(context.Context, *invoke.Event) (*invoke.Response, error) {
		return &invoke.Response{State: fmt.Appendf(nil, `{"x":"%0*d"}`, bytes, 1)}, nil
	}
}

func TestAnswerWithoutAStateIsAFailedInvocation(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		docs := &documents{}
		cfg.TumblingWindow, cfg.MaximumRetryAttempts, cfg.DestinationConfig.OnFailure.Target = 10*time.Second, new(1), docs
		cfg.Function = invoke.ResponseFunc(func(context.Context, *invoke.Event) (*invoke.Response, error) { return nil, nil })
		r := w.start(cfg)
		pages <- page(1, 3)
		pass(time.Second)
		assert.Equal(t, "PROBLEM: Function call failed", r.Status().LastProcessingResult)
		assert.Contains(t, w.logs.String(), "the answer has no state")
		require.NoError(t, r.stop())
		require.Len(t, docs.got, 1)
		assert.Equal(t, "Unhandled", docs.got[0]["responseContext"].(map[string]any)["functionError"])
	})
}

func TestFunctionThatReturnsNoStateIsRefusedWithWindows(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.TumblingWindow = 10 * time.Second
		_, err := mapping.New(cfg)
		require.ErrorContains(t, err, "Function: is an invoke.Func, which returns no state")
	})
}

func TestStateThatLeavesNoRoomForItsFinalIsRefused(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.TumblingWindow, cfg.PayloadLimit, cfg.MaximumRetryAttempts, cfg.Function = 10*time.Second, 2048, new(0), stateOf(3000)
		r := w.start(cfg)
		pages <- page(1, 1)
		pass(time.Second)
		assert.Contains(t, w.logs.String(), "the payload limit is 2048")
		assert.Equal(t, int64(1), r.Status().Counts.Dropped)
		require.NoError(t, r.stop())
	})
}

// TestStoredStateThatIsTooLargeIsToldOf resumes with a state that fitted a larger limit.
func TestStoredStateThatIsTooLargeIsToldOf(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		var told []observe.TooLarge
		cfg.Observer.TooLarge = func(e observe.TooLarge) { told = append(told, e) }
		cfg.TumblingWindow, cfg.Function = 10*time.Second, stateOf(3000)
		r := w.start(cfg)
		pages <- page(1, 1)
		pass(time.Second)
		require.NoError(t, r.stop())

		cfg.PayloadLimit = 2048
		r = w.start(cfg)
		pass(10 * time.Second)
		pages <- page(2, 1) // of the next window
		pass(time.Hour)
		require.Len(t, told, 1, "once")
		assert.Equal(t, observe.TooLarge{Shard: told[0].Shard, StateBytes: 3008}, told[0])
		assert.Equal(t, 1, strings.Count(w.logs.String(), "the state of a tumbling window is too large for the function"))
		assert.NotContains(t, w.logs.String(), "record is too large")
		require.NoError(t, r.stop())
	})
}

func TestRecordThatIsTooLargeBesideAStateIsToldOfAsSuch(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		var told []observe.TooLarge
		cfg.Observer.TooLarge = func(e observe.TooLarge) { told = append(told, e) }
		cfg.TumblingWindow, cfg.BatchSize, cfg.MaximumRetryAttempts, cfg.Function = 10*time.Second, 1, new(1), stateOf(1_000_000)
		r := w.start(cfg)
		p := page(1, 2)
		p.Records[1].Data = make([]byte, 4_100_000) // an event of 5.5 MB without a state
		pages <- p
		pass(time.Second)
		require.Len(t, told, 1)
		assert.Equal(t, "2", told[0].SequenceNumber)
		assert.Equal(t, 1_000_008, told[0].StateBytes)
		assert.Contains(t, w.logs.String(), "with the state of its tumbling window")
		assert.Contains(t, w.logs.String(), "payloadLimit=6291456")
		require.NoError(t, r.stop())
	})
}

// TestFinalMayReturnNoState has a state that encodes as null when the function returns none.
func TestFinalMayReturnNoState(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		finals := 0
		cfg.TumblingWindow = 10 * time.Second
		cfg.Function = invoke.StateFunc(func(_ context.Context, e *invoke.Event, s map[string]int) (map[string]int, error) {
			if e.Window.Final {
				finals++
				return nil, nil
			}
			w.see(e)
			return map[string]int{"n": s["n"] + e.Len()}, nil
		})
		r := w.start(cfg)
		pages <- page(1, 1)
		pass(11 * time.Second)
		pages <- page(2, 1)
		pass(time.Second)
		assert.Equal(t, 1, finals)
		assert.Equal(t, []string{"0001", "0002"}, w.delivered())
		require.NoError(t, r.stop())
	})
}

func TestLostLeaseEndsABlockedDelivery(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		store := &alwaysLost{MemoryStore: mapping.NewMemoryStore()}
		cfg.Store, cfg.MaximumRetryAttempts, cfg.BatchSize, cfg.ParallelizationFactor = store, new(0), 1, 2
		lost, after := false, 0
		cfg.Observer.ShardClosed = func(e observe.ShardClosed) { lost = errors.Is(e.Err, driver.ErrLeaseLost) }
		cfg.DestinationConfig.OnFailure.Block = true
		cfg.DestinationConfig.OnFailure.Target = invoke.DestinationFunc(func(context.Context, *invoke.Failure) error {
			if lost {
				after++
			}
			return errors.New("down")
		})
		bad := laneKey(0, 2)
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			for r := range e.Records() {
				if r.PartitionKey == bad {
					return errors.New("bad")
				}
			}
			return nil
		})
		r := w.start(cfg)
		p := page(1, 2)
		p.Records[0].PartitionKey, p.Records[1].PartitionKey = laneKey(1, 2), bad
		pages <- p
		synctest.Wait()
		assert.True(t, lost, "by the commit of the first record")
		pass(2 * time.Hour)
		assert.Zero(t, after)
		require.NoError(t, r.stop())
	})
}

// alwaysLost is a Store whose leases are lost at the first commit.
type alwaysLost struct {
	*mapping.MemoryStore
}

func (*alwaysLost) Commit(context.Context, driver.Lease, driver.Progress) error {
	return driver.ErrLeaseLost
}

// laneKey returns a partition key of one lane among n.
func laneKey(lane, n int) string {
	key := "k"
	for batch.LaneOf(&batch.Record{PartitionKey: key}, n) != lane {
		key += "k"
	}
	return key
}

func TestWindowsSwitchedOffDropTheStateAndSaySo(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		plain := cfg
		cfg.TumblingWindow, cfg.Function = 10*time.Second, stateOf(1)
		r := w.start(cfg)
		pages <- page(1, 1)
		pass(time.Second)
		require.NoError(t, r.stop())

		r = w.start(plain)
		pages <- page(2, 1)
		pass(time.Second)
		assert.Equal(t, []string{"0002"}, w.delivered())
		assert.Contains(t, w.logs.String(), `level=ERROR msg="a tumbling window was open, and none is configured any more: its state is dropped"`)
		require.NoError(t, r.stop())
	})
}
