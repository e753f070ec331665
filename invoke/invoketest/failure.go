package invoketest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// failed asserts that e makes the function fail, and returns the text of its error document.
func (f *fixture) failed(e *invoke.Event, timeout time.Duration) (result invoke.Result, text string) {
	f.Helper()
	result, outcome := f.runFor(e, timeout)
	require.Equal(f, batch.FunctionError, outcome.Kind, "%v", result.Err)
	assert.NotEmpty(f, result.FunctionError)
	assert.Error(f, result.Err)
	var document struct {
		ErrorMessage string `json:"errorMessage"`
	}
	require.NoError(f, json.Unmarshal(result.Payload, &document), "the error document is %.200s", result.Payload)
	assert.NotEmpty(f, document.ErrorMessage)
	return result, document.ErrorMessage
}

func testFail(f *fixture) {
	for range 2 {
		_, text := f.failed(event(fail, 2), soon)
		assert.Contains(f, text, message)
	}
	f.goesOn()
}

func testExit(f *fixture) {
	for range 2 {
		f.failed(event(exit, 2), soon)
	}
	f.goesOn()
}

func testTimeout(f *fixture) {
	const timeout = 500 * time.Millisecond
	for range 2 {
		f.goesOn() // so that the function has started when its time begins
		began := time.Now()
		result, _ := f.failed(event(sleep, 1), timeout)
		var late *invoke.TimeoutError
		if assert.ErrorAs(f, result.Err, &late) {
			assert.Equal(f, timeout, late.Timeout)
		}
		assert.Less(f, time.Since(began), soon)
	}
	f.goesOn()
}

func testCancel(f *fixture) {
	for _, after := range []time.Duration{0, waitTime} {
		ctx, cancel := context.WithCancel(f.Context())
		if after == 0 {
			cancel()
		}
		stop := time.AfterFunc(after, cancel)
		began := time.Now()
		result, outcome := invoke.Run(ctx, f.invoker, invocation(event(sleep, 1)), invoke.Options{Timeout: 2 * soon})
		stop.Stop()
		cancel()
		assert.Equal(f, batch.NotRun, outcome.Kind, "cancelled after %s: %v", after, result.Err)
		assert.Less(f, time.Since(began), soon, "cancelled after %s", after)
	}
	f.goesOn()
}

// testSideBySide runs invocations that take some time each. If all of them together take less than two, they
// overlapped. A round that took longer, as on a busy machine, proves nothing, so there are several.
func testSideBySide(f *fixture) {
	const lanes, rounds = 4, 10
	var took time.Duration
	for range rounds {
		began := time.Now()
		var g errgroup.Group
		for range lanes {
			g.Go(func() error {
				_, err := f.invoker.Invoke(f.Context(), invocation(event(wait, 1)))
				return err
			})
		}
		require.NoError(f, g.Wait())
		if took = time.Since(began); took < 2*waitTime {
			return
		}
	}
	assert.Less(f, took, 2*waitTime, "%d concurrent invocations of %s, the last of %d rounds", lanes, waitTime, rounds)
}
