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
	"github.com/shardmill/shardmill/mapping"
)

// opened returns a shard with polls of n records each, numbered from 1, whose spans are sampled.
func opened(polls, n int) (*shard, []trace.SpanContext) {
	s := &shard{spans: newSpans(sdktrace.NewTracerProvider().Tracer(""), stream{name: "orders"}, "f", mapping.ShardOpened{})}
	for i := range polls {
		s.polled(&mapping.Polled{Records: n, FirstSequenceNumber: fmt.Sprint(i*n + 1), LastSequenceNumber: fmt.Sprint((i + 1) * n)})
	}
	spans := make([]trace.SpanContext, len(s.polls))
	for i := range s.polls {
		spans[i] = s.polls[i].span
	}
	return s, spans
}

func TestPollOfARecordIsFoundBySequenceNumber(t *testing.T) {
	s, spans := opened(3, 5)
	for n, want := range map[string]trace.SpanContext{
		"0": {}, "1": spans[0], "5": spans[0], "6": spans[1], "10": spans[1], "15": spans[2], "16": {},
	} {
		assert.Equal(t, want, s.pollOf(n), "record %s", n)
	}
}

func TestPollsAreForgottenOnceTheirRecordsAreStored(t *testing.T) {
	s, spans := opened(3, 5)
	s.forget(batch.Position{SequenceNumber: "4"})
	assert.Equal(t, spans[0], s.pollOf("5"))
	s.forget(batch.Position{SequenceNumber: "5", Partial: true})
	assert.Equal(t, spans[0], s.pollOf("5"), "members of an aggregate are still ahead")
	s.forget(batch.Position{SequenceNumber: "10"})
	assert.False(t, s.pollOf("10").IsValid())
	assert.Equal(t, spans[2], s.pollOf("11"))
}

func TestPollsThatAreRememberedAreBounded(t *testing.T) {
	s, spans := opened(maxPolls+10, 1)
	require.Len(t, s.polls, maxPolls)
	assert.False(t, s.pollOf("10").IsValid(), "the oldest are forgotten, and nothing else is taken for them")
	assert.Equal(t, spans[0], s.pollOf("11"))
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
