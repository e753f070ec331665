package filter_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/batch/filter"
)

// benchPattern asks for one equality, one numeric range and one prefix, all on nested fields.
const benchPattern = `{"data": {
	"order": {"status": ["shipped"], "total": [{"numeric": [">=", 100, "<", 900]}]},
	"customer": {"region": [{"prefix": "eu-"}]}
}}`

// benchRecords are orders of about 1 kB. Of each two the status fits, and of those some pass.
func benchRecords(tb testing.TB) []batch.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	records := make([]batch.Record, 64)
	for i := range records {
		lines := make([]map[string]any, 6)
		for j := range lines {
			lines[j] = map[string]any{"sku": fmt.Sprintf("SKU-%06d", rng.IntN(1e6)), "quantity": 1 + rng.IntN(9), "price": float64(rng.IntN(10_000)) / 100, "gift": rng.IntN(2) == 0}
		}
		data, err := json.Marshal(map[string]any{
			"eventId": fmt.Sprintf("%016x-%016x", rng.Uint64(), rng.Uint64()), "eventType": "order.updated",
			"time": "2026-02-03T04:05:06.789Z", "version": 3, "traceParent": fmt.Sprintf("00-%016x%016x-01", rng.Uint64(), rng.Uint64()),
			"order": map[string]any{
				"id": rng.IntN(1e9), "status": pick("shipped", "created"), "total": float64(rng.IntN(120_000)) / 100,
				"currency": "EUR", "channel": "web", "note": "please leave it with the neighbours \u2013 they are \"always\" in", "lines": lines, "coupon": nil,
			},
			"customer": map[string]any{
				"id": fmt.Sprintf("customer-%08x", rng.Uint32()), "region": pick("eu-central-1", "eu-west-3", "us-east-1"),
				"name": "Ada Lovelace", "mail": "ada.lovelace@example.com", "tags": []string{"early", "returning", "newsletter"},
				"address": map[string]any{"street": "12 St James's Square", "city": "London", "zip": "SW1Y 4JH", "country": "GB"},
			},
		})
		require.NoError(tb, err)
		records[i] = batch.Record{Data: data, PartitionKey: "p", SequenceNumber: "49660000000000000000000000000000000000000000000000000001", ArrivalTime: time.UnixMilli(1545084650987)}
	}
	return records
}

// BenchmarkFilter is the time for one record of about 1 kB.
func BenchmarkFilter(b *testing.B) {
	criteria, err := filter.Compile([]string{benchPattern}, 0)
	require.NoError(b, err)
	benchmark(b, func(r *batch.Record) bool { return criteria.Match(r).Passes() })
}

// BenchmarkTenFilters is the same with as many filters as a mapping may have.
func BenchmarkTenFilters(b *testing.B) {
	var patterns []string
	for i := range filter.MaxLimit {
		patterns = append(patterns, strings.ReplaceAll(benchPattern, "eu-", fmt.Sprintf("eu-%d", i)))
	}
	criteria, err := filter.Compile(patterns, filter.MaxLimit)
	require.NoError(b, err)
	benchmark(b, func(r *batch.Record) bool { return criteria.Match(r).Passes() })
}

// BenchmarkArrays asks for two fields of one element of an array.
func BenchmarkArrays(b *testing.B) {
	criteria, err := filter.Compile([]string{`{"data":{"order":{"lines":{"gift":[true],"quantity":[{"numeric":[">",8]}]}}}}`}, 0)
	require.NoError(b, err)
	benchmark(b, func(r *batch.Record) bool { return criteria.Match(r).Passes() })
}

// BenchmarkValid only asks encoding/json whether the records are JSON.
func BenchmarkValid(b *testing.B) {
	benchmark(b, func(r *batch.Record) bool { return json.Valid(r.Data) })
}

// BenchmarkReference decodes the records into maps, and looks into those.
func BenchmarkReference(b *testing.B) {
	benchmark(b, mapMatch)
}

func benchmark(b *testing.B, passes func(*batch.Record) bool) {
	records := benchRecords(b)
	size := 0
	for i := range records {
		size += len(records[i].Data)
	}
	b.SetBytes(int64(size / len(records)))
	b.ReportAllocs()
	passed, i := 0, 0
	for b.Loop() {
		if passes(&records[i%len(records)]) {
			passed++
		}
		i++
	}
	b.ReportMetric(float64(passed)/float64(i), "passed")
}

// BenchmarkRatios takes turns between the filter, json.Valid and the reference on the same records, so that all suffer
// alike from whatever else the machine does. It reports how many times as long as the filter the other two take.
func BenchmarkRatios(b *testing.B) {
	records := benchRecords(b)
	criteria, err := filter.Compile([]string{benchPattern}, 0)
	require.NoError(b, err)
	var taken [3]time.Duration
	rounds := 0
	for b.Loop() {
		for i, passes := range []func(*batch.Record) bool{
			func(r *batch.Record) bool { return criteria.Match(r).Passes() },
			func(r *batch.Record) bool { return json.Valid(r.Data) },
			mapMatch,
		} {
			begin := time.Now()
			for j := range records {
				passes(&records[j])
			}
			taken[i] += time.Since(begin)
		}
		rounds++
	}
	b.ReportMetric(float64(taken[0].Nanoseconds())/float64(rounds*len(records)), "ns/record")
	b.ReportMetric(float64(taken[1])/float64(taken[0]), "x-json.Valid")
	b.ReportMetric(float64(taken[2])/float64(taken[0]), "x-reference")
}

// mapMatch is benchPattern by hand, over encoding/json's maps.
func mapMatch(r *batch.Record) bool {
	var data map[string]any
	if json.Unmarshal(r.Data, &data) != nil {
		return false
	}
	order, _ := data["order"].(map[string]any)
	customer, _ := data["customer"].(map[string]any)
	status, _ := order["status"].(string)
	total, ok := order["total"].(float64)
	region, _ := customer["region"].(string)
	return status == "shipped" && ok && total >= 100 && total < 900 && strings.HasPrefix(region, "eu-")
}

func TestBenchmarksAgree(t *testing.T) {
	criteria := compile(t, benchPattern)
	records := benchRecords(t)
	passed := 0
	for i := range records {
		require.Equal(t, mapMatch(&records[i]), criteria.Match(&records[i]).Passes())
		require.InDelta(t, 1024, len(records[i].Data), 100)
		if mapMatch(&records[i]) {
			passed++
		}
	}
	require.Positive(t, passed)
}
