package invoke_test

import (
	"context"
	"testing"
	"time"

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

func BenchmarkAppendJSON(b *testing.B) {
	rs := records(100)
	for i := range rs {
		rs[i].Data = make([]byte, 1024)
	}
	e := invoke.NewEvent(&origin, batch.RecordsOf(rs), nil)
	b.SetBytes(int64(e.Size()))
	b.ReportAllocs()
	for b.Loop() {
		e.AppendJSON(nil)
	}
}

func BenchmarkSizeOf(b *testing.B) {
	r := record(1)
	b.ReportAllocs()
	for b.Loop() {
		origin.SizeOf(&r)
	}
}
