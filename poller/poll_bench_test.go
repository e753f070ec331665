package poller

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkPoll makes the polls of one idle shard without the pauses between them: what a poll costs that brings nothing.
func BenchmarkPoll(b *testing.B) {
	for _, sdk := range []bool{false, true} {
		b.Run(fmt.Sprintf("sdk=%t", sdk), func(b *testing.B) { benchmarkPoll(b, Config{SDKDecoding: sdk}) })
	}
}

func benchmarkPoll(b *testing.B, cfg Config) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	b.Cleanup(transport.CloseIdleConnections)
	cfg.StreamARN, cfg.Client = testARN, newSDK(fmt.Sprintf("http://%s/0/0", startBareServer(b)), &http.Client{Transport: transport})
	p, err := New(cfg)
	require.NoError(b, err)
	r := newReader(p, &Shard{ID: "shard"}, Start{})
	poll := func() {
		*r.meter, r.iterator, r.given = shardMeter{}, sampleIterator, time.Now()
		if _, err := r.poll(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	for range 100 {
		poll()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime(b)
	for b.Loop() {
		poll()
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(cpuTime(b)-cpu)/1e3/float64(b.N), "cpu-µs/poll")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N), "allocs/poll")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N), "B/poll")
}
