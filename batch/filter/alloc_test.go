package filter_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/batch/filter"
)

func TestMatchingDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, c := range []struct{ name, pattern, data string }{
		{"strings and numbers", `{"data":{"a":["x"],"b":{"c":[{"numeric":[">",1.5,"<",1e9]}],"d":[{"prefix":"eu-"}]}}}`, `{"a":"x","b":{"c":300.25,"d":"eu-1"}}`},
		{"all operators", `{"data":{"a":[{"suffix":"1"},{"equals-ignore-case":"É"},{"wildcard":"*x*y"},{"cidr":"::/7"},{"anything-but":{"wildcard":"*"}},{"anything-but":["1","2"]}]}}`, `{"a":"3"}`},
		{"a long list", `{"data":{"a":["1","2","3","4","5","6","7","8","9","é"]}}`, `{"a":"\u00e9"}`},
		{"escapes", `{"data":{"k\"ey":["x\ny"]}}`, `{"k\"\u0065y":"\u0078\ny"}`},
		{"metadata", `{"partitionKey":[{"prefix":"device-"}],"sequenceNumber":[{"exists":true}],"approximateArrivalTimestamp":[{"numeric":[">",5]}],"kinesisSchemaVersion":["1.0"]}`, `-`},
		{"arrays of scalars", `{"data":{"tags":["b"]}}`, `{"tags":["a","b","c",[1,2]]}`},
		{"arrays of objects", `{"data":{"r":{"a":[1],"b":[{"exists":false}],"c":{"d":[2]}}}}`, `{"r":[{"a":1,"b":2},{"a":1,"c":[{"d":1},{"d":2}]}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			criteria := compile(t, c.pattern)
			r := record(c.data)
			require.Equal(t, filter.Passed, criteria.Match(r))
			require.Zero(t, testing.AllocsPerRun(100, func() { criteria.Match(r) }))
		})
	}
	records := benchRecords(t)
	criteria := compile(t, benchPattern)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range records {
			criteria.Match(&records[i])
		}
	}))
	p := filter.MustParse(`{"a":[1]}`)
	event := []byte(`{"b":[{}],"a":1}`)
	require.Zero(t, testing.AllocsPerRun(100, func() { p.Match(event) }))
}

func TestCriteriaMayBeShared(t *testing.T) {
	records := benchRecords(t)
	criteria := compile(t, benchPattern, `{"data":{"order":{"lines":{"gift":[true],"quantity":[{"numeric":[">",8]}]}}}}`)
	judge := func(r *batch.Record) filter.MatchResult { return criteria.Match(r) }
	var want []filter.MatchResult
	for i := range records {
		want = append(want, judge(&records[i]))
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 20 {
				for i := range records {
					if got := judge(&records[i]); got != want[i] {
						t.Errorf("record %d: got %v, want %v", i, got, want[i])
					}
				}
			}
		})
	}
	wait.Wait()
}
