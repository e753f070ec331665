package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/process"
)

var _ invoke.Invoker = (*process.Function)(nil)

func TestFunctionIsToldAboutTheInvocation(t *testing.T) {
	f := start(t, config("function"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	in := invocation("say", "more")
	r, err := f.Invoke(ctx, in)
	require.NoError(t, err)
	assert.Equal(t, 200, r.StatusCode)
	assert.Equal(t, "$LATEST", r.ExecutedVersion)
	var got answer
	require.NoError(t, json.Unmarshal(r.Payload, &got), "%s", r.Payload)
	assert.Equal(t, in.RequestID, got.RequestID)
	assert.Equal(t, functionARN, got.FunctionARN)
	assert.Equal(t, 2, got.Records)
	assert.InDelta(t, time.Minute, got.Left, float64(10*time.Second))
	assert.Regexp(t, `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`, got.Trace)
}

func TestWithoutADeadlineTheFunctionHasADay(t *testing.T) {
	assert.InDelta(t, 24*time.Hour, call(t, start(t, config("function")), "say").Left, float64(time.Minute))
}

func TestOneProcessServesInvocationAfterInvocation(t *testing.T) {
	f := start(t, config("function"))
	pids := map[int]bool{}
	for range 200 {
		pids[call(t, f, "say").Pid] = true
	}
	assert.Less(t, len(pids), 5, "one, if the machine has time for it")
}

func TestErrorsAreFunctionErrorsAndTheProcessLives(t *testing.T) {
	f := start(t, config("function"))
	pid := call(t, f, "say").Pid
	_, document := fail(t.Context(), t, f, "error out of tea")
	assert.JSONEq(t, `{"errorMessage":"out of tea","errorType":"errorString"}`, document)
	assert.Equal(t, pid, call(t, f, "say").Pid)
}

func TestProcessThatEndsIsAFunctionErrorInAWSWords(t *testing.T) {
	f := start(t, config("function"))
	for order, want := range map[string]string{
		"exit 123": `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: exit status 3"}`,
		"exit ":    `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited without providing a reason"}`,
	} {
		id, document := fail(t.Context(), t, f, order)
		assert.Equal(t, fmt.Sprintf(want, id), document)
	}
	_, document := fail(t.Context(), t, f, "panic of tea")
	assert.Contains(t, document, `"errorMessage":"of tea","errorType":"string"`)
	assert.Equal(t, 1, call(t, f, "say").Records)
}

func TestTimeoutKillsTheProcess(t *testing.T) {
	f := start(t, config("function"))
	before := call(t, f, "say").Pid
	opts := invoke.Options{Timeout: 300 * time.Millisecond}
	in := invocation("hang")
	r, outcome := invoke.Run(t.Context(), f, in, opts)
	assert.Equal(t, batch.FunctionError, outcome.Kind)
	assert.Regexp(t, `^{"errorMessage":"\S+Z `+in.RequestID+` Task timed out after 0\.30 seconds"}$`, string(r.Payload))
	assert.False(t, alive(before), "process %d is still there", before)

	before = call(t, f, "say").Pid // the time of a start is not part of what follows
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	id, document := fail(ctx, t, f, "hang")
	assert.Regexp(t, `^{"errorMessage":"\S+Z `+id+` Task timed out after 0\.\d\d seconds"}$`, document)
	assert.NotEqual(t, before, call(t, f, "say").Pid)
}

func TestCancelKillsTheProcessAndIsNoFunctionError(t *testing.T) {
	f := start(t, config("function"))
	call(t, f, "say")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(fmt.Errorf("drained")) })
	r, outcome := invoke.Run(ctx, f, invocation("hang"), invoke.Options{})
	assert.Equal(t, batch.NotRun, outcome.Kind)
	assert.EqualError(t, r.Err, "drained")
}

