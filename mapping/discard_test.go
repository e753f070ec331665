package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
)

// poison returns a function that keeps what it is invoked with and raises when one of the records is bad.
func (w *world) poison(bad ...string) invoke.Func {
	return func(_ context.Context, e *invoke.Event) error {
		var batch []string
		failed := false
		for r := range e.Records() {
			batch = append(batch, string(r.Data))
			for _, b := range bad {
				failed = failed || string(r.Data) == b
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, strings.Join(batch, ","))
		if failed {
			return errors.New("bad record")
		}
		return nil
	}
}

// documents is a destination that keeps what it is given, as the JSON that a queue would get.
type documents struct {
	mu  sync.Mutex
	got []map[string]any
	err error
}

func (d *documents) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *documents) Deliver(_ context.Context, f *invoke.Failure) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	var doc map[string]any
	if err := json.Unmarshal(f.AppendJSON(nil), &doc); err != nil {
		return err
	}
	d.got = append(d.got, doc)
	return nil
}

func TestPoisonRecordIsBisectedOutAndReported(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		docs := &documents{}
		cfg.MaximumRetryAttempts, cfg.BisectBatchOnFunctionError = new(1), true
		cfg.DestinationConfig.OnFailure.Target = docs
		cfg.Function = w.poison("0002")
		var ids []string
		cfg.Observer.Invoking = func(e observe.Invoking) { ids = append(ids, e.RequestID) }
		r := w.start(cfg)
		pages <- page(1, 4)
		pass(time.Second)
		assert.Equal(t, []string{"0001,0002,0003,0004", "0001,0002", "0001", "0002", "0002", "0003,0004"}, w.delivered(), "case 50")
		require.Len(t, docs.got, 1)
		request := docs.got[0]["requestContext"].(map[string]any)
		assert.Equal(t, "RetryAttemptsExhausted", request["condition"])
		assert.EqualValues(t, 2, request["approximateInvokeCount"])
		assert.Equal(t, ids[4], request["requestId"], "that of the last invocation")
		assert.Equal(t, ids[3], ids[4], "an unchanged retry keeps its request ID")
		assert.NotEqual(t, ids[0], ids[1], "a half is a new invocation")
		assert.Equal(t, map[string]any{"statusCode": 200., "executedVersion": "$LATEST", "functionError": "Unhandled"}, docs.got[0]["responseContext"])
		assert.Equal(t, "4", r.Status().Shards[0].Stored.SequenceNumber)
		counts := r.Status().Counts
		assert.Equal(t, mapping.Counts{Polled: 4, Invoked: 11, Failed: 8, Delivered: 1, Invocations: 6}, counts)
		require.NoError(t, r.stop())
	})
}

func TestPartialFailureGoesOnFromTheFirstFailedItem(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		docs := &documents{}
		cfg.MaximumRetryAttempts = new(1)
		cfg.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
		cfg.DestinationConfig.OnFailure.Target = docs
		raise := w.poison()
		cfg.Function = invoke.Func(func(ctx context.Context, e *invoke.Event) error {
			_ = raise(ctx, e)
			return &invoke.FailedItemsError{SequenceNumbers: []string{"2"}}
		})
		r := w.start(cfg)
		pages <- page(1, 4)
		pass(time.Second)
		assert.Equal(t, []string{"0001,0002,0003,0004", "0002,0003,0004", "0002,0003,0004"}, w.delivered(), "case 51")
		assert.Equal(t, "OK", r.Status().LastProcessingResult, "case 58")
		require.Len(t, docs.got, 1)
		response := docs.got[0]["responseContext"].(map[string]any)
		assert.Contains(t, response, "functionError")
		assert.Nil(t, response["functionError"])
		assert.EqualValues(t, 3, docs.got[0]["KinesisBatchInfo"].(map[string]any)["batchSize"])
		require.NoError(t, r.stop())
	})
}

func TestUnusableItemIsNamedInTheResult(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
		cfg.Function = invoke.ResponseFunc(func(context.Context, *invoke.Event) (*invoke.Response, error) {
			return &invoke.Response{FailedItems: []string{""}}, nil
		})
		r := w.start(cfg)
		pages <- page(1, 1)
		synctest.Wait()
		assert.Equal(t, "PROBLEM: Sequence number in function response is invalid. Please check function implementation.", r.Status().LastProcessingResult)
		require.NoError(t, r.stop())
	})
}

