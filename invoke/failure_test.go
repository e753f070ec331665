package invoke_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

const mappingUUID = "0b5e0f6a-3c1d-4f3e-9a44-5d0c8d0d1c77"

// failure returns a batch of n records that was given up after a function error.
func failure(n int) *invoke.Failure {
	return &invoke.Failure{
		MappingUUID: mappingUUID,
		RequestID:   requestID,
		FunctionARN: functionARN + ":live",
		Condition:   batch.RetryAttemptsExhausted,
		Invocations: 4,
		Response:    &invoke.FailureResponse{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: "Unhandled"},
		Time:        time.Date(2026, 9, 19, 11, 11, 30, 123_987_654, time.FixedZone("", 7200)),
		Event:       invoke.NewEvent(&origin, batch.RecordsOf(records(n)), nil),
	}
}

// failures are the forms of the document, by the name of their golden file.
func failures() map[string]*invoke.Failure {
	start := time.Date(2026, 9, 19, 14, 11, 10, 0, time.FixedZone("", 3600))
	window := batch.Window{Start: start, End: start.Add(10 * time.Second), State: []byte(`{"sum":3,"by":"<a>"}`)}
	final, early := window, window
	final.Final = true
	early.Final, early.TerminatedEarly = true, true
	fanOut := origin
	fanOut.EventSourceARN += "/consumer/fast:1758269491"

	all := map[string]*invoke.Failure{}
	set := func(name string, n int, change func(*invoke.Failure)) {
		all[name] = failure(n)
		change(all[name])
	}
	set("function-error", 1, func(*invoke.Failure) {})
	set("function-error-of-three", 3, func(*invoke.Failure) {})
	set("failed-items", 1, func(f *invoke.Failure) { f.Response.FunctionError = "" })
	set("version", 1, func(f *invoke.Failure) {
		f.Response = &invoke.FailureResponse{ExecutedVersion: "17", FunctionError: "Handled"}
	})
	set("too-large", 1, func(f *invoke.Failure) { f.Response = nil })
	set("too-old", 2, func(f *invoke.Failure) {
		f.Condition, f.Invocations, f.Response = batch.RecordAgeExceeded, 1, nil
		f.Time = time.Unix(1789809090, 0)
	})
	set("fan-out", 1, func(f *invoke.Failure) { f.Event = invoke.NewEvent(&fanOut, batch.RecordsOf(records(1)), nil) })
	set("window", 2, func(f *invoke.Failure) { f.Event = invoke.NewEvent(&origin, batch.RecordsOf(records(2)), &window) })
	set("window-final", 0, func(f *invoke.Failure) { f.Event = invoke.NewEvent(&origin, batch.Records{}, &final) })
	set("window-early", 0, func(f *invoke.Failure) { f.Event = invoke.NewEvent(&origin, batch.Records{}, &early) })
	set("escapes", 1, func(f *invoke.Failure) {
		odd := record(1)
		odd.PartitionKey = "<a href=\"x\">&\\/é世😀\u2028\x00\x1f\xff"
		f.Event = invoke.NewEvent(&origin, batch.RecordsOf([]batch.Record{odd}), nil)
	})
	return all
}

func TestFailureDocumentsAreAsRecordedOnAWS(t *testing.T) {
	for name, f := range failures() {
		t.Run(name, func(t *testing.T) {
			for file, got := range map[string][]byte{
				name + ".json":         f.AppendJSON(nil),
				name + "-payload.json": f.AppendJSONWithPayload(nil),
			} {
				golden(t, "failure/"+file, got)
				if !json.Valid(got) {
					t.Errorf("%s is not valid JSON: %s", file, got)
				}
			}
		})
	}
}

