package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
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
)

// lines returns the log lines that have a text.
func (l *logs) lines(text string) (found []string) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func TestAFunctionThatHangsIsLoggedAtDoublingIntervals(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		lines int // in an hour and a minute
	}{
		{0, 6}, // after 1, 2, 4, 8, 16 and 32 minutes
		{10 * time.Minute, 3},
		{-1, 0},
	} {
		fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
			cfg.WarnAfter, cfg.Function = c.after, w.slow(61*time.Minute)
			r := w.start(cfg)
			pages <- page(1, 3)
			pass(3 * time.Hour)
			lines := w.logs.lines("the function has not returned yet")
			assert.Len(t, lines, c.lines)
			for _, line := range lines {
				assert.Contains(t, line, "shard=shardId-000000000000")
				assert.Contains(t, line, "requestId="+r.Status().Shards[0].Lanes[0].RequestID)
				assert.Contains(t, line, "since=2000-01-01T00:00:00.000Z")
			}
			assert.Len(t, w.logs.lines("the function has returned"), min(c.lines, 1))
			require.NoError(t, r.stop())
		})
	}
}

func TestADestinationThatHangsIsLogged(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.MaximumRetryAttempts = new(0)
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error { return assert.AnError })
		cfg.DestinationConfig.OnFailure.Target = invoke.DestinationFunc(func(context.Context, *invoke.Failure) error {
			time.Sleep(5 * time.Minute)
			return nil
		})
		r := w.start(cfg)
		pages <- page(1, 3)
		pass(time.Hour)
		assert.Len(t, w.logs.lines("the on-failure destination has not taken the document yet"), 3, "after 1, 2 and 4 minutes")
		assert.Len(t, w.logs.lines("the on-failure destination has answered"), 1)
		require.NoError(t, r.stop())
	})
}

func TestFailedItemsWithoutTheSettingNameItOnce(t *testing.T) {
	const setting = "FunctionResponseTypes of the mapping lacks ReportBatchItemFailures"
	answer := func(payload string) invoke.Invoker {
		return answering(payload)
	}
	for name, c := range map[string]struct {
		function invoke.Invoker
		lines    int
		invoked  int
	}{
		"an error that names items": {invoke.Func(func(_ context.Context, e *invoke.Event) error {
			return &invoke.FailedItemsError{SequenceNumbers: []string{"2"}}
		}), 1, 3},
		"an answer that names items": {answer(`{"batchItemFailures":[{"itemIdentifier":"2"}]}`), 1, 1},
		"an answer without items":    {answer(`{"batchItemFailures":[]}`), 0, 1},
		"another answer":             {answer(`"see batchItemFailures"`), 0, 1},
		"another error":              {invoke.Func(func(context.Context, *invoke.Event) error { return assert.AnError }), 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
				cfg.Function, cfg.MaximumRetryAttempts = c.function, new(2)
				r := w.start(cfg)
				for range 3 {
					pages <- page(int(r.Status().Counts.Polled)+1, 3)
					pass(time.Minute)
				}
				assert.Len(t, w.logs.lines(setting), c.lines)
				assert.EqualValues(t, 3*c.invoked, r.Status().Counts.Invocations)
				require.NoError(t, r.stop())
			})
		})
	}
}

// answering is a function that returns an answer in JSON.
type answering string

func (a answering) Invoke(context.Context, *invoke.Invocation) (*invoke.Result, error) {
	return &invoke.Result{Payload: []byte(a)}, nil
}

func TestAPartialFailureIsLoggedAsOne(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
		cfg.MaximumRetryAttempts = new(1)
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
			return &invoke.FailedItemsError{SequenceNumbers: []string{"2"}, Err: errors.New("bad weather")}
		})
		r := w.start(cfg)
		pages <- page(1, 3)
		pass(time.Minute)
		require.NoError(t, r.stop())
		assert.Empty(t, w.logs.lines("outcome=success"))
		assert.NotEmpty(t, w.logs.lines("outcome=partial-failure"))
	})
}

// TestJSONHasDurationsAndEnumerationsAsText reads what a log in JSON and a Status in JSON say of a batch that is retried.
func TestJSONHasDurationsAndEnumerationsAsText(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.Logger = slog.New(slog.NewJSONHandler(&w.logs, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			assert.NotEqual(t, slog.KindDuration, a.Value.Kind(), "%s is written as a bare number of nanoseconds", a.Key)
			return a
		}}))
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error { return errors.New("bad weather") })
		r := w.start(cfg)
		pages <- page(1, 3)
		pass(30 * time.Second)
		text, err := json.Marshal(r.Status())
		require.NoError(t, err)
		var status struct {
			ClockAhead string
			Shards     []struct {
				Behind string
				Lanes  []struct{ Cause, LastError, RequestID, State string }
			}
		}
		require.NoError(t, json.Unmarshal(text, &status), "%s", text)
		assert.Equal(t, "0s", status.ClockAhead)
		require.Len(t, status.Shards, 1)
		assert.Equal(t, "0s", status.Shards[0].Behind)
		require.Len(t, status.Shards[0].Lanes, 1)
		lane := status.Shards[0].Lanes[0]
		assert.Equal(t, "function-error", lane.Cause)
		assert.Equal(t, "bad weather", lane.LastError)
		assert.NotEmpty(t, lane.RequestID)
		require.NoError(t, r.stop())
		assert.NotEmpty(t, w.logs.lines(`"delay":"`))
	})
}

func TestTheLastErrorOfALaneIsBoundedAndEndsWithItsBatch(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		var works atomic.Bool
		cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
			if !works.Load() {
				return errors.New(strings.Repeat("é", 1000))
			}
			return nil
		})
		r := w.start(cfg)
		pages <- page(1, 3)
		synctest.Wait()
		assert.Equal(t, strings.Repeat("é", 512), r.Status().Shards[0].Lanes[0].LastError)
		works.Store(true)
		pass(time.Minute)
		assert.Empty(t, r.Status().Shards[0].Lanes[0].LastError)
		require.NoError(t, r.stop())
	})
}
