package process_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkInvoke is what an invocation costs that does nothing, with a function of aws-lambda-go. roundtrip-µs is what a
// bare HTTP round trip with the same event costs, measured just before on the same machine; an invocation is at least one
// and a half.
func BenchmarkInvoke(b *testing.B) {
	cfg := config("function")
	cfg.MaxProcesses = 1
	f := start(b, cfg)
	in := invocation("say", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
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