// The golden files can be rewritten; this one, spelled out from the recorded document, can't.
func TestFailureDocumentSpelledOut(t *testing.T) {
	const want = `{"requestContext":{"requestId":"9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11",` +
		`"functionArn":"arn:aws:lambda:us-east-1:111111111111:function:ship-orders:live",` +
		`"condition":"RetryAttemptsExhausted","approximateInvokeCount":4},` +
		`"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},` +
		`"version":"1.0","timestamp":"2026-09-19T09:11:30.123Z",` +
		`"KinesisBatchInfo":{"shardId":"shardId-000000000000",` +
		`"startSequenceNumber":"49590338271490256608559692538361571095921575989136588000",` +
		`"endSequenceNumber":"49590338271490256608559692538361571095921575989136588001",` +
		`"approximateArrivalOfFirstRecord":"2018-12-17T22:10:50.987Z",` +
		`"approximateArrivalOfLastRecord":"2018-12-17T22:10:50.988Z",` +
		`"batchSize":2,"streamArn":"arn:aws:kinesis:us-east-1:111111111111:stream/orders"}}`
	if got := string(failure(2).AppendJSON(nil)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestAnArrivalInAWholeSecondHasNoDecimals, as recorded: the time of the document itself always has three.
func TestAnArrivalInAWholeSecondHasNoDecimals(t *testing.T) {
	second := time.Unix(1545084650, 0)
	for arrived, want := range map[time.Duration]string{
		0: "2018-12-17T22:10:50Z", 999 * time.Microsecond: "2018-12-17T22:10:50Z",
		time.Millisecond: "2018-12-17T22:10:50.001Z", 980 * time.Millisecond: "2018-12-17T22:10:50.980Z",
	} {
		rs := records(2)
		rs[0].ArrivalTime, rs[1].ArrivalTime = second.Add(arrived), second.Add(arrived)
		f := failure(2)
		f.Event, f.Time = invoke.NewEvent(&origin, batch.RecordsOf(rs), nil), second
		for _, got := range []string{string(f.AppendJSON(nil)), string(f.AppendJSONWithPayload(nil))} {
			if !strings.Contains(got, `"approximateArrivalOfFirstRecord":"`+want+`","approximateArrivalOfLastRecord":"`+want+`"`) ||
				!strings.Contains(got, `"timestamp":"2018-12-17T22:10:50.000Z"`) {
				t.Errorf("got %s\nwant arrivals at %s", got, want)
			}
		}
	}
}

func TestFailureWithPayloadHasTheEventAsOneString(t *testing.T) {
	for name, f := range failures() {
		checkPayload(t, name, f)
	}
	key := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), bytesToString))
	rapid.Check(t, func(t *rapid.T) {
		r := record(1)
		r.PartitionKey = key.Draw(t, "key")
		r.Data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		f := failure(0)
		f.Event = invoke.NewEvent(&origin, batch.RecordsOf([]batch.Record{r, record(2)}), nil)
		checkPayload(t, "drawn", f)
	})
}

// checkPayload holds that the document with the payload is the one without, and the event behind the version.
func checkPayload(t interface{ Errorf(string, ...any) }, name string, f *invoke.Failure) {
	var doc struct{ Payload string }
	got := f.AppendJSONWithPayload(nil)
	if err := json.Unmarshal(got, &doc); err != nil {
		t.Errorf("%s: %v: %s", name, err, got)
	}
	if want := string(f.Event.AppendJSON(nil)); doc.Payload != want {
		t.Errorf("%s: payload:\n got %s\nwant %s", name, doc.Payload, want)
	}
	before, rest, _ := bytes.Cut(got, []byte(`"version":"1.0","payload":"`))
	end := bytes.LastIndex(rest, []byte(`","timestamp":"`))
	if end < 0 {
		t.Errorf("%s: the payload is not between version and timestamp: %s", name, got)
		return
	}
	without := string(before) + `"version":"1.0"` + string(rest[end+1:])
	if want := string(f.AppendJSON(nil)); without != want {
		t.Errorf("%s: without payload:\n got %s\nwant %s", name, without, want)
	}
}

func TestFailureAppendKeepsWhatIsThere(t *testing.T) {
	f := failure(1)
	for _, appendTo := range []func([]byte) []byte{f.AppendJSON, f.AppendJSONWithPayload} {
		got := string(appendTo([]byte("before ")))
		if want := "before " + string(appendTo(nil)); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestFailureResponse(t *testing.T) {
	for _, c := range []struct {
		response *invoke.FailureResponse
		want     string // in the document
	}{
		{
			&invoke.FailureResponse{StatusCode: 202, ExecutedVersion: "3", FunctionError: "Unhandled"},
			`"responseContext":{"statusCode":202,"executedVersion":"3","functionError":"Unhandled"},`,
		},
		{&invoke.FailureResponse{}, `"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":null},`},
		{nil, ""},
	} {
		f := failure(1)
		f.Response = c.response
		_, rest, _ := strings.Cut(string(f.AppendJSON(nil)), `"approximateInvokeCount":4},`)
		if got, _, _ := strings.Cut(rest, `"version"`); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.response, got, c.want)
		}
	}
}
