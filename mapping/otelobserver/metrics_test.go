package otelobserver_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/mapping/otelobserver"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// succeed is a function that does nothing.
func succeed(context.Context, *invoke.Event) error { return nil }

// failOn returns a function that fails when one of the records is bad.
func failOn(bad string) invoke.Func {
	return func(_ context.Context, e *invoke.Event) error {
		for r := range e.Records() {
			if string(r.Data) == bad {
				return errors.New("bad record")
			}
		}
		return nil
	}
}

// delivering returns a destination that always answers err.
func delivering(err error) invoke.DestinationFunc {
	return func(context.Context, *invoke.Failure) error { return err }
}

// case83 configures a mapping that filters out 30 and fails on 20.
func case83(destination error) func(*mapping.Config) {
	return func(cfg *mapping.Config) {
		cfg.BatchSize, cfg.MaximumRetryAttempts = 1, new(1)
		cfg.FilterCriteria.Filters = []mapping.Filter{{Pattern: `{"partitionKey": ["10", "20"]}`}}
		cfg.DestinationConfig.OnFailure.Target = delivering(destination)
		cfg.Function = failOn("20")
	}
}

func TestEventsAreCountedAsByLambda(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10", "20", "30")
		r := w.start(case83(nil))
		pass(5 * time.Second)
		require.NoError(t, r.stop())
		of := r.series()
		got := w.collect()
		assert.Equal(t, map[string]int64{
			"PolledEventCount" + of:                        3,
			"FilteredOutEventCount" + of:                   1,
			"InvokedEventCount" + of:                       3, // the retry counts again
			"FailedInvokeEventCount" + of:                  2,
			"DroppedEventCount" + of:                       0,
			"OnFailureDestinationDeliveredEventCount" + of: 1,
			"Invocations" + of:                             3,
			"Errors" + of:                                  2,
			"Throttles" + of:                               0,
			"DestinationDeliveryFailures" + of:             0,
		}, got.counters, "case 83")
		assert.ElementsMatch(t, []string{"Duration" + of, "IteratorAge" + of}, slices.Collect(maps.Keys(got.histograms)))
		assert.EqualValues(t, 3, got.histograms["Duration"+of].Count)
		for name, unit := range got.units {
			switch {
			case strings.HasSuffix(name, "EventCount"):
				assert.Equal(t, "{event}", unit, name)
			case name == "Duration" || name == "IteratorAge":
				assert.Equal(t, "ms", unit, name)
			}
		}
		counts := r.Status().Counts
		assert.EqualValues(t, []int64{3, 1, 3, 2, 1}, []int64{counts.Polled, counts.FilteredOut, counts.Invoked, counts.Failed, counts.Delivered},
			"Status says the same")
	})
}

func TestRecordsWhoseDocumentIsNotTakenAreDropped(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10", "20", "30")
		r := w.start(case83(errors.New("queue is gone")))
		pass(5 * time.Second)
		require.NoError(t, r.stop())
		of := r.series()
		got := w.collect().counters
		assert.EqualValues(t, 1, got["DroppedEventCount"+of])
		assert.EqualValues(t, 0, got["OnFailureDestinationDeliveredEventCount"+of])
		assert.EqualValues(t, 1, got["DestinationDeliveryFailures"+r.series()])
	})
}

func TestRecordsDroppedWithoutADestinationAreNoFailureOfIt(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10", "20")
		r := w.start(func(cfg *mapping.Config) { cfg.MaximumRetryAttempts, cfg.Function = new(0), failOn("20") })
		pass(2 * time.Second)
		require.NoError(t, r.stop())
		got := w.collect().counters
		assert.EqualValues(t, 2, got["DroppedEventCount"+r.series()])
		assert.EqualValues(t, 0, got["DestinationDeliveryFailures"+r.series()])
	})
}

func TestEmptyPollsCountZeroAndAMappingThatDoesNotRunNothing(t *testing.T) {
	delta := sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality })
	inWorld(t, 1, func(t *testing.T, w *world) {
		assert.Empty(t, w.collect().counters)
		r := w.start(func(cfg *mapping.Config) { cfg.Function = invoke.Func(succeed) })
		pass(1500 * time.Millisecond)
		w.collect() // takes what the start brought
		pass(time.Second)
		of := r.series()
		assert.Equal(t, map[string]int64{"PolledEventCount" + of: 0, "FilteredOutEventCount" + of: 0}, w.collect().counters)
		require.NoError(t, r.stop())
		w.collect()
		pass(time.Minute)
		assert.Empty(t, w.collect().counters, "of a mapping that was stopped")
		assert.Empty(t, w.named("poll orders"), "an empty poll has no span")
	}, delta)
}

func TestReadsThatFailCountNothing(t *testing.T) {
	delta := sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality })
	inWorld(t, 1, func(t *testing.T, w *world) {
		failed := 0
		r := w.start(func(cfg *mapping.Config) {
			cfg.Function = invoke.Func(succeed)
			cfg.Observer.Polled = func(p observe.Polled) {
				if p.Err != nil {
					failed++
				}
			}
		})
		pass(1500 * time.Millisecond)
		w.collect()
		w.service.Throttle(kinesistest.GetRecords, 100) // a refused read is retried soon
		pass(time.Second)
		got := w.collect().counters
		require.NotZero(t, failed)
		assert.Empty(t, got)
		require.NoError(t, r.stop())
	}, delta)
}

