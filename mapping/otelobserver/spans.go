package otelobserver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/observe"
)

// Attributes without a name in OpenTelemetry's conventions.
const (
	keyAttempt     = attribute.Key("shardmill.attempt")      // 1 for the first run of a request ID
	keyStep        = attribute.Key("shardmill.step")         // the effect on the batch: resolved, retried, bisected …
	keyFailed      = attribute.Key("shardmill.failed")       // records that the invocation did not resolve
	keyFilteredOut = attribute.Key("shardmill.filtered_out") // records of a poll that no filter matches
	keyBytes       = attribute.Key("shardmill.bytes")        // of a poll's data
	keyBehind      = attribute.Key("shardmill.behind")       // MillisBehindLatest
)

// Values of error.type in addition to the names of outcomes.
const (
	errorTimeout   = "timeout"
	errorPanic     = "panic"
	errorItems     = "batch-item-failures"
	errorAbandoned = "abandoned"
)

// maxDescription bounds the text of a status, which a function may make as long as it likes.
const maxDescription = 1024

// spans makes the spans of a shard. Their common parts are created once.
type spans struct {
	tracer                trace.Tracer
	pollName, processName string
	pollOpts, processOpts []trace.SpanStartOption // clipped, so that appending copies
}

func newSpans(tracer trace.Tracer, from stream, function string, e observe.ShardOpened) spans {
	common := []attribute.KeyValue{
		semconv.MessagingSystemKey.String("aws.kinesis"),
		semconv.MessagingDestinationName(from.name),
		semconv.MessagingDestinationPartitionID(e.Shard),
		semconv.AWSKinesisStreamName(from.name),
		semconv.AWSLambdaResourceMappingID(e.MappingUUID),
	}
	if from.consumer != "" {
		common = append(common, semconv.MessagingConsumerGroupName(from.consumer))
	}
	return spans{
		tracer: tracer, pollName: "poll " + from.name, processName: "process " + from.name,
		pollOpts: clipped(trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(common...), trace.WithAttributes(
			semconv.MessagingOperationName("poll"), semconv.MessagingOperationTypeReceive)),
		processOpts: clipped(trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(common...), trace.WithAttributes(
			semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess, semconv.FaaSTriggerPubSub,
			semconv.FaaSInvokedName(function), semconv.AWSLambdaInvokedARN(e.FunctionARN))),
	}
}

func clipped(opts ...trace.SpanStartOption) []trace.SpanStartOption {
	return opts[:len(opts):len(opts)]
}

// poll makes the span of a read that returned records. It has no duration, because the duration of the read is not
// known.
func (s *spans) poll(e *observe.Polled) trace.SpanContext {
	_, span := s.tracer.Start(noContext, s.pollName, append(s.pollOpts, trace.WithAttributes(
		semconv.MessagingBatchMessageCount(e.Records), keyFilteredOut.Int(e.Filtered), keyBytes.Int(e.Bytes),
		keyBehind.Int64(e.Behind.Milliseconds())))...)
	span.End()
	return span.SpanContext()
}

// process begins the span of an invocation, with links to its polls. It has no parent: the ctx of a mapping may live
// for weeks, and the records of a batch come from several polls.
func (s *spans) process(ctx context.Context, in *invoke.Invocation, from []trace.Link) (context.Context, trace.Span) {
	opts := append(s.processOpts, trace.WithAttributes(
		semconv.FaaSInvocationID(in.RequestID), semconv.MessagingBatchMessageCount(in.Event.Len()), keyAttempt.Int(in.Attempt)))
	if len(from) > 0 {
		opts = append(opts, trace.WithLinks(from...))
	}
	return s.tracer.Start(ctx, s.processName, opts...)
}

// settle ends the span of an invocation with its effect in the mapping.
func (r *run) settle(e *observe.Invoked) {
	r.span.SetAttributes(keyStep.String(e.Step.String()))
	if e.Outcome != batch.Success || e.Failed > 0 {
		r.span.SetAttributes(semconv.ErrorTypeKey.String(errorType(e)), keyFailed.Int(e.Failed))
		text := fmt.Sprintf("%d of %d records failed", e.Failed, e.Records)
		if e.Err != nil {
			text = e.Err.Error()
		}
		r.span.SetStatus(codes.Error, description(text))
	}
	r.span.End(trace.WithTimestamp(r.ended))
}

// abandon ends the span of an invocation that does not count, because the shard was closed for the reason err.
func (r *run) abandon(err error) {
	text := "the invocation does not count: its shard was closed before it ended"
	if err != nil {
		text = err.Error()
	}
	r.span.SetAttributes(semconv.ErrorTypeKey.String(errorAbandoned))
	r.span.SetStatus(codes.Error, description(text))
	r.span.End(trace.WithTimestamp(r.ended))
}

// errorType classifies failures of an invocation.
func errorType(e *observe.Invoked) string {
	if e.Outcome == batch.Success {
		return errorItems
	}
	if _, ok := errors.AsType[*invoke.TimeoutError](e.Err); ok {
		return errorTimeout
	}
	if _, ok := errors.AsType[*invoke.PanicError](e.Err); ok {
		return errorPanic
	}
	return e.Outcome.String()
}

func description(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxDescription)], "")
}