func TestRecordsThatAreTooOldAreDiscardedWithoutAnInvocation(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		docs := &documents{}
		cfg.MaximumRecordAge = time.Minute
		cfg.DestinationConfig.OnFailure.Target = docs
		r := w.start(cfg)
		p := page(1, 3)
		p.Records[0].ArrivalTime = time.Now().Add(-61 * time.Second)
		pages <- p
		synctest.Wait()
		assert.Equal(t, numbers(2, 2), w.delivered(), "case 61")
		require.Len(t, docs.got, 1)
		request := docs.got[0]["requestContext"].(map[string]any)
		assert.Equal(t, "RecordAgeExceeded", request["condition"])
		assert.EqualValues(t, 1, request["approximateInvokeCount"])
		assert.Len(t, request["requestId"], 36)
		assert.NotContains(t, docs.got[0], "responseContext")
		require.NoError(t, r.stop())
	})
}

func TestOversizedRecordIsNeverInvokedAndDiscarded(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		docs := &documents{}
		cfg.MaximumRetryAttempts, cfg.PayloadLimit = new(2), 2000
		cfg.DestinationConfig.OnFailure.Target = docs
		var large []observe.TooLarge
		cfg.Observer.TooLarge = func(e observe.TooLarge) { large = append(large, e) }
		r := w.start(cfg)
		p := page(1, 3)
		p.Records[1].Data = make([]byte, 5000)
		pages <- p
		pass(time.Second)
		assert.Equal(t, []string{"0001", "0003"}, w.delivered(), "case 39")
		require.Len(t, docs.got, 1)
		assert.EqualValues(t, 3, docs.got[0]["requestContext"].(map[string]any)["approximateInvokeCount"])
		assert.NotContains(t, docs.got[0], "responseContext")
		assert.Equal(t, []observe.TooLarge{{Shard: "shardId-000000000000", SequenceNumber: "2"}}, large, "told once")
		require.NoError(t, r.stop())
	})
}

func TestDestinationThatFailsLosesTheRecordsAndTheStreamGoesOn(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		docs := &documents{err: errors.New("access denied to the queue")}
		cfg.MaximumRetryAttempts, cfg.BatchSize = new(0), 2
		cfg.DestinationConfig.OnFailure.Target = docs
		cfg.Function = w.poison("0001")
		var events []observe.Discarded
		cfg.Observer.Discarded = func(e observe.Discarded) { events = append(events, e) }
		r := w.start(cfg)
		pages <- page(1, 4)
		synctest.Wait()
		assert.Equal(t, []string{"0001,0002", "0003,0004"}, w.delivered(), "case 67")
		require.Len(t, events, 1)
		assert.False(t, events[0].Delivered)
		assert.Equal(t, "1 2", events[0].FirstSequenceNumber+" "+events[0].LastSequenceNumber)
		assert.EqualValues(t, 2, r.Status().Counts.Dropped)
		assert.Contains(t, w.logs.String(), "access denied to the queue")
		require.NoError(t, r.stop())
	})
}

func TestDestinationThatIsWaitedForBlocksItsLaneUntilItWorks(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		docs := &documents{err: errors.New("queue is down")}
		cfg.MaximumRetryAttempts, cfg.BatchSize = new(0), 2
		cfg.DestinationConfig.OnFailure.Target, cfg.DestinationConfig.OnFailure.Block = docs, true
		cfg.Function = w.poison("0001")
		r := w.start(cfg)
		pages <- page(1, 4)
		pass(time.Hour)
		assert.Equal(t, []string{"0001,0002"}, w.delivered())
		assert.Contains(t, r.Status().Shards[0].Waiting, "delivering to the on-failure destination since ")
		docs.fail(nil)
		pass(2 * time.Minute)
		assert.Len(t, docs.got, 1)
		assert.Equal(t, []string{"0001,0002", "0003,0004"}, w.delivered())
		require.NoError(t, r.stop())
	})
}

