package registry

import (
	"context"
	"fmt"
	"strings"

	"github.com/shardmill/shardmill/invoke"
)

// FunctionMap is a FunctionResolver of fixed functions: in this process, or in a configuration. Its keys are the
// functions' ARNs or names, each with or without ":QUALIFIER". A function is looked up by its ARN, then by its name and
// qualifier, then by both without the qualifier: a function under its bare name has all aliases and versions. The map
// must not change while a Registry has it.
type FunctionMap map[string]Function

// ResolveFunction implements FunctionResolver.
func (m FunctionMap) ResolveFunction(_ context.Context, arn string) (Function, error) {
	p := strings.SplitN(arn, ":", 8)
	if len(p) < 7 {
		return Function{}, fmt.Errorf("%w: %q is not the ARN of a function", ErrNoFunction, arn)
	}
	name := p[6]
	keys := []string{arn, strings.Join(p[6:], ":"), strings.Join(p[:7], ":"), name}
	for _, key := range keys {
		if f, ok := m[key]; ok {
			return f, nil
		}
	}
	return Function{}, fmt.Errorf("%w: %s", ErrNoFunction, arn)
}

// Functions is a FunctionMap with Invokers only: Functions{"ship-orders": invoke.Func(ship)}.
type Functions map[string]invoke.Invoker

// ResolveFunction implements FunctionResolver, as FunctionMap does.
func (f Functions) ResolveFunction(ctx context.Context, arn string) (Function, error) {
	m := make(FunctionMap, len(f))
	for key, invoker := range f {
		m[key] = Function{Invoker: invoker}
	}
	return m.ResolveFunction(ctx, arn)
}
