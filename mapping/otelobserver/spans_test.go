package otelobserver_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

func TestInvocationIsARootSpanThatTheFunctionContinuesLinkedToItsPoll(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10", "20")
		r := w.start(func(cfg *mapping.Config) {
			cfg.Function = invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
				_, span := w.tracers.Tracer("test").Start(ctx, "work")
				defer span.End()
				time.Sleep(3 * time.Second)
				return nil
			})
		})
		pass(500 * time.Millisecond)
		w.put("30")
		pass(10 * time.Second)
		require.NoError(t, r.stop())
		polls, runs, work := w.named("poll orders"), w.named("process orders"), w.named("work")
		require.Len(t, polls, 2, "those that brought records")
		require.Len(t, runs, 2)
		require.Len(t, work, 2)
		for i := range runs {
			assert.False(t, runs[i].Parent().IsValid(), "a root, for all that Run's ctx has a span")
			assert.Equal(t, runs[i].SpanContext().SpanID(), work[i].Parent().SpanID(), "the function continues it")
			require.Len(t, runs[i].Links(), 1)
			assert.Equal(t, polls[i].SpanContext(), runs[i].Links()[0].SpanContext)
			assert.Equal(t, codes.Unset, runs[i].Status().Code)
			assert.Equal(t, trace.SpanKindConsumer, runs[i].SpanKind())
			assert.Equal(t, 3*time.Second, runs[i].EndTime().Sub(runs[i].StartTime()))
		}
		assert.Equal(t, trace.SpanKindClient, polls[0].SpanKind())
		first := attributes(runs[0])
		assert.NotEmpty(t, first["faas.invocation_id"])
		delete(first, "faas.invocation_id")
		assert.Equal(t, map[string]string{
			"messaging.system": "aws.kinesis", "messaging.destination.name": "orders", "aws.kinesis.stream_name": "orders",
			"messaging.destination.partition.id": shardID, "messaging.operation.name": "process", "messaging.operation.type": "process",
			"messaging.batch.message_count": "2", "aws.lambda.resource_mapping.id": r.Status().UUID,
			"aws.lambda.invoked_arn": "arn:aws:lambda:us-east-1:123456789012:function:ship-orders:live",
			"faas.trigger":           "pubsub", "faas.invoked_name": "ship-orders",
			"shardmill.attempt": "1", "shardmill.step": "resolved",
		}, first)
		poll := attributes(polls[0])
		assert.Equal(t, "2", poll["messaging.batch.message_count"])
		assert.Equal(t, "receive", poll["messaging.operation.type"])
		assert.Equal(t, "4", poll["shardmill.bytes"])
	})
}

func TestInvocationIsLinkedToAllPollsThatItsRecordsCameFrom(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		r := w.start(func(cfg *mapping.Config) {
			cfg.MaximumBatchingWindow = 6 * time.Second
			cfg.FilterCriteria.Filters = []mapping.Filter{{Pattern: `{"partitionKey": ["10", "20", "40"]}`}}
			cfg.Function = invoke.Func(succeed)
		})
		for _, data := range []string{"10", "20", "30", "40"} {
			pass(1500 * time.Millisecond)
			w.put(data)
		}
		pass(10 * time.Second)
		require.NoError(t, r.stop())
		polls, runs := w.named("poll orders"), w.named("process orders")
		require.Len(t, polls, 4)
		require.Len(t, runs, 1)
		require.Len(t, runs[0].Links(), 3)
		for i, poll := range []int{0, 1, 3} { // that of 30 brought nothing
			assert.Equal(t, polls[poll].SpanContext(), runs[0].Links()[i].SpanContext)
		}
	})
}

func TestRetryIsASpanOfItsOwnWithTheSamePoll(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10", "20", "30")
		r := w.start(case83(nil))
		pass(10 * time.Second)
		require.NoError(t, r.stop())
		polls, runs := w.named("poll orders"), w.named("process orders")
		require.Len(t, polls, 1)
		assert.Equal(t, "1", attributes(polls[0])["shardmill.filtered_out"])
		require.Len(t, runs, 3)
		var told []string
		for _, s := range runs {
			require.Len(t, s.Links(), 1)
			assert.Equal(t, polls[0].SpanContext(), s.Links()[0].SpanContext)
			a := attributes(s)
			told = append(told, fmt.Sprintf("%s attempt %s: %s %s", s.Status().Code, a["shardmill.attempt"], a["shardmill.step"], a["error.type"]))
		}
		assert.Equal(t, []string{
			"Unset attempt 1: resolved ",
			"Error attempt 1: retried function-error",
			"Error attempt 2: exhausted function-error",
		}, told)
		assert.Equal(t, attributes(runs[1])["faas.invocation_id"], attributes(runs[2])["faas.invocation_id"])
	})
}

