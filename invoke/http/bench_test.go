package httpfunc_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	httpfunc "github.com/shardmill/shardmill/invoke/http"
)

// BenchmarkInvoke posts events to a server in this process that reads them and answers {}. x-http is how many times as
// long that takes as posting the same bytes, written beforehand, with a bare http.Client, measured just before.
func BenchmarkInvoke(b *testing.B) {
	for _, c := range []struct{ records, size int }{{1, 100}, {100, 1024}, {1000, 4096}} {
		b.Run(fmt.Sprintf("records=%d/data=%d", c.records, c.size), func(b *testing.B) {
			in := invocation("nothing", c.records, c.size)
			server := httptest.NewServer(status(200, "{}"))
			defer server.Close()
			f, err := httpfunc.New(httpfunc.Config{URL: server.URL})
			require.NoError(b, err)
			defer f.CloseIdleConnections()
			yardstick := postTime(b, server.URL, in.Event.AppendJSON(nil))
			b.SetBytes(int64(in.Event.Size()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Invoke(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/yardstick, "x-http")
			b.ReportMetric(yardstick, "http-ns/op")
		})
	}
}

// postTime returns how many nanoseconds a bare round trip takes.
func postTime(b *testing.B, url string, body []byte) float64 {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	post := func() {
		response, err := client.Post(url, "application/json", bytes.NewReader(body))
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(b, err)
		require.NoError(b, response.Body.Close())
	}
	post()
	began, n := time.Now(), 0
	for ; n < 20 || time.Since(began) < 500*time.Millisecond; n++ {
		post()
	}
	return float64(time.Since(began).Nanoseconds()) / float64(n)
}
