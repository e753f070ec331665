package poller

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardmill/shardmill/batch"
)

// hundred are the members of an aggregate of 27 KB: 100 of 256 bytes, under ten keys.
func hundred() []Member {
	members := make([]Member, 100)
	for i := range members {
		members[i] = Member{Key: fmt.Sprintf("customer-%04d", i%10), Data: strings.Repeat("x", 256)}
	}
	return members
}

func benchmarkAppend(b *testing.B, data []byte, records int) {
	d := deaggregator{shard: rangeOf(&allKeys)}
	r := aggregated(data)
	dst := make([]batch.Record, 0, records)
	b.ReportAllocs()
	for b.Loop() {
		if !hasRightSum(r.Data) {
			b.Fatal("a wrong sum")
		}
		dst = d.takeApart(dst[:0], &r)
	}
	if len(dst) != records {
		b.Fatalf("got %d records, want %d", len(dst), records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
}

// BenchmarkDeaggregate is the cost of an aggregate's member. Most of it is the MD5 of its bytes, which "sum" shows.
func BenchmarkDeaggregate(b *testing.B) {
	members := hundred()
	b.Run("members=100", func(b *testing.B) { benchmarkAppend(b, Aggregate(members...), 100) })
	for i := range members {
		members[i].Data = "x"
	}
	b.Run("members=100/bytes=1", func(b *testing.B) { benchmarkAppend(b, Aggregate(members...), 100) })
	for i := range members {
		members[i].Key = fmt.Sprint("customer-", i)
	}
	b.Run("members=100/bytes=1/keys=100", func(b *testing.B) { benchmarkAppend(b, Aggregate(members...), 100) })
}

// BenchmarkDeaggregateSum is the part of BenchmarkDeaggregate/members=100 that checks the sum.
func BenchmarkDeaggregateSum(b *testing.B) {
	data := Aggregate(hundred()...)
	for b.Loop() {
		if !hasRightSum(data) {
			b.Fatal("a wrong sum")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*100), "ns/record")
}

// BenchmarkDeaggregatePlain is what the switch adds to the cost of a record that is no aggregate: two looks at its data,
// one to make room for a page and one to fill it.
func BenchmarkDeaggregatePlain(b *testing.B) {
	in := sdkRecords(1000)
	b.ReportAllocs()
	aggregates := 0
	for b.Loop() {
		for range 2 {
			for i := range in {
				if isAggregate(in[i].Data) {
					aggregates++
				}
			}
		}
	}
	if aggregates > 0 {
		b.Fatal("no aggregate")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(in)), "ns/record")
}
