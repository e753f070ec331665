package poller

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// bareServer makes this test binary a server that writes prepared answers, and does nothing else, so that a benchmark
// measures the reader alone. It answers /<size of a record>/<number of records>, in the content type of the request.
const bareServer = "SHARDMILL_BARE_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(bareServer) != "" {
		runBareServer()
		return
	}
	// The resolver's configuration, which net keeps for the process, must not be made within the bubble of a test: it holds a
	// channel, and the next bubble that uses it would end the process.
	_, _ = (&net.Resolver{PreferGo: true}).LookupHost(context.Background(), "localhost")
	goleak.VerifyTestMain(m)
}

// startBareServer starts it in a process of its own, and returns its address.
func startBareServer(tb testing.TB) string {
	tb.Helper()
	exe, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), bareServer+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(tb, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(tb, err)
	return strings.TrimSpace(addr)
}

// runBareServer serves until its parent is gone.
func runBareServer() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	var answers sync.Map
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go serveBare(conn, &answers)
	}
}

func serveBare(conn net.Conn, answers *sync.Map) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		key := req.URL.Path + req.Header.Get("Content-Type")
		answer, ok := answers.Load(key)
		if !ok {
			answer = bareAnswer(req.URL.Path, req.Header.Get("Content-Type"))
			answers.Store(key, answer)
		}
		if _, err := conn.Write(answer.([]byte)); err != nil {
			return
		}
	}
}

// bareAnswer is a whole HTTP response.
func bareAnswer(path, contentType string) []byte {
	var size, n int
	if _, err := fmt.Sscanf(path, "/%d/%d", &size, &n); err != nil {
		panic(err)
	}
	encode := appendJSON
	if strings.Contains(contentType, "cbor") {
		encode = appendCBOR
	}
	body := encode(nil, samples(size, n))
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nx-amzn-RequestId: 0d5e1a0e-0000-0000-0000-000000000000\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		"Tue, 14 Nov 2023 22:13:20 GMT", contentType, len(body))
	return append([]byte(head), body...)
}

// sample is a record of a prepared answer.
type sample struct {
	sequence, key string
	data          []byte
	millis        int64
}

func samples(size, n int) []sample {
	random := rand.NewChaCha8([32]byte{1})
	out := make([]sample, n)
	for i := range out {
		data := make([]byte, size)
		_, _ = random.Read(data)
		out[i] = sample{
			sequence: fmt.Sprintf("4959033827149025660855969292538361571095921575989136%04d", i),
			key:      fmt.Sprintf("customer-%08x", random.Uint64()&0xffffffff),
			data:     data,
			millis:   1_700_000_000_000 + int64(i)*37,
		}
	}
	return out
}

const sampleIterator = "AAAAAAAAAAHSywljv0zEgPX4NyKdZ5wryMzP9yALs8NeKbUjp1IxtZs1Sp+KEd9I6AJ9ZG4lNR1EMi+9Md/nHvtLyxpfhEzYvkTZ4D9DQVz/mBYWRO6OTZRKnW9gd+efGN2aHFdkH1rJl4BL9Wyrk+ghYG22D2T1Da2EyNSH1+LAbK33gQweTJADBdyMwlo5r6PqcP2dzhg="

// appendJSON writes an answer as Kinesis does.
func appendJSON(b []byte, records []sample) []byte {
	b = append(b, `{"MillisBehindLatest":0,"NextShardIterator":"`+sampleIterator+`","Records":[`...)
	for i, r := range records {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"ApproximateArrivalTimestamp":`...)
		b = append(strconv.AppendFloat(b, float64(r.millis)/1e12, 'f', -1, 64), "E9"...) // as Java writes it
		b = append(b, `,"Data":"`...)
		b = base64.StdEncoding.AppendEncode(b, r.data)
		b = append(b, `","PartitionKey":"`+r.key+`","SequenceNumber":"`+r.sequence+`"}`...)
	}
	return append(b, `]}`...)
}

// appendCBOR writes an answer with maps and arrays of indefinite length.
func appendCBOR(b []byte, records []sample) []byte {
	b = append(b, 0xbf)
	b = appendText(appendText(b, "NextShardIterator"), sampleIterator)
	b = append(appendText(b, "Records"), 0x9f)
	for _, r := range records {
		b = append(b, 0xbf)
		b = appendText(appendText(b, "SequenceNumber"), r.sequence)
		b = append(appendText(b, "ApproximateArrivalTimestamp"), 0xc1, 0x1b)
		b = binary.BigEndian.AppendUint64(b, uint64(r.millis))
		b = append(appendHead(appendText(b, "Data"), 2, uint64(len(r.data))), r.data...)
		b = appendText(appendText(b, "PartitionKey"), r.key)
		b = append(b, 0xff)
	}
	b = append(b, 0xff)
	b = append(appendText(b, "MillisBehindLatest"), 0)
	return append(b, 0xff)
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, 3, uint64(len(s))), s...)
}

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major<<5|byte(n))
	case n < 1<<8:
		return append(b, major<<5|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major<<5|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major<<5|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major<<5|27), n)
}
