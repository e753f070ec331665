package registry

import (
	"context"
	"errors"

	"github.com/shardmill/shardmill/mapping/registry/internal/lambdaapi"
)

// wire is a Registry as its API over HTTP calls it. It converts inputs, answers and errors, and does nothing else.
type wire struct{ r *Registry }

func (w wire) Create(ctx context.Context, in lambdaapi.CreateInput) (lambdaapi.Configuration, error) {
	c, err := w.r.Create(ctx, CreateInput{
		EventSourceARN: in.EventSourceARN, FunctionName: in.FunctionName,
		StartingPosition: in.StartingPosition, StartingPositionTimestamp: in.StartingPositionTimestamp,
		Tags: in.Tags, Settings: readSettings(&in.Settings), emptySource: in.EmptySource, emptyPosition: in.EmptyPosition,
	})
	return wireConfiguration(&c), wireError(err)
}

func (w wire) Get(ctx context.Context, uuid string) (lambdaapi.Configuration, error) {
	c, err := w.r.Get(ctx, uuid)
	return wireConfiguration(&c), wireError(err)
}

func (w wire) List(ctx context.Context, in lambdaapi.ListInput) (lambdaapi.ListOutput, error) {
	page, err := w.r.List(ctx, ListInput(in))
	mappings := converted(page.EventSourceMappings, func(c Configuration) lambdaapi.Configuration { return wireConfiguration(&c) })
	return lambdaapi.ListOutput{NextMarker: page.NextMarker, EventSourceMappings: mappings}, wireError(err)
}

func (w wire) Update(ctx context.Context, uuid string, in lambdaapi.UpdateInput) (lambdaapi.Configuration, error) {
	c, err := w.r.Update(ctx, uuid, UpdateInput{FunctionName: in.FunctionName, Settings: readSettings(&in.Settings)})
	return wireConfiguration(&c), wireError(err)
}

func (w wire) Delete(ctx context.Context, uuid string) (lambdaapi.Configuration, error) {
	c, err := w.r.Delete(ctx, uuid)
	return wireConfiguration(&c), wireError(err)
}

func (w wire) ListTags(ctx context.Context, arn string) (map[string]string, error) {
	tags, err := w.r.ListTags(ctx, arn)
	return tags, wireError(err)
}

func (w wire) TagResource(ctx context.Context, arn string, tags map[string]string) error {
	return wireError(w.r.TagResource(ctx, arn, tags))
}

func (w wire) UntagResource(ctx context.Context, arn string, keys []string) error {
	return wireError(w.r.UntagResource(ctx, arn, keys))
}

// wireError returns the *Error that err wraps, in the form of the API; another error, and nil, unchanged.
func wireError(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return (*lambdaapi.Error)(e)
	}
	return err
}

// readSettings returns the settings of a request.
func readSettings(w *lambdaapi.Settings) Settings {
	s := Settings{
		Enabled: w.Enabled, BatchSize: w.BatchSize, MaximumBatchingWindowInSeconds: w.MaximumBatchingWindowInSeconds,
		ParallelizationFactor: w.ParallelizationFactor, MaximumRecordAgeInSeconds: w.MaximumRecordAgeInSeconds,
		MaximumRetryAttempts: w.MaximumRetryAttempts, BisectBatchOnFunctionError: w.BisectBatchOnFunctionError,
		TumblingWindowInSeconds: w.TumblingWindowInSeconds, FunctionResponseTypes: w.FunctionResponseTypes,
		KMSKeyARN: w.KMSKeyARN, MetricsConfig: (*MetricsConfig)(w.MetricsConfig), unsupported: w.Unsupported,
	}
	if d := w.DestinationConfig; d != nil {
		s.DestinationConfig = &DestinationConfig{OnFailure: OnFailure(d.OnFailure), onSuccess: d.OnSuccess}
	}
	if c := w.FilterCriteria; c != nil {
		s.FilterCriteria = &FilterCriteria{Filters: converted(c.Filters, func(f lambdaapi.Filter) Filter { return Filter(f) })}
	}
	return s
}

// wireConfiguration returns a mapping in the form of answers.
func wireConfiguration(c *Configuration) lambdaapi.Configuration {
	w := lambdaapi.Configuration{
		UUID: c.UUID, StartingPosition: c.StartingPosition, StartingPositionTimestamp: c.StartingPositionTimestamp, BatchSize: c.BatchSize,
		MaximumBatchingWindowInSeconds: c.MaximumBatchingWindowInSeconds, ParallelizationFactor: c.ParallelizationFactor,
		EventSourceARN: c.EventSourceARN, FunctionARN: c.FunctionARN, LastModified: c.LastModified,
		LastProcessingResult: c.LastProcessingResult, State: string(c.State), StateTransitionReason: c.StateTransitionReason,
		DestinationConfig:         lambdaapi.DestinationConfig{OnFailure: lambdaapi.OnFailure(c.DestinationConfig.OnFailure)},
		MaximumRecordAgeInSeconds: c.MaximumRecordAgeInSeconds, BisectBatchOnFunctionError: c.BisectBatchOnFunctionError,
		MaximumRetryAttempts: c.MaximumRetryAttempts, TumblingWindowInSeconds: c.TumblingWindowInSeconds,
		FunctionResponseTypes: c.FunctionResponseTypes, EventSourceMappingARN: c.EventSourceMappingARN,
		MetricsConfig: (*lambdaapi.MetricsConfig)(c.MetricsConfig),
	}
	if f := c.FilterCriteria; f != nil {
		w.FilterCriteria = &lambdaapi.FilterCriteria{Filters: converted(f.Filters, func(f Filter) lambdaapi.Filter { return lambdaapi.Filter(f) })}
	}
	return w
}

// converted returns a list with each element in another form. nil stays nil.
func converted[From, To any](list []From, form func(From) To) []To {
	if list == nil {
		return nil
	}
	out := make([]To, 0, len(list))
	for _, x := range list {
		out = append(out, form(x))
	}
	return out
}
