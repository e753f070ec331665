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

// checkSizes holds the promise of SizeOf: the sizes of the parts add up to the encoder's real output.
func checkSizes(t interface{ Errorf(string, ...any) }, o *invoke.Origin, rs []batch.Record, w *batch.Window) {
	e := invoke.NewEvent(o, batch.RecordsOf(rs), w)
	want := o.EnvelopeSize() + o.WindowSize(w) + max(0, len(rs)-1)
	for i := range rs {
		want += o.Sizer().SizeOf(&rs[i])
	}
	got := e.AppendJSON(nil)
	if len(got) != want || e.Size() != want {
		t.Errorf("got %d bytes (Size %d), want %d: %s", len(got), e.Size(), want, got)
	}
	if !json.Valid(got) {
		t.Errorf("not valid JSON: %s", got)
	}
}

func TestSizesAddUpToTheEncodedEvent(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,40}`), rapid.Map(rapid.SliceOf(rapid.Byte()), bytesToString))
	when := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(-1e13, 1e14).Draw(t, "ms"))
	})
	one := rapid.Custom(func(t *rapid.T) batch.Record {
		return batch.Record{
			SequenceNumber: rapid.OneOf(rapid.StringMatching(`[0-9]{1,129}`), text).Draw(t, "sequence"),
			PartitionKey:   text.Draw(t, "key"),
			Data:           rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
			ArrivalTime:    when.Draw(t, "arrival"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		o := invoke.Origin{
			ShardID: text.Draw(t, "shard"), EventSourceARN: text.Draw(t, "source"),
			Region: text.Draw(t, "region"), InvokeIdentityARN: text.Draw(t, "role"),
		}
		var w *batch.Window
		if rapid.Bool().Draw(t, "windowed") {
			start := time.Unix(rapid.Int64Range(0, 1e11).Draw(t, "start"), 0)
			w = &batch.Window{Start: start, End: start.Add(time.Minute), Final: rapid.Bool().Draw(t, "final")}
			w.TerminatedEarly = rapid.Bool().Draw(t, "early")
			w.State = rapid.SampledFrom([][]byte{nil, []byte(`{}`), []byte(`{"a":[1,2]}`)}).Draw(t, "state")
		}
		checkSizes(t, &o, rapid.SliceOfN(one, 0, 4).Draw(t, "records"), w)
	})
}

func bytesToString(b []byte) string { return string(b) }

func FuzzSizes(f *testing.F) {
	f.Add("key", "4966", []byte("data"), int64(1545084650987), origin.ShardID, origin.InvokeIdentityARN)
	f.Add("\"\\\x00\xff\u2028é<", "", []byte(nil), int64(-1), "", "")
	f.Add(strings.Repeat("k", 7)+"\x80", "1", []byte{0}, int64(9999), "s", "\t")
	f.Fuzz(func(t *testing.T, key, sequence string, data []byte, ms int64, shard, role string) {
		o := origin
		o.ShardID, o.InvokeIdentityARN = shard, role
		r := batch.Record{
			SequenceNumber: sequence, PartitionKey: key, Data: data,
			ArrivalTime: time.UnixMilli(ms % 1e15), // beyond the year 33658 nothing arrives
		}
		checkSizes(t, &o, []batch.Record{r, record(1)}, nil)
	})
}

// The strings of an event are encoding/json's without HTML escaping, but for the two separators that it escapes for
// JavaScript's sake.
func TestStringsAreEncodedAsByEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), bytesToString)).Draw(t, "string")
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(s); err != nil {
			t.Fatal(err)
		}
		if s == "" {
			want.Reset()
			want.WriteString("null") // no partition key
		}
		text := strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(want.String(), "\n"))
		r := record(1)
		r.PartitionKey = s
		got := invoke.NewEvent(&origin, batch.RecordsOf([]batch.Record{r}), nil).AppendJSON(nil)
		if !strings.Contains(s, `\u202`) && !bytes.Contains(got, []byte(`"partitionKey":`+text+`,`)) {
			t.Errorf("got %s, want a partition key of %s", got, text)
		}
	})
}

func TestSizeOfAllocatesNothing(t *testing.T) {
	r := record(1)
	r.PartitionKey = "é\"\n"
	if n := testing.AllocsPerRun(100, func() { origin.Sizer().SizeOf(&r) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
