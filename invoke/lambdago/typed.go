package lambdago

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"github.com/shardmill/shardmill/invoke"
)

// Func is a handler of Kinesis events that has no answer.
type Func func(ctx context.Context, e events.KinesisEvent) error

// Invoke calls the handler.
func (f Func) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	if err := f(withLambdaContext(ctx, in), kinesisEvent(in.Event)); err != nil {
		return failed(err)
	}
	return &invoke.Result{}, nil
}

// ResponseFunc is a handler of Kinesis events that answers with the failed items. They count if the mapping has
// FunctionResponseTypes ReportBatchItemFailures.
type ResponseFunc func(ctx context.Context, e events.KinesisEvent) (events.KinesisEventResponse, error)

// Invoke calls the handler.
func (f ResponseFunc) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	r, err := f(withLambdaContext(ctx, in), kinesisEvent(in.Event))
	if err != nil {
		return failed(err)
	}
	return &invoke.Result{Response: &invoke.Response{FailedItems: items(r.BatchItemFailures)}}, nil
}

// WindowFunc is a handler of Kinesis events in tumbling windows. The state is a map of strings to strings, as in
// aws-lambda-go: an event whose state is another object is a function error. A nil State in the answer counts as
// missing, which is a function error too.
type WindowFunc func(ctx context.Context, e events.KinesisTimeWindowEvent) (events.KinesisTimeWindowEventResponse, error)

// Invoke calls the handler.
func (f WindowFunc) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	e, err := timeWindowEvent(in.Event)
	if err != nil {
		return nil, err
	}
	r, err := f(withLambdaContext(ctx, in), e)
	if err != nil {
		return failed(err)
	}
	state, err := encodeState(r.State)
	if err != nil {
		return nil, err
	}
	return &invoke.Result{Response: &invoke.Response{FailedItems: items(r.BatchItemFailures), State: state}}, nil
}

func items(failures []events.KinesisBatchItemFailure) []string {
	if len(failures) == 0 {
		return nil
	}
	ids := make([]string, len(failures))
	for i := range failures {
		ids[i] = failures[i].ItemIdentifier
	}
	return ids
}
