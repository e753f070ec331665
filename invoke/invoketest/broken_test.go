package invoketest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/invoketest"
	"github.com/shardmill/shardmill/invoke/lambdago"
)

// invoker is an Invoker with a mistake.
type invoker func(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error)

func (f invoker) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	return f(ctx, in)
}

var right = lambdago.Bytes(invoketest.Handler{})

// after returns right with its outcome changed.
func after(change func(r *invoke.Result, err error) (*invoke.Result, error)) invoker {
	return func(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
		return change(right.Invoke(ctx, in))
	}
}

// mistakes are Invokers by the rule that has to find them.
var mistakes = map[string]func() invoke.Invoker{
	"EventArrivesByteForByte": func() invoke.Invoker {
		return lambdago.Bytes(spaced{})
	},
	"EventUpToThePayloadLimitArrives": func() invoke.Invoker {
		return invoker(func(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
			if in.Event.Size() > 6_000_000 {
				return nil, invoke.ErrTooLarge
			}
			return right.Invoke(ctx, in)
		})
	},
	"AnswerMayBeEmpty": func() invoke.Invoker {
		return after(func(r *invoke.Result, err error) (*invoke.Result, error) {
			if err == nil && len(r.Payload) == 0 {
				return &invoke.Result{FunctionError: "Unhandled"}, nil
			}
			return r, err
		})
	},
	"AnswerNamesFailedItems": func() invoke.Invoker {
		return after(func(*invoke.Result, error) (*invoke.Result, error) { return &invoke.Result{}, nil })
	},
	"AnswerOfMegabytesIsWhole": func() invoke.Invoker {
		return after(func(r *invoke.Result, err error) (*invoke.Result, error) {
			if err == nil {
				r.Payload = r.Payload[:min(len(r.Payload), 1<<20)]
			}
			return r, err
		})
	},
	"AnswersOfInvocationsAtOnceDoNotMix": func() invoke.Invoker {
		var mu sync.Mutex
		buffer := make([]byte, 0, 1024)
		return after(func(r *invoke.Result, err error) (*invoke.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				r.Payload = append(buffer[:0], r.Payload...)
			}
			return r, err
		})
	},
	"WindowStateComesBack": func() invoke.Invoker {
		return after(func(r *invoke.Result, err error) (*invoke.Result, error) {
			if err == nil {
				r.Payload = bytes.Replace(r.Payload, []byte("state"), []byte("State"), 1)
			}
			return r, err
		})
	},
	"FailureOfTheFunctionIsAFunctionError": func() invoke.Invoker { return forgiving() },
	"EndOfTheFunctionIsAFunctionError": func() invoke.Invoker {
		return invoker(func(ctx context.Context, in *invoke.Invocation) (r *invoke.Result, err error) {
			defer func() {
				if recover() != nil {
					err = invoke.ErrUnavailable
				}
			}()
			return right.Invoke(ctx, in)
		})
	},
	"TimeoutIsAFunctionError":              func() invoke.Invoker { return forgiving() },
	"CancelledInvocationDoesNotCountAsRun": func() invoke.Invoker { return after(silent) },
	"InvocationsOfOneFunctionRunSideBySide": func() invoke.Invoker {
		var mu sync.Mutex
		return invoker(func(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			return right.Invoke(ctx, in)
		})
	},
	"Refusal/throttled":   func() invoke.Invoker { return refused(invoketest.Unavailable) },
	"Refusal/unavailable": func() invoke.Invoker { return refused(invoketest.Throttled) },
	"Refusal/missing":     func() invoke.Invoker { return refused(invoketest.Denied) },
	"Refusal/denied":      func() invoke.Invoker { return refused(invoketest.TooLarge) },
	"Refusal/too-large":   func() invoke.Invoker { return right },
}

// spaced gives the function another byte.
type spaced struct{}

func (spaced) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return invoketest.Handler{}.Invoke(ctx, append(event, ' '))
}

// forgiving takes every failure for a function that did not run.
func forgiving() invoke.Invoker {
	return after(func(r *invoke.Result, err error) (*invoke.Result, error) {
		if err != nil {
			err = invoke.ErrUnavailable
		}
		return r, err
	})
}

// silent hides why the function ended.
func silent(r *invoke.Result, err error) (*invoke.Result, error) {
	if err != nil {
		return &invoke.Result{FunctionError: "Unhandled"}, nil
	}
	return r, nil
}

// mistake names, in a process of its own, the rule whose Invoker is tested.
const mistake = "INVOKETEST_MISTAKE"

// TestEveryRuleFindsItsMistake runs itself in processes of their own, since a suite that fails makes its test fail.
func TestEveryRuleFindsItsMistake(t *testing.T) {
	if rule := os.Getenv(mistake); rule != "" {
		invoketest.Run(t, func(*testing.T, invoketest.Function) invoke.Invoker { return mistakes[rule]() })
		return
	}
	for rule := range mistakes {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEveryRuleFindsItsMistake$/^"+rule+"$", "-test.count=1")
			cmd.Env = append(os.Environ(), mistake+"="+rule)
			out, err := cmd.CombinedOutput()
			assert.Error(t, err, "the suite found nothing")
			assert.Contains(t, string(out), "--- FAIL: TestEveryRuleFindsItsMistake/"+rule, "%s", out)
		})
	}
}
