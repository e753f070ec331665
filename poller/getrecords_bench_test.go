package poller

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/internal/codec"
)

// BenchmarkGetRecords reads pages from a server in a process of its own: by the SDK as it comes, to its own records, by
// our codec in JSON and in CBOR, to records of a page, and by a bare socket, whose bytes nobody looks at.
func BenchmarkGetRecords(b *testing.B) {
	addr := startBareServer(b)
	for _, page := range []struct {
		name    string
		size, n int
	}{
		{"100B", 100, 10_000}, {"1kB", 1000, 10_000}, {"100kB", 100_000, 100}, {"1MiB", 1 << 20, 10}, {"empty", 0, 0},
	} {
		address := fmt.Sprintf("http://%s/%d/%d", addr, page.size, page.n)
		for _, c := range []struct {
			name string
			read func(b *testing.B, url string, n int) func() int
		}{
			{"sdk", bySDK}, {"json", byCodec}, {"cbor", byCBOR}, {"socket", bySocket},
		} {
			b.Run("size="+page.name+"/codec="+c.name, func(b *testing.B) {
				read := c.read(b, address, page.n)
				require.Equal(b, page.n, read())
				b.SetBytes(int64(page.size * page.n))
				measure(b, page.n, read)
			})
		}
	}
}

// measure reports the metrics of reads that bring n records each.
func measure(b *testing.B, n int, read func() int) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime(b)
	reads := 0
	for b.Loop() {
		if read() != n {
			b.Fatal("a record is missing")
		}
		reads++
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(cpuTime(b)-cpu)/1e3/float64(reads), "cpu-µs/read")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(reads), "allocs/read")
	if n > 0 {
		b.ReportMetric(float64(reads*n)/b.Elapsed().Seconds(), "records/s")
		b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(reads*n), "allocs/record")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(reads*n), "B/record")
	}
}

func benchClient(b *testing.B, url string) *kinesis.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	b.Cleanup(transport.CloseIdleConnections)
	return newSDK(url, &http.Client{Transport: transport})
}

func benchInput() *kinesis.GetRecordsInput {
	return &kinesis.GetRecordsInput{StreamARN: aws.String(testARN), ShardIterator: aws.String(sampleIterator), Limit: aws.Int32(10_000)}
}

func bySDK(b *testing.B, url string, _ int) func() int {
	client := benchClient(b, url)
	return func() int {
		var w wire
		out, err := client.GetRecords(b.Context(), benchInput(), w.poll)
		require.NoError(b, err)
		return len(out.Records)
	}
}

func byCodec(b *testing.B, url string, _ int) func() int { return decoded(b, url, false) }
func byCBOR(b *testing.B, url string, _ int) func() int  { return decoded(b, url, true) }

func decoded(b *testing.B, url string, cbor bool) func() int {
	client := benchClient(b, url)
	return func() int {
		w := wire{decode: true, protocol: codec.Protocol{CBOR: cbor}}
		out, err := client.GetRecords(b.Context(), benchInput(), w.poll)
		require.NoError(b, err)
		records, err := w.records(out, nil)
		require.NoError(b, err)
		require.True(b, w.protocol.Decoded && !w.protocol.Refused)
		return len(records)
	}
}

// bySocket asks with a ready-made request, and reads the answer into one buffer.
func bySocket(b *testing.B, address string, n int) func() int {
	u, err := url.Parse(address)
	require.NoError(b, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(b, err)
	b.Cleanup(func() { conn.Close() })
	in := bufio.NewReader(conn)
	request := []byte("POST " + u.Path + " HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 0\r\n\r\n")
	buf := make([]byte, 1<<20)
	return func() int {
		_, err := conn.Write(request)
		require.NoError(b, err)
		resp, err := http.ReadResponse(in, nil)
		require.NoError(b, err)
		defer resp.Body.Close()
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		require.ErrorIs(b, err, io.EOF)
		return n
	}
}
