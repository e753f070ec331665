package httpfunc_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	httpfunc "github.com/shardmill/shardmill/invoke/http"
	"github.com/shardmill/shardmill/invoke/internal/fixture"
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
			yardstick := fixture.PostTime(b, server.URL, in.Event.AppendJSON(nil))
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
