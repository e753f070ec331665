package codec

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkDecode(b *testing.B) {
	for _, size := range []int{100, 1000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			n := min(10_000, 10_000_000/size)
			body := sampleJSON(size, n)
			b.SetBytes(int64(size * n))
			b.ReportAllocs()
			for b.Loop() {
				src := open(bytes.NewReader(body), int64(len(body)))
				a, ok := decodeJSON(src)
				if !ok || len(a.records) != n {
					b.Fatal(ok)
				}
				src.free()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
		})
	}
}

func sampleJSON(size, n int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	data := make([]byte, size)
	b := []byte(`{"MillisBehindLatest":0,"NextShardIterator":"AAAA","Records":[`)
	for i := range n {
		_, _ = random.Read(data)
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"ApproximateArrivalTimestamp":1.7000000%05dE9,"Data":"`, i)
		b = base64.StdEncoding.AppendEncode(b, data)
		b = fmt.Appendf(b, `","PartitionKey":"customer-%08x","SequenceNumber":"4959033827149025660855969292538361571095921575989136%04d"}`, i, i)
	}
	return append(b, "]}"...)
}
