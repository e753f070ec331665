package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/cmd/shardmill/internal/cli"
	"github.com/shardmill/shardmill/invoke"
	httpfunc "github.com/shardmill/shardmill/invoke/http"
	onlambda "github.com/shardmill/shardmill/invoke/lambda"
	"github.com/shardmill/shardmill/invoke/process"
	"github.com/shardmill/shardmill/mapping/registry"
)

// functions are those of the configuration. Close it when no invocation uses them any more.
type functions struct {
	named   registry.FunctionMap
	others  *lambdaFunctions // nil: there are no others
	closers []io.Closer
}

// newFunctions makes the functions of a configuration. It starts none of them.
func newFunctions(c *config, a *account, out io.Writer, log *slog.Logger) (*functions, error) {
	f := &functions{named: registry.FunctionMap{}}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Functions)) {
		if err := f.add(name, c.Functions[name], a, &host{out: out, log: log.With("function", name), region: c.Region}); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.where("functions."+name), c.veil(err)))
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%w: %w", errors.Join(append(errs, f.Close())...), cli.ErrUsage)
	}
	return f, nil
}

// host is the part of the server that functions use.
type host struct {
	out    io.Writer // the output of functions
	log    *slog.Logger
	region string
}

func (f *functions) add(name string, c functionConfig, a *account, h *host) error {
	function := registry.Function{Timeout: c.Timeout}
	if c.Role != "" {
		assumed, err := a.as(c.Role, c.ExternalID)
		if err != nil {
			return err
		}
		a = assumed
		function.Role, function.Client, function.DestinationResolvers = a.role, a.streams(), a.destinations()
	}
	invoker, err := newInvoker(name, c, a, h)
	if err != nil {
		return err
	}
	function.Invoker = invoker
	if closer, ok := invoker.(io.Closer); ok {
		f.closers = append(f.closers, closer)
	}
	if name == anyFunction {
		f.others = &lambdaFunctions{function: function, client: a.functions()}
		return nil
	}
	f.named[name] = function
	return nil
}

// newInvoker makes the Invoker of a function.
func newInvoker(name string, c functionConfig, a *account, h *host) (invoke.Invoker, error) {
	switch {
	case c.Builtin != "":
		return builtins[c.Builtin](name, h), nil
	case c.URL != "":
		header := http.Header{}
		for key, value := range c.Headers {
			header.Set(key, string(value))
		}
		return httpfunc.New(httpfunc.Config{URL: string(c.URL), Header: header})
	case c.Lambda != "":
		target := c.Lambda
		if target == "true" {
			target = "" // the mapping's function
		}
		return onlambda.New(a.functions(), onlambda.Config{FunctionName: target, Logger: h.log})
	}
	var provider aws.CredentialsProvider // a function has the credentials of its role, and never the host's
	if a.role != nil {
		provider = a.role
	}
	return process.New(process.Config{
		Command: c.Command, Dir: c.Dir, Handler: c.Handler, Environment: reveal(c.Environment), MaxProcesses: c.MaxProcesses, OutputRate: c.OutputRate,
		FunctionName: name, Region: h.region, Credentials: provider, Logger: h.log,
	})
}

// ResolveFunction implements registry.FunctionResolver.
func (f *functions) ResolveFunction(ctx context.Context, arn string) (registry.Function, error) {
	function, err := f.named.ResolveFunction(ctx, arn)
	if errors.Is(err, registry.ErrNoFunction) && f.others != nil {
		return f.others.ResolveFunction(ctx, arn)
	}
	return function, err
}

// Close stops the processes of functions.
func (f *functions) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// lambdaFunctions are all functions on AWS Lambda.
type lambdaFunctions struct {
	function registry.Function
	client   lambdaClient
}

// lambdaClient is the part of AWS Lambda's API for looking up a function.
type lambdaClient interface {
	GetFunctionConfiguration(
		ctx context.Context, in *lambda.GetFunctionConfigurationInput, opts ...func(*lambda.Options),
	) (*lambda.GetFunctionConfigurationOutput, error)
}

// answerTime is the time for a function's answer to arrive, after its own timeout, which AWS enforces and reports.
const answerTime = 5 * time.Second

// ResolveFunction checks whether the function exists on AWS Lambda. A caller without permission to look it up may still
// invoke it, so that is not refused.
func (l *lambdaFunctions) ResolveFunction(ctx context.Context, arn string) (registry.Function, error) {
	function := l.function
	out, err := l.client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &arn})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return registry.Function{}, fmt.Errorf("%w: %s", registry.ErrNoFunction, arn)
	}
	if refusal, ok := errors.AsType[smithy.APIError](err); ok && refusal.ErrorCode() == "AccessDeniedException" {
		return function, nil
	}
	if err != nil {
		return registry.Function{}, err
	}
	if function.Timeout == 0 && out.Timeout != nil {
		function.Timeout = time.Duration(*out.Timeout)*time.Second + answerTime
	}
	return function, nil
}