func TestAnswerMayHaveSixMegabytes(t *testing.T) {
	f := start(t, config("function"))
	r, err := f.Invoke(t.Context(), invocation("largest"))
	require.NoError(t, err)
	assert.Empty(t, r.FunctionError)
	assert.Len(t, r.Payload, 6_291_556)
	_, document := fail(t.Context(), t, f, "large")
	assert.Equal(t, `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes)."}`, document)
	call(t, f, "say")
}

func TestInvocationsRunAtOnceUpToMaxProcesses(t *testing.T) {
	cfg := config("function")
	cfg.MaxProcesses = 3
	f := start(t, cfg)
	pids := make([]int, 12)
	var group errgroup.Group
	began := time.Now()
	for i := range pids {
		group.Go(func() error { pids[i] = call(t, f, "sleep 100ms").Pid; return nil })
	}
	require.NoError(t, group.Wait())
	assert.GreaterOrEqual(t, time.Since(began), 400*time.Millisecond, "12 of 100 ms, 3 concurrently")
	slices.Sort(pids)
	assert.Len(t, slices.Compact(pids), 3)
}

func TestInvocationThatFindsNoProcessInTimeHasNotRun(t *testing.T) {
	cfg := config("function")
	cfg.MaxProcesses = 1
	f := start(t, cfg)
	call(t, f, "say")
	var group errgroup.Group
	group.Go(func() error { call(t, f, "sleep 500ms"); return nil })
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := f.Invoke(ctx, invocation("say"))
		if err != nil {
			require.ErrorIs(t, err, invoke.ErrThrottled)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		return err != nil
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, group.Wait())
}

func TestIdleProcessesAreStopped(t *testing.T) {
	cfg := config("function")
	cfg.IdleTimeout = 50 * time.Millisecond
	f := start(t, cfg)
	pid := call(t, f, "say").Pid
	require.Eventually(t, func() bool { return !alive(pid) }, 10*time.Second, 5*time.Millisecond)
	assert.NotEqual(t, pid, call(t, f, "say").Pid)
}

func TestInitErrors(t *testing.T) {
	for as, want := range map[string]string{
		"init error": `{"errorMessage":"no database","errorType":"Runtime.NoDatabase"}`,
		"init exit":  `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: exit status 3"}`,
		"init hang":  `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: Task timed out after 0.50 seconds"}`,
	} {
		t.Run(as, func(t *testing.T) {
			cfg := config(as)
			if as == "init hang" {
				cfg.InitTimeout = 500 * time.Millisecond
			}
			id, document := fail(t.Context(), t, start(t, cfg), "say")
			if strings.Contains(want, "%s") {
				want = fmt.Sprintf(want, id)
			}
			assert.Equal(t, want, document)
		})
	}
}

func TestCrashLoopsBackOff(t *testing.T) {
	f := start(t, config("init exit"))
	fail(t.Context(), t, f, "say")
	began := time.Now()
	var group errgroup.Group
	for range 4 { // one tries for all: immediately, after 100, 200 and 400 ms
		group.Go(func() error { fail(t.Context(), t, f, "say"); return nil })
	}
	require.NoError(t, group.Wait())
	assert.GreaterOrEqual(t, time.Since(began), 700*time.Millisecond)
}

func TestCloseDuringInvocations(t *testing.T) {
	cfg := config("function")
	f, err := process.New(cfg)
	require.NoError(t, err)
	pid := call(t, f, "say").Pid
	var group errgroup.Group
	for range 20 { // ten run, ten wait
		group.Go(func() error {
			_, err := f.Invoke(t.Context(), invocation("hang"))
			assert.ErrorIs(t, err, process.ErrClosed)
			assert.ErrorIs(t, err, invoke.ErrNotRun)
			return nil
		})
	}
	time.Sleep(100 * time.Millisecond) // any instant is the point
	require.NoError(t, f.Close())
	assert.False(t, alive(pid))
	require.NoError(t, group.Wait())
	_, err = f.Invoke(t.Context(), invocation("say"))
	require.ErrorIs(t, err, process.ErrClosed)
	require.NoError(t, f.Close())
}

