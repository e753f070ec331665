package invoke_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

func TestEventJSONIsAsRecordedOnAWS(t *testing.T) {
	start := time.Date(2026, 9, 19, 14, 11, 10, 0, time.FixedZone("", 3600))
	window := batch.Window{Start: start, End: start.Add(10 * time.Second), State: []byte(`{"sum":3,"by":{"<a>":1.50}}`)}
	first, final, early := window, window, window
	first.State = nil
	final.Final = true
	early.Final, early.TerminatedEarly = true, true

	odd := record(1)
	odd.PartitionKey = "<a href=\"x\">&\\/é世😀\u2028\u2029\x00\x1f\x7f\b\f\n\r\t\xff"
	odd.Data = nil
	noKey := record(0)
	noKey.PartitionKey = ""
	fanOut := origin
	fanOut.EventSourceARN += "/consumer/fast:1758269491"
	noRole := origin
	noRole.InvokeIdentityARN = ""

	at := func(t time.Time) batch.Record {
		r := record(1)
		r.ArrivalTime = t
		return r
	}
	for name, e := range map[string]*invoke.Event{
		"one":       invoke.NewEvent(&origin, batch.RecordsOf(records(1)), nil),
		"three":     invoke.NewEvent(&origin, batch.RecordsOf(records(3)), nil),
		"escapes":   invoke.NewEvent(&origin, batch.RecordsOf([]batch.Record{odd}), nil),
		"no-key":    invoke.NewEvent(&origin, batch.RecordsOf([]batch.Record{noKey}), nil),
		"no-role":   invoke.NewEvent(&noRole, batch.RecordsOf(records(1)), nil),
		"fan-out":   invoke.NewEvent(&fanOut, batch.RecordsOf(records(1)), nil),
		"window":    invoke.NewEvent(&origin, batch.RecordsOf(records(1)), &window),
		"first":     invoke.NewEvent(&origin, batch.RecordsOf(records(1)), &first),
		"final":     invoke.NewEvent(&origin, batch.Records{}, &final),
		"early":     invoke.NewEvent(&origin, batch.Records{}, &early),
		"no-record": invoke.NewEvent(&origin, batch.Records{}, nil),
		"timestamps": invoke.NewEvent(&origin, batch.RecordsOf([]batch.Record{
			at(time.Unix(1545084650, 0)),
			at(time.Unix(1545084650, 980_999_999)),
			at(time.Unix(1545084650, 7_000_000).In(time.FixedZone("", -7200))),
			at(time.Unix(0, 0)),
			at(time.Unix(-1, 999_000_000)),
		}), nil),
	} {
		t.Run(name, func(t *testing.T) {
			got := e.AppendJSON(nil)
			golden(t, "event-"+name+".json", got)
			if !json.Valid(got) {
				t.Errorf("not valid JSON: %s", got)
			}
			if len(got) != e.Size() {
				t.Errorf("Size: got %d, want %d", e.Size(), len(got))
			}
		})
	}
}

func TestAppendJSONKeepsWhatIsThere(t *testing.T) {
	e := invoke.NewEvent(&origin, batch.RecordsOf(records(2)), nil)
	got := e.AppendJSON([]byte("before "))
	if want := "before " + string(e.AppendJSON(nil)); string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	marshalled, err := e.MarshalJSON()
	if err != nil || !bytes.Equal(marshalled, got[len("before "):]) {
		t.Errorf("MarshalJSON: got %s, %v", marshalled, err)
	}
}

func TestAppendJSONGrowsItsBufferOnce(t *testing.T) {
	e := invoke.NewEvent(&origin, batch.RecordsOf(records(50)), nil)
	n := testing.AllocsPerRun(50, func() { e.AppendJSON(nil) })
	if n > 2 { // slices.Grow takes a second one under the race detector
		t.Errorf("got %v allocations, want 1", n)
	}
}

func TestEventID(t *testing.T) {
	e := invoke.NewEvent(&origin, batch.RecordsOf(records(1)), nil)
	for r := range e.Records() {
		if got, want := e.EventID(r), "shardId-000000000000:"+r.SequenceNumber; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAtIsTheRecordThatRecordsYields(t *testing.T) {
	e, i := invoke.NewEvent(&origin, batch.RecordsOf(records(3)), nil), 0
	for r := range e.Records() {
		if got := e.At(i); got != r {
			t.Errorf("record %d: got %s, want %s", i, got.SequenceNumber, r.SequenceNumber)
		}
		i++
	}
}

func TestRecordsStopsWhenAsked(t *testing.T) {
	e, n := invoke.NewEvent(&origin, batch.RecordsOf(records(3)), nil), 0
	for range e.Records() {
		n++
		break
	}
	if n != 1 || e.Len() != 3 {
		t.Errorf("got %d of %d records, want 1 of 3", n, e.Len())
	}
}

// TestDataOfEachLengthIsBase64 holds the vector encoder against the standard library's, in a buffer with room and without.
func TestDataOfEachLengthIsBase64(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 1500 {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		r := batch.Record{SequenceNumber: "1", Data: data}
		var got struct {
			Records []struct {
				Kinesis struct{ Data string }
			}
		}
		e := invoke.NewEvent(&origin, batch.RecordsOf([]batch.Record{r}), nil)
		for _, dst := range [][]byte{nil, make([]byte, 0, 1<<12)} {
			require.NoError(t, json.Unmarshal(e.AppendJSON(dst), &got))
			require.Equal(t, base64.StdEncoding.EncodeToString(data), got.Records[0].Kinesis.Data, "length %d", n)
		}
	}
}