func TestDestinationThatPanicsOrHangsLosesTheRecordsAndTheStreamGoesOn(t *testing.T) {
	for name, fail := range map[string]invoke.DestinationFunc{
		"panics": func(context.Context, *invoke.Failure) error { panic("boom") },
		"hangs": func(ctx context.Context, _ *invoke.Failure) error {
			<-ctx.Done()
			return ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
				cfg.MaximumRetryAttempts, cfg.BatchSize = new(0), 1
				cfg.DestinationConfig.OnFailure.Target = fail
				cfg.Function = w.poison("0001")
				r := w.start(cfg)
				pages <- page(1, 2)
				pass(time.Minute)
				assert.Equal(t, numbers(1, 2), w.delivered())
				assert.EqualValues(t, 1, r.Status().Counts.Dropped)
				require.NoError(t, r.stop())
			})
		})
	}
}

func TestDeliveryThatAStopCutsShortComesAgain(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.MaximumRetryAttempts, cfg.DrainTimeout = new(0), time.Second
		cfg.DestinationConfig.OnFailure.Target = invoke.DestinationFunc(func(ctx context.Context, _ *invoke.Failure) error {
			<-ctx.Done()
			return ctx.Err()
		})
		cfg.Function = w.poison("0001")
		r := w.start(cfg)
		pages <- page(1, 1)
		synctest.Wait()
		require.ErrorIs(t, r.stop(), mapping.ErrDrainTimeout)
		assert.True(t, w.stored().IsZero())
		assert.Zero(t, r.Status().Counts.Dropped)
	})
}

func TestThrottledInvocationsSpendNoRetry(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.MaximumRetryAttempts = new(0)
		calls := 0
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			if calls++; calls < 6 {
				return fmt.Errorf("429: %w", invoke.ErrThrottled)
			}
			w.see(e)
			return nil
		})
		r := w.start(cfg)
		pages <- page(1, 1)
		pass(time.Minute)
		assert.Equal(t, numbers(1, 1), w.delivered(), "case 64")
		assert.EqualValues(t, 1, r.Status().Counts.Invocations)
		require.NoError(t, r.stop())
	})
}

func TestRetriesOfThisManyMeanOneInvocationMore(t *testing.T) {
	for retries := range 4 {
		fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
			cfg.MaximumRetryAttempts = &retries
			cfg.Function = w.poison("0001")
			r := w.start(cfg)
			pages <- page(1, 1)
			pass(time.Minute)
			assert.Len(t, w.delivered(), retries+1)
			require.NoError(t, r.stop())
		})
	}
}

func TestRecordsWithoutADestinationAreDroppedAndCounted(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.MaximumRetryAttempts = new(0)
		cfg.Function = w.poison("0001")
		r := w.start(cfg)
		pages <- page(1, 3)
		synctest.Wait()
		assert.EqualValues(t, 3, r.Status().Counts.Dropped)
		assert.Equal(t, 1, strings.Count(w.logs.String(), "records dropped: there is no on-failure destination"))
		assert.Equal(t, "3", r.Status().Shards[0].Stored.SequenceNumber)
		require.NoError(t, r.stop())
	})
}

func TestStopWhileWaitingForTheDestinationIsAtOnce(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.MaximumRetryAttempts = new(0)
		cfg.Function = w.poison("0001")
		cfg.DestinationConfig.OnFailure.Target = &documents{err: errors.New("denied")}
		cfg.DestinationConfig.OnFailure.Block = true
		r := w.start(cfg)
		pages <- page(1, 1)
		pass(10 * time.Minute)
		began := time.Now()
		err := r.stop()
		assert.NoError(t, err)
		assert.Less(t, time.Since(began), 5*time.Second)
	})
}

func TestDestinationThatEndsItsGoroutineLosesTheRecords(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.MaximumRetryAttempts = new(0)
		cfg.Function = w.poison("0001")
		cfg.BatchSize = 1
		cfg.DestinationConfig.OnFailure.Target = invoke.DestinationFunc(func(context.Context, *invoke.Failure) error { runtime.Goexit(); return nil })
		r := w.start(cfg)
		pages <- page(1, 2)
		pass(time.Hour)
		assert.Equal(t, numbers(1, 2), w.delivered())
		require.NoError(t, r.stop())
	})
}