func TestStatusTellsWhyRecordsWereNotProcessed(t *testing.T) {
	long := strings.Repeat("x", 1023) + "é"
	for name, c := range map[string]struct {
		function    invoke.Invoker
		kind, cause string
		failed      string
	}{
		"an error":     {invoke.Func(func(context.Context, *invoke.Event) error { return errors.New("kettle") }), "function-error", "kettle", "2"},
		"a long error": {invoke.Func(func(context.Context, *invoke.Event) error { return errors.New(long) }), "function-error", long[:1023], "2"},
		"a panic":      {invoke.Func(func(context.Context, *invoke.Event) error { panic("kettle") }), "panic", "invoke: function panicked: kettle", "2"},
		"an ended goroutine": {
			invoke.Func(func(context.Context, *invoke.Event) error { runtime.Goexit(); return nil }),
			"function-error", "invoke: function called runtime.Goexit", "2",
		},
		"a late success":    {invoke.Func(func(context.Context, *invoke.Event) error { time.Sleep(2 * time.Second); return nil }), "timeout", "invoke: task timed out after 1.00 seconds", "2"},
		"never run":         {invoke.Func(func(context.Context, *invoke.Event) error { return invoke.ErrThrottled }), "not-run", "invoke: function did not run: throttled", "2"},
		"an error document": {answer{&invoke.Result{FunctionError: "Unhandled", Payload: []byte(`{}`)}}, "function-error", "invoke: function error Unhandled: {}", "2"},
		"failed items in JSON": {
			answer{&invoke.Result{Payload: []byte(`{"batchItemFailures":[{"itemIdentifier":"no such"}]}`)}},
			"batch-item-failures", "2 of 2 records failed", "2",
		},
		"a failed item": {
			invoke.Func(func(_ context.Context, e *invoke.Event) error {
				last := ""
				for r := range e.Records() {
					last = r.SequenceNumber
				}
				return &invoke.FailedItemsError{SequenceNumbers: []string{last}, Err: errors.New("kettle")}
			}),
			"batch-item-failures", "invoke: 1 items failed: kettle", "1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				w.put("10", "20")
				r := w.start(func(cfg *mapping.Config) {
					cfg.FunctionTimeout, cfg.MaximumRetryAttempts = time.Second, new(0)
					cfg.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
					cfg.Function = c.function
				})
				pass(5 * time.Second)
				require.NoError(t, r.stop())
				runs := w.named("process orders")
				require.NotEmpty(t, runs)
				assert.Equal(t, sdktrace.Status{Code: codes.Error, Description: c.cause}, runs[0].Status())
				assert.Equal(t, c.kind, attributes(runs[0])["error.type"])
				assert.Equal(t, c.failed, attributes(runs[0])["shardmill.failed"])
			})
		})
	}
}

// answer is a function that always answers the same.
type answer struct{ result *invoke.Result }

func (a answer) Invoke(context.Context, *invoke.Invocation) (*invoke.Result, error) {
	return a.result, nil
}

func TestSpanOfAnInvocationThatAStopCutsShortEnds(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10")
		r := w.start(func(cfg *mapping.Config) {
			cfg.DrainTimeout = time.Second
			cfg.Function = invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
				<-ctx.Done()
				return ctx.Err()
			})
		})
		pass(time.Second)
		require.ErrorIs(t, r.stop(), mapping.ErrDrainTimeout)
		runs := w.named("process orders")
		require.Len(t, runs, 1)
		assert.Equal(t, codes.Error, runs[0].Status().Code)
		assert.Contains(t, runs[0].Status().Description, "drain timeout")
		assert.Equal(t, "abandoned", attributes(runs[0])["error.type"])
		assert.EqualValues(t, 0, w.collect().counters["Invocations"+r.series()])
	})
}

func TestSpanOfAFunctionThatOutlivesItsMappingEndsWithIt(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10")
		r := w.start(func(cfg *mapping.Config) {
			cfg.DrainTimeout = time.Second
			cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
				time.Sleep(time.Minute)
				return nil
			})
		})
		pass(time.Second)
		require.ErrorIs(t, r.stop(), mapping.ErrStillRunning)
		assert.Empty(t, w.named("process orders"))
		pass(time.Minute)
		runs := w.named("process orders")
		require.Len(t, runs, 1)
		assert.Equal(t, time.Minute, runs[0].EndTime().Sub(runs[0].StartTime()))
		assert.Contains(t, runs[0].Status().Description, "still running")
	})
}

func TestSpanThatIsNotSampledIsInTheContextAllTheSame(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10")
		w.telemetry.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans), sdktrace.WithSampler(sdktrace.NeverSample()))
		var got trace.SpanContext
		r := w.start(func(cfg *mapping.Config) {
			cfg.Function = invoke.Func(func(ctx context.Context, _ *invoke.Event) error {
				got = trace.SpanContextFromContext(ctx)
				return nil
			})
		})
		pass(2 * time.Second)
		require.NoError(t, r.stop())
		assert.True(t, got.IsValid())
		assert.False(t, got.IsSampled())
		assert.Empty(t, w.spans.Ended())
		assert.EqualValues(t, 1, w.collect().counters["Invocations"+r.series()])
	})
}

func TestDurationHasTheSpanAsItsExemplar(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10")
		r := w.start(func(cfg *mapping.Config) { cfg.Function = invoke.Func(succeed) })
		pass(2 * time.Second)
		require.NoError(t, r.stop())
		runs := w.named("process orders")
		require.Len(t, runs, 1)
		exemplars := w.collect().histograms["Duration"+r.series()].Exemplars
		require.Len(t, exemplars, 1)
		id := runs[0].SpanContext().SpanID()
		assert.Equal(t, id[:], exemplars[0].SpanID)
	})
}

// onlyRuns samples invocations, and no polls.
type onlyRuns struct{}

func (onlyRuns) Description() string { return "onlyRuns" }

func (onlyRuns) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if strings.HasPrefix(p.Name, "poll ") {
		return sdktrace.NeverSample().ShouldSample(p)
	}
	return sdktrace.AlwaysSample().ShouldSample(p)
}

func TestPollThatIsNotSampledHasNoLinkToIt(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10")
		w.telemetry.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans), sdktrace.WithSampler(onlyRuns{}))
		r := w.start(func(cfg *mapping.Config) { cfg.Function = invoke.Func(succeed) })
		pass(2 * time.Second)
		require.NoError(t, r.stop())
		runs := w.named("process orders")
		require.Len(t, runs, 1)
		assert.Empty(t, runs[0].Links())
	})
}
