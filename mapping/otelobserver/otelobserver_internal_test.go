package otelobserver

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/observe"
)

// opened returns a shard with polls of n records each, numbered from 1, whose spans are sampled.
func opened(polls, n int) (*shard, []trace.SpanContext) {
	s := &shard{spans: newSpans(sdktrace.NewTracerProvider().Tracer(""), stream{name: "orders"}, "f", observe.ShardOpened{})}
	for i := range polls {
		s.polled(&observe.Polled{Records: n, FirstSequenceNumber: fmt.Sprint(i*n + 1), LastSequenceNumber: fmt.Sprint((i + 1) * n)})
	}
	spans := make([]trace.SpanContext, len(s.polls))
	for i := range s.polls {
		spans[i] = s.polls[i].span
	}
	return s, spans
}

// from returns the spans of the polls that brought records from first to last.
func (s *shard) from(first, last string) []trace.SpanContext {
	var got []trace.SpanContext
	for _, l := range s.pollsOf(first, last) {
		got = append(got, l.SpanContext)
	}
	return got
}

func TestPollsOfRecordsAreFoundBySequenceNumber(t *testing.T) {
	s, spans := opened(3, 5)
	for _, c := range []struct {
		first, last string
		want        []trace.SpanContext
	}{
		{"0", "0", nil},
		{"0", "1", spans[:1]},
		{"1", "5", spans[:1]},
		{"5", "6", spans[:2]},
		{"6", "10", spans[1:2]},
		{"2", "15", spans},
		{"11", "16", spans[2:]},
		{"16", "20", nil},
	} {
		assert.Equal(t, c.want, s.from(c.first, c.last), "records %s to %s", c.first, c.last)
	}
}

func TestPollThatBroughtNothingForTheFunctionIsNotRemembered(t *testing.T) {
	s, _ := opened(0, 0)
	s.polled(&observe.Polled{Records: 3, Filtered: 2, PassedOver: 1, FirstSequenceNumber: "1", LastSequenceNumber: "3"})
	assert.Empty(t, s.polls)
}

func TestPollsAreForgottenOnceTheirRecordsAreStored(t *testing.T) {
	s, spans := opened(3, 5)
	s.forget(batch.Position{SequenceNumber: "4"})
	assert.Equal(t, spans[:1], s.from("5", "5"))
	s.forget(batch.Position{SequenceNumber: "5", Partial: true})
	assert.Equal(t, spans[:1], s.from("5", "5"), "members of an aggregate are still ahead")
	s.forget(batch.Position{SequenceNumber: "10"})
	assert.Empty(t, s.from("5", "10"))
	assert.Equal(t, spans[2:], s.from("5", "11"))
}

func TestPollsThatAreRememberedAreBounded(t *testing.T) {
	s, spans := opened(maxPolls+10, 1)
	require.Len(t, s.polls, maxPolls)
	assert.Empty(t, s.from("1", "10"), "the oldest are forgotten, and nothing else is taken for them")
	assert.Equal(t, spans[:1], s.from("10", "11"))
	assert.Equal(t, spans[:maxLinks], s.from("1", fmt.Sprint(maxPolls+10)), "links are bounded too")
}

func TestNamesAreTakenFromARNs(t *testing.T) {
	const arn = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	assert.Equal(t, stream{name: "orders"}, streamOf(arn))
	assert.Equal(t, stream{name: "orders", consumer: "shipping"}, streamOf(arn+"/consumer/shipping:1700000000"))
	assert.Equal(t, stream{}, streamOf("nonsense"))
	assert.Equal(t, "f", functionName("arn:aws:lambda:us-east-1:123456789012:function:f"))
	assert.Equal(t, "f", functionName("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"))
}

// brokenMeter takes no histograms.
type brokenMeter struct{ noop.MeterProvider }

func (brokenMeter) Meter(string, ...metric.MeterOption) metric.Meter { return noHistograms{} }

type noHistograms struct{ noop.Meter }

var errBroken = errors.New("no histograms here")

func (noHistograms) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errBroken
}

func TestNewTellsOfAnInstrumentThatIsNotTaken(t *testing.T) {
	_, err := New(Config{MeterProvider: brokenMeter{}})
	assert.ErrorIs(t, err, errBroken)
}
