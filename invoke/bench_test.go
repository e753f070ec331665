package invoke_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// What an invocation costs beside the function.
func BenchmarkRun(b *testing.B) {
	in := invocation(invoke.NewEvent(&origin, batch.RecordsOf(records(100)), nil))
	nothing := invoke.Func(func(context.Context, *invoke.Event) error { return nil })
	for name, opts := range map[string]invoke.Options{
		"plain":    {},
		"timeout":  {Timeout: time.Minute},
		"response": {ReportBatchItemFailures: true},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, o := invoke.Run(b.Context(), nothing, in, opts); o.Kind != batch.Success {
					b.Fatal(o)
				}
			}
		})
	}
}

// BenchmarkAppendJSON writes events of 100 records into a new buffer and into one that is used again. x-json is how many
// times faster that is than json.Marshal of the same event as a struct, measured just before on the same machine.
func BenchmarkAppendJSON(b *testing.B) {
	for _, size := range []int{0, 100, 1024, 100 << 10} {
		e := randomEvent(100, size)
		for _, buffer := range []string{"new", "reused"} {
			b.Run(fmt.Sprintf("data=%d/buffer=%s", size, buffer), func(b *testing.B) {
				yardstick := jsonTime(b, e)
				b.SetBytes(int64(e.Size()))
				b.ReportAllocs()
				var dst []byte
				for b.Loop() {
					if buffer == "new" {
						dst = nil
					}
					dst = e.AppendJSON(dst[:0])
				}
				b.ReportMetric(yardstick*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "x-json")
			})
		}
	}
}

// randomEvent returns an event of n records with so many random bytes each.
func randomEvent(n, size int) *invoke.Event {
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	rs := records(n)
	for i := range rs {
		rs[i].Data = make([]byte, size)
		for j := range rs[i].Data {
			rs[i].Data[j] = byte(rng.Uint32())
		}
	}
	return invoke.NewEvent(&origin, batch.RecordsOf(rs), nil)
}

// jsonTime returns how many nanoseconds json.Marshal takes for the event as a struct.
func jsonTime(b *testing.B, e *invoke.Event) float64 {
	b.Helper()
	shape := shapeOf(e)
	got, err := json.Marshal(shape)
	require.NoError(b, err)
	require.JSONEq(b, string(e.AppendJSON(nil)), string(got))
	began, runs := time.Now(), 0
	for ; runs < 20 || time.Since(began) < 200*time.Millisecond; runs++ {
		_, _ = json.Marshal(shape)
	}
	return float64(time.Since(began).Nanoseconds()) / float64(runs)
}

// jsonEvent is an event as one would write it for encoding/json.
type jsonEvent struct {
	Records []jsonRecord
}

type jsonRecord struct {
	Kinesis struct {
		Version  string  `json:"kinesisSchemaVersion"`
		Key      string  `json:"partitionKey"`
		Sequence string  `json:"sequenceNumber"`
		Data     []byte  `json:"data"`
		Arrival  float64 `json:"approximateArrivalTimestamp"`
	} `json:"kinesis"`
	Source    string `json:"eventSource"`
	Version   string `json:"eventVersion"`
	ID        string `json:"eventID"`
	Name      string `json:"eventName"`
	Identity  string `json:"invokeIdentityArn"`
	Region    string `json:"awsRegion"`
	SourceARN string `json:"eventSourceARN"`
}

func shapeOf(e *invoke.Event) jsonEvent {
	var shape jsonEvent
	for r := range e.Records() {
		var j jsonRecord
		j.Kinesis.Version, j.Kinesis.Key, j.Kinesis.Sequence, j.Kinesis.Data = "1.0", r.PartitionKey, r.SequenceNumber, r.Data
		j.Kinesis.Arrival = float64(r.ArrivalTime.UnixMilli()) / 1000
		j.Source, j.Version, j.ID, j.Name = "aws:kinesis", "1.0", e.EventID(r), "aws:kinesis:record"
		j.Identity, j.Region, j.SourceARN = e.Origin.InvokeIdentityARN, e.Origin.Region, e.Origin.EventSourceARN
		shape.Records = append(shape.Records, j)
	}
	return shape
}

func BenchmarkSizeOf(b *testing.B) {
	r, sizer := record(1), origin.Sizer()
	b.ReportAllocs()
	for b.Loop() {
		sizer.SizeOf(&r)
	}
}
