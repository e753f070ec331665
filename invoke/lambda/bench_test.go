package lambda_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/shardmill/shardmill/invoke/internal/fixture"
	onlambda "github.com/shardmill/shardmill/invoke/lambda"
)

// BenchmarkInvoke calls the API of a server in this process, by the SDK's client. x-http is how many times as long that
// takes as posting the same bytes, written beforehand and not signed, with a bare http.Client, measured just before.
func BenchmarkInvoke(b *testing.B) {
	for _, c := range []struct{ records, size int }{{1, 100}, {100, 1024}, {1000, 4096}} {
		b.Run(fmt.Sprintf("records=%d/data=%d", c.records, c.size), func(b *testing.B) {
			in := invocation("nothing", c.records, c.size)
			s := serve(b, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, "{}")
			})
			f := open(b, s, onlambda.Config{})
			yardstick := fixture.PostTime(b, s.URL, in.Event.AppendJSON(nil))
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
