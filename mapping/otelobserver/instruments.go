package otelobserver

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/shardmill/shardmill/mapping/observe"
)

// The dimensions of Lambda's metrics, and of Kinesis's.
const (
	keyMapping  = attribute.Key("EventSourceMappingUUID")
	keyFunction = attribute.Key("FunctionName")
	keyStream   = attribute.Key("StreamName")
	keyShard    = attribute.Key("ShardId")
)

// Buckets in ms. Durations go up to Lambda's 15 minutes, ages to a stream's longest common retention of 7 days.
var (
	durationBuckets = []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000}
	ageBuckets      = []float64{
		100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000,
		3_600_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 259_200_000, 604_800_000,
	}
)

// instruments are Lambda's metrics.
type instruments struct {
	polledEvents, filteredOut, invokedEvents, failedEvents, dropped, deliveredEvents metric.Int64Counter // of the mapping
	invocations, functionErrors, throttles, deliveryFailures                         metric.Int64Counter // of the function

	duration, iteratorAge metric.Float64Histogram // of the function, in ms
}

// open makes them.
func (i *instruments) open(m metric.Meter) error {
	var errs []error
	counter := func(into *metric.Int64Counter, name, unit, description string) {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		*into, errs = c, append(errs, err)
	}
	histogram := func(into *metric.Float64Histogram, name, description string, buckets []float64) {
		h, err := m.Float64Histogram(name, metric.WithUnit("ms"), metric.WithDescription(description),
			metric.WithExplicitBucketBoundaries(buckets...))
		*into, errs = h, append(errs, err)
	}
	counter(&i.polledEvents, "PolledEventCount", "{event}", "Records read from the stream.")
	counter(&i.filteredOut, "FilteredOutEventCount", "{event}", "Records that no filter matches.")
	counter(&i.invokedEvents, "InvokedEventCount", "{event}", "Records sent to the function; a retry counts again.")
	counter(&i.failedEvents, "FailedInvokeEventCount", "{event}", "Records in failed invocations, or from their first failed item on.")
	counter(&i.dropped, "DroppedEventCount", "{event}", "Records discarded without being delivered to the on-failure destination.")
	counter(&i.deliveredEvents, "OnFailureDestinationDeliveredEventCount", "{event}", "Records discarded and delivered to the on-failure destination.")
	counter(&i.invocations, "Invocations", "{invocation}", "Runs of the function.")
	counter(&i.functionErrors, "Errors", "{error}", "Runs of the function that ended with a function error.")
	counter(&i.throttles, "Throttles", "{invocation}", "Invocations refused by throttling.")
	counter(&i.deliveryFailures, "DestinationDeliveryFailures", "{document}", "Documents that the on-failure destination refused.")
	histogram(&i.duration, "Duration", "How long the function ran.", durationBuckets)
	histogram(&i.iteratorAge, "IteratorAge", "Age of the last record of a batch when its invocation begins.", ageBuckets)
	return errors.Join(errs...)
}

// series are the attributes for the measurements of one shard, or of all shards of a mapping together. The slices are
// created once, because a variadic argument that is created for a call is an allocation.
type series struct {
	adds    []metric.AddOption
	records []metric.RecordOption
}

func newSeries(from stream, function string, e observe.ShardOpened, perShard bool) series {
	attributes := []attribute.KeyValue{keyMapping.String(e.MappingUUID), keyFunction.String(function), keyStream.String(from.name)}
	if perShard {
		attributes = append(attributes, keyShard.String(e.Shard))
	}
	set := metric.WithAttributeSet(attribute.NewSet(attributes...))
	return series{adds: []metric.AddOption{set}, records: []metric.RecordOption{set}}
}

// begin sets each counter's first value, so that the first increase is visible.
func (i *instruments) begin(s *series) {
	for _, c := range []metric.Int64Counter{
		i.polledEvents, i.filteredOut, i.invokedEvents, i.failedEvents, i.dropped, i.deliveredEvents,
		i.invocations, i.functionErrors, i.throttles, i.deliveryFailures,
	} {
		c.Add(noContext, 0, s.adds...)
	}
}
