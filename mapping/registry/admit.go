package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/role"
)

// admitTimeout bounds the checks of functions, roles and streams in a Create or an Update.
const admitTimeout = 20 * time.Second

// admit checks that a mapping can work, as Lambda does before it creates one. was is the definition before an Update,
// nil for a Create: unchanged parts are not checked again.
func (r *Registry) admit(ctx context.Context, d, was *definition) error {
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	if was != nil && was.fingerprint() == d.fingerprint() {
		return nil
	}
	if was != nil && was.FunctionARN == d.FunctionARN && was.Destination == d.Destination {
		return r.admitShape(ctx, d)
	}
	f, err := r.function(ctx, d)
	if err != nil {
		return err
	}
	cfg := r.config(d, f)
	if err := admitDestination(d.Destination, cfg.DestinationResolvers); err != nil {
		return err
	}
	if _, err := mapping.New(cfg); err != nil {
		return refused(err)
	}
	if err := admitSource(ctx, &cfg); err != nil {
		return err
	}
	if err := cfg.CheckDestination(ctx); errors.Is(err, invoke.ErrDestinationMissing) { // otherwise Run logs that it is not known
		return invalid("Destination not found: %s: %s", d.Destination, said(err))
	}
	if r.cfg.Admit != nil {
		if err := r.cfg.Admit(ctx, d.configuration(""), f); err != nil {
			return refused(err)
		}
	}
	return nil
}

// admitDestination refuses a destination without a resolver. The text is ours: mapping's own is for the host's author.
func admitDestination(arn string, resolvers []invoke.DestinationResolver) error {
	if arn == "" || slices.ContainsFunc(resolvers, func(r invoke.DestinationResolver) bool { return r != nil && r.Serves(arn) }) {
		return nil
	}
	return invalid("Unsupported destination %s: it must be a queue, a topic or a bucket.", arn)
}

// said returns the service's message in an error, or its text if there is none.
func said(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorMessage() != "" {
		return e.ErrorMessage()
	}
	return err.Error()
}

// admitShape checks the definition alone. A missing function is not its concern.
func (r *Registry) admitShape(ctx context.Context, d *definition) error {
	f, err := r.cfg.Functions.ResolveFunction(ctx, d.FunctionARN)
	if err != nil || f.Invoker == nil {
		return nil //nolint:nilerr // as on AWS: a mapping may be changed whose function was deleted
	}
	if _, err := mapping.New(r.config(d, f)); err != nil {
		return refused(err)
	}
	return nil
}

// function returns the function of a definition.
func (r *Registry) function(ctx context.Context, d *definition) (Function, error) {
	f, err := r.cfg.Functions.ResolveFunction(ctx, d.FunctionARN)
	switch {
	case errors.Is(err, ErrNoFunction):
		return f, invalid("Function does not exist")
	case err != nil:
		return f, refused(err)
	case f.Invoker == nil:
		return f, failed(fmt.Errorf("registry: function %s: the resolver returned no Invoker", d.FunctionARN))
	}
	return f, nil
}

// functionInTime is function for a mapping that is about to run.
func (r *Registry) functionInTime(ctx context.Context, d *definition) (Function, error) {
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	return r.function(ctx, d)
}

// sourceForm is the form of the ARN of a source that can exist. Others would be refused on their way to the service, by
// the first component that parses them.
var sourceForm = regexp.MustCompile(`^arn:[a-z0-9-]+:kinesis:[a-z0-9-]+:\d{12}:stream/[\w.-]{1,128}(/consumer/[\w.-]{1,128}:\d+)?$`)