func TestIteratorAgeIsThatOfTheLastRecordWhenAnInvocationBegins(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10")
		pass(time.Second)
		w.put("20")
		pass(10 * time.Second)
		r := w.start(func(cfg *mapping.Config) {
			cfg.Function = invoke.Func(func(ctx context.Context, e *invoke.Event) error {
				time.Sleep(3 * time.Second)
				return failOn("20")(ctx, e)
			})
			cfg.MaximumRetryAttempts = new(1)
		})
		pass(30 * time.Second)
		require.NoError(t, r.stop())
		age := w.collect().histograms["IteratorAge"+r.series()]
		first, _ := age.Min.Value()
		last, _ := age.Max.Value()
		assert.EqualValues(t, 2, age.Count, "a retry has an age of its own")
		assert.InDelta(t, 10_000, first, 10)
		assert.InDelta(t, 13_210, last, 15, "the function's 3 s, and the 200 ms before the retry or up to a tenth more")
		duration := w.collect().histograms["Duration"+r.series()]
		assert.InDelta(t, 6_000, duration.Sum, 10)
	})
}

func TestFinalInvocationOfAWindowHasNoAge(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10")
		r := w.start(func(cfg *mapping.Config) {
			cfg.TumblingWindow = time.Second
			cfg.Function = invoke.StateFunc(func(_ context.Context, e *invoke.Event, n map[string]int) (map[string]int, error) {
				return map[string]int{"records": n["records"] + e.Len()}, nil
			})
		})
		pass(20 * time.Second)
		require.NoError(t, r.stop())
		got := w.collect()
		assert.EqualValues(t, 2, got.counters["Invocations"+r.series()])
		assert.EqualValues(t, 1, got.histograms["IteratorAge"+r.series()].Count)
		runs := w.named("process orders")
		require.Len(t, runs, 2)
		assert.Len(t, runs[0].Links(), 1)
		assert.Empty(t, runs[1].Links())
		assert.Equal(t, codes.Unset, runs[1].Status().Code, runs[1].Status().Description)
	})
}

func TestThrottledInvocationsAreNoRuns(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10", "20")
		calls := 0
		r := w.start(func(cfg *mapping.Config) {
			cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error {
				switch calls++; calls {
				case 1:
					return invoke.ErrThrottled
				case 2:
					return invoke.ErrUnavailable
				}
				return nil
			})
		})
		pass(10 * time.Second)
		require.NoError(t, r.stop())
		got := w.collect()
		of := r.series()
		assert.EqualValues(t, 1, got.counters["Throttles"+r.series()])
		assert.EqualValues(t, 1, got.counters["Invocations"+r.series()])
		assert.EqualValues(t, 0, got.counters["Errors"+r.series()])
		assert.EqualValues(t, 2, got.counters["InvokedEventCount"+of])
		assert.EqualValues(t, 0, got.counters["FailedInvokeEventCount"+of])
		assert.EqualValues(t, 1, got.histograms["Duration"+r.series()].Count)
	})
}

func TestMappingsThatShareATelemetryHaveSeriesOfTheirOwn(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("1", "2", "3")
		telemetry, err := otelobserver.New(w.telemetry)
		require.NoError(t, err)
		var all []*running
		for _, alias := range []string{"live", "canary"} {
			all = append(all, w.run(telemetry, func(cfg *mapping.Config) {
				cfg.FunctionName, cfg.Function = "ship-orders:"+alias, invoke.Func(succeed)
			}))
		}
		pass(2 * time.Second)
		for _, r := range all {
			require.NoError(t, r.stop())
		}
		got := w.collect().counters
		for _, r := range all {
			assert.EqualValues(t, 3, got["InvokedEventCount"+r.series()])
			assert.EqualValues(t, 1, got["Invocations"+r.series()])
		}
	})
}

func TestPerShardGivesEachShardASeries(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		w.put("1", "2", "3", "4", "5", "6", "7", "8")
		w.telemetry.PerShard = true
		r := w.start(func(cfg *mapping.Config) { cfg.Function = invoke.Func(succeed) })
		pass(2 * time.Second)
		require.NoError(t, r.stop())
		got := w.collect()
		var sum int64
		for _, shard := range []string{"shardId-000000000000", "shardId-000000000001"} {
			of := strings.Replace(r.series(), ",StreamName", ",ShardId="+shard+",StreamName", 1)
			assert.Positive(t, got.counters["PolledEventCount"+of], shard)
			sum += got.counters["PolledEventCount"+of]
			assert.Contains(t, got.counters, "Invocations"+of)
			assert.Contains(t, got.histograms, "IteratorAge"+of)
		}
		assert.EqualValues(t, 8, sum)
	})
}

func TestEventThatIsTooLargeIsSentAndIsNoRun(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put("10", "20")
		r := w.start(func(cfg *mapping.Config) {
			cfg.MaximumRetryAttempts = new(0)
			cfg.Function = invoke.Func(func(context.Context, *invoke.Event) error { return invoke.ErrTooLarge })
		})
		pass(5 * time.Second)
		require.NoError(t, r.stop())
		got, counts := w.collect().counters, r.Status().Counts
		assert.EqualValues(t, 2, got["InvokedEventCount"+r.series()])
		assert.EqualValues(t, 2, got["FailedInvokeEventCount"+r.series()])
		assert.EqualValues(t, 2, got["DroppedEventCount"+r.series()])
		require.Contains(t, got, "Invocations"+r.series())
		assert.EqualValues(t, 0, got["Invocations"+r.series()])
		assert.EqualValues(t, 0, got["Errors"+r.series()])
		assert.Equal(t, []int64{2, 2, 2}, []int64{counts.Invoked, counts.Failed, counts.Dropped}, "Status says the same")
	})
}
