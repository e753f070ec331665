package process_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkInvoke is what an invocation costs that does nothing, with a function of aws-lambda-go and its reading of JSON.
// roundtrip-µs is what a bare HTTP round trip of net/http with the same event costs, measured just before on the same
// machine; an invocation is two of them, one for the answer and one for the next event, between two processes.
//
// On one core: GOMAXPROCS=1 taskset -c 0 go test -run '^$' -bench . ./invoke/process
func BenchmarkInvoke(b *testing.B) {
	for _, records := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("records=%d", records), func(b *testing.B) {
			cfg := config("function")
			cfg.MaxProcesses = 1
			cfg.Environment["GOMAXPROCS"] = strconv.Itoa(runtime.GOMAXPROCS(0))
			f := start(b, cfg)
			in := invocation(slices.Repeat([]string{"say"}, records)...)
			call(b, f, "say")
			yardstick := roundTrip(b, in.Event.AppendJSON(nil))
			b.ReportAllocs()
			for b.Loop() {
				if r, err := f.Invoke(b.Context(), in); err != nil || r.FunctionError != "" {
					b.Fatal(r, err)
				}
			}
			each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(float64(yardstick.Nanoseconds())/1e3, "roundtrip-µs")
			b.ReportMetric(each/float64(yardstick.Nanoseconds()), "roundtrips")
		})
	}
}

// roundTrip returns how long a POST of body to a server on loopback takes.
func roundTrip(b *testing.B, body []byte) time.Duration {
	b.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	began, n := time.Now(), 0
	for ; time.Since(began) < time.Second; n++ {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.URL, bytes.NewReader(body))
		require.NoError(b, err)
		response, err := server.Client().Do(request)
		require.NoError(b, err)
		_, _ = io.Copy(io.Discard, response.Body)
		require.NoError(b, response.Body.Close())
	}
	return time.Since(began) / time.Duration(n)
}
