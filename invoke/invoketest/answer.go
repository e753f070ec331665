package invoketest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// payloadLimit is AWS's for a synchronous invocation, in bytes.
const payloadLimit = 6_291_456

func testEventBytes(f *fixture) {
	odd := records(digest, 3)
	odd[1].PartitionKey = "<a href=\"x\">&\\/é世😀\u2028\x00\x1f\x7f\r\n\xff"
	odd[1].Data = nil
	odd[2].Data = []byte("\x00\xff\n")
	f.arrives(invoke.NewEvent(&origin, batch.RecordsOf(odd), nil))
	f.arrives(event(digest, 1))
	f.arrives(event(digest, 1000))
	start := time.Unix(1545084650, 0)
	window := &batch.Window{Start: start, End: start.Add(10 * time.Second), State: []byte(` { "<a>" : 1.50 } `)}
	f.stateless(invoke.NewEvent(&origin, batch.RecordsOf(records(digest, 2)), window))
}

// stateless is arrives for an event of a window whose answer has no state: it counts as failed, but reports the bytes
// that arrived.
func (f *fixture) stateless(e *invoke.Event) {
	f.Helper()
	result, err := f.invoker.Invoke(f.Context(), invocation(e))
	require.NoError(f, err)
	answer := result.Response
	if answer == nil {
		parsed := invoke.ParseResponse(result.Payload)
		answer = &parsed
	}
	assert.Equal(f, []string{sum(e.AppendJSON(nil))}, answer.FailedItems, "the function got other bytes")
}

func testLargestEvent(f *fixture) {
	rs := records(digest, 8)
	for i := range rs {
		rs[i].Data = bytes.Repeat([]byte{byte(i), 0xff, '\n'}, 196_000)
	}
	rs[7].PartitionKey = "k"
	e := invoke.NewEvent(&origin, batch.RecordsOf(rs), nil)
	rs[7].PartitionKey = strings.Repeat("k", payloadLimit-e.Size()+1)
	e = invoke.NewEvent(&origin, batch.RecordsOf(rs), nil)
	require.Equal(f, payloadLimit, e.Size())
	f.arrives(e)
}

func testEmptyAnswer(f *fixture) {
	result, outcome := f.run(event(nothing, 2))
	assert.Equal(f, batch.Success, outcome.Kind, "%v", result.Err)
	assert.Empty(f, outcome.FailedItems)
	assert.NoError(f, result.Err)
}

func testFailedItems(f *fixture) {
	rs := records(last, 3)
	result, outcome := f.run(invoke.NewEvent(&origin, batch.RecordsOf(rs), nil))
	assert.Equal(f, batch.Success, outcome.Kind, "%v", result.Err)
	assert.Equal(f, []string{rs[2].SequenceNumber}, outcome.FailedItems)
	assert.Empty(f, result.FunctionError)
}

// testLargeAnswer is for adapters of bytes. An adapter that sets a Response has parsed the answer itself.
func testLargeAnswer(f *fixture) {
	result, outcome := f.run(event(large, 1))
	assert.Equal(f, batch.Success, outcome.Kind, "%v", result.Err)
	assert.Empty(f, outcome.FailedItems)
	if result.Response == nil {
		assert.Len(f, result.Payload, padding+len(`{"padding":""}`))
		assert.True(f, bytes.HasSuffix(result.Payload, []byte(`xx"}`)), "the end of the answer is missing")
	}
}

func testAnswersApart(f *fixture) {
	const lanes, invocations = 8, 20
	var g errgroup.Group
	for lane := range lanes {
		g.Go(func() error {
			var kept []invoke.Result
			for i := range invocations {
				in := invocation(event(digest, 1+lane*invocations+i))
				result, err := f.invoker.Invoke(f.Context(), in)
				if err != nil || result == nil {
					return fmt.Errorf("got %v, %w, want an answer", result, err)
				}
				kept = append(kept, *result)
			}
			for i, result := range kept {
				want := sum(event(digest, 1+lane*invocations+i).AppendJSON(nil))
				if got := itemsOf(result); len(got) != 1 || got[0] != want {
					return fmt.Errorf("lane %d, invocation %d: got %q, want %q", lane, i, got, want)
				}
			}
			return nil
		})
	}
	require.NoError(f, g.Wait())
}

// itemsOf returns the failed items of an answer.
func itemsOf(r invoke.Result) []string {
	if r.Response != nil {
		return r.Response.FailedItems
	}
	return invoke.ParseResponse(r.Payload).FailedItems
}

func testWindowState(f *fixture) {
	start := time.Unix(1545084650, 0)
	window := batch.Window{Start: start, End: start.Add(10 * time.Second)}
	for i, n := range []int{2, 3} {
		w := window
		result, outcome := f.run(invoke.NewEvent(&origin, batch.RecordsOf(records(count, n)), &w))
		require.Equal(f, batch.Success, outcome.Kind, "%v", result.Err)
		assert.JSONEq(f, fmt.Sprintf(`{"count":%d}`, []int{2, 5}[i]), string(outcome.State))
		window.State = outcome.State
	}
	window.Final = true
	result, outcome := f.run(invoke.NewEvent(&origin, batch.Records{}, &window))
	assert.Equal(f, batch.Success, outcome.Kind, "%v", result.Err)
	assert.JSONEq(f, `{"count":5}`, string(outcome.State))
}