func TestOutputIsLoggedWithTheRequestID(t *testing.T) {
	var l logs
	cfg := config("function")
	cfg.Logger = l.logger()
	f := start(t, cfg)
	long := strings.Repeat("x", 100<<10)
	in := invocation("print " + long)
	_, err := f.Invoke(t.Context(), in)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(l.find(t, "function output")) == 4 }, 10*time.Second, time.Millisecond)
	text := map[any]string{}
	for _, line := range l.find(t, "function output") {
		assert.Equal(t, in.RequestID, line["requestId"])
		part, ok := line["line"].(string)
		require.True(t, ok)
		assert.LessOrEqual(t, len(part), 64<<10)
		text[line["stream"]] += part
	}
	assert.Equal(t, map[any]string{"stdout": long, "stderr": long}, text)
}

func TestFloodsOfOutputAreCountedAndNotLogged(t *testing.T) {
	var l logs
	cfg := config("function")
	cfg.Logger, cfg.OutputRate = l.logger(), 10_000
	f, err := process.New(cfg)
	require.NoError(t, err)
	_, err = f.Invoke(t.Context(), invocation("flood 0123456789"))
	require.NoError(t, err, "the function is not held up")
	require.NoError(t, f.Close())
	logged, left := len(l.find(t, "function output")), 0.0
	for _, report := range l.find(t, "function output omitted") {
		lines, _ := report["lines"].(float64)
		assert.EqualValues(t, 10*lines, report["bytes"])
		assert.Equal(t, "WARN", report["level"])
		left += lines
	}
	assert.EqualValues(t, 10_000, float64(logged)+left)
	assert.Greater(t, left, 5000.0)
}

func TestEnvironmentIsLambdasAndNotOurs(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "secret")
	t.Setenv("AWS_PROFILE", "secret")
	t.Setenv("MY_SECRET", "secret")
	cfg := config("function")
	cfg.Region, cfg.FunctionName, cfg.Handler, cfg.MemorySize = "eu-west-1", "ship-orders", "main.handle", 256
	cfg.Environment["TABLE"] = "orders"
	r, err := start(t, cfg).Invoke(t.Context(), invocation("env"))
	require.NoError(t, err)
	var env []string
	require.NoError(t, json.Unmarshal(r.Payload, &env))
	for _, want := range []string{
		"_HANDLER=main.handle", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_LAMBDA_FUNCTION_NAME=ship-orders",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "TZ=:UTC", "TABLE=orders",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/ship-orders",
	} {
		assert.Contains(t, env, want)
	}
	text := strings.Join(env, "\n")
	assert.Regexp(t, regexp.MustCompile(`(?m)^AWS_LAMBDA_LOG_STREAM_NAME=\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`), text)
	assert.Regexp(t, regexp.MustCompile(`(?m)^AWS_LAMBDA_RUNTIME_API=127\.0\.0\.1:\d+$`), text)
	assert.NotContains(t, text, "secret")
	assert.NotContains(t, text, "CREDENTIALS")
}

func TestWrongConfigurationsAreNamed(t *testing.T) {
	_, err := process.New(process.Config{
		MaxProcesses: -1, MemorySize: -1, IdleTimeout: -1, InitTimeout: -1, OutputRate: -2, MemoryLimit: 1,
		Environment: map[string]string{"_HANDLER": "x"},
	})
	require.Error(t, err)
	assert.Equal(t, []string{
		"process: Command is empty, must name a program",
		"process: MemorySize is -1, must be at least 1",
		"process: MaxProcesses is -1, must be between 1 and 10000",
		"process: IdleTimeout is -1ns, must be at least 1ms",
		"process: InitTimeout is -1ns, must be at least 1ms",
		"process: OutputRate is -2, must be at least -1",
		"process: MemoryLimit is 1, must be at least 16777216",
		"process: Environment has _HANDLER, which the package sets",
	}, strings.Split(err.Error(), "\n"))
	_, err = process.New(process.Config{Command: []string{"/no/such/program"}})
	require.ErrorContains(t, err, `Command is "/no/such/program"`)
}