// admitSource assumes the role and checks that it can read the stream.
func admitSource(ctx context.Context, cfg *mapping.Config) error {
	if !sourceForm.MatchString(cfg.EventSourceARN) {
		return invalid("Unrecognized event source. %q is not the ARN of a Kinesis stream or consumer", cfg.EventSourceARN)
	}
	if cfg.Role != nil {
		if _, err := cfg.Role.Retrieve(ctx); err != nil {
			return refused(err)
		}
	}
	client, ok := cfg.Client.(role.SourceClient)
	if !ok {
		return nil
	}
	err := role.CheckSource(ctx, client, cfg.Needs())
	if poller.Classify(err) == poller.StreamGone {
		e := invalid("Stream not found: %s", cfg.EventSourceARN)
		e.Err = err
		return e
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok && slices.Contains(refusals, e.ErrorCode()) {
		return &Error{Code: CodeInvalidParameterValue, Status: http.StatusBadRequest, Type: user, Message: e.ErrorMessage(), Err: err}
	}
	return orRefused(err)
}

// refusals are the codes with which the stream's service refuses the source that the client named.
var refusals = []string{"ValidationException", "InvalidArgumentException"}

func orRefused(err error) error {
	if err == nil {
		return nil
	}
	return refused(err)
}

// refused returns the answer to an error of a service or a callback: an error that the user can correct is reported in
// its own words.
func refused(err error) error {
	if e, ok := errors.AsType[*role.AccessError](err); ok {
		return &Error{Code: CodeInvalidParameterValue, Status: 400, Type: user, Message: e.Message, Err: err}
	}
	if _, ok := errors.AsType[*mapping.ConfigError](err); ok {
		return &Error{Code: CodeInvalidParameterValue, Status: 400, Type: user, Message: configMessage(err), Err: err}
	}
	return failed(err)
}

// configMessage returns the violations of a mapping.Config, with the names of its fields.
func configMessage(err error) string {
	return strings.ReplaceAll(strings.ReplaceAll(err.Error(), "mapping: ", ""), "\n", "; ")
}

// config returns the configuration of a mapping that is started.
func (r *Registry) config(d *definition, f Function) mapping.Config {
	cfg := mapping.Config{
		UUID:                       d.UUID,
		EventSourceARN:             d.EventSourceARN,
		FunctionName:               d.FunctionARN,
		StartingPosition:           mapping.StartingPosition(d.StartingPosition),
		BatchSize:                  d.BatchSize,
		MaximumBatchingWindow:      time.Duration(d.MaximumBatchingWindowInSeconds) * time.Second,
		ParallelizationFactor:      d.ParallelizationFactor,
		TumblingWindow:             time.Duration(d.TumblingWindowInSeconds) * time.Second,
		MaximumRetryAttempts:       &d.MaximumRetryAttempts,
		MaximumRecordAge:           time.Duration(d.MaximumRecordAgeInSeconds) * time.Second,
		BisectBatchOnFunctionError: d.BisectBatchOnFunctionError,
		DestinationConfig:          mapping.DestinationConfig{OnFailure: mapping.OnFailure{Destination: d.Destination}},
		DestinationResolvers:       f.DestinationResolvers,
		Client:                     f.Client,
		Function:                   f.Invoker,
		Role:                       f.Role,
		FunctionTimeout:            f.Timeout,
		Store:                      r.cfg.Store,
		Logger:                     r.log,
	}
	if cfg.Client == nil {
		cfg.Client = r.cfg.Client
	}
	if cfg.DestinationResolvers == nil {
		cfg.DestinationResolvers = r.cfg.DestinationResolvers
	}
	if cfg.StartingPosition == mapping.AtTimestamp {
		cfg.StartingPositionTimestamp = time.Unix(d.StartingPositionTimestamp, 0)
	}
	for _, t := range d.FunctionResponseTypes {
		cfg.FunctionResponseTypes = append(cfg.FunctionResponseTypes, mapping.FunctionResponseType(t))
	}
	for _, p := range d.Filters {
		cfg.FilterCriteria.Filters = append(cfg.FilterCriteria.Filters, mapping.Filter(p))
	}
	if r.cfg.Configure != nil {
		r.cfg.Configure(d.configuration(""), &cfg)
	}
	return cfg
}
