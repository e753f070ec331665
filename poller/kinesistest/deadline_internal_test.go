package kinesistest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// head is the head of a request for an operation.
func head(op string, headers ...string) string {
	return "POST / HTTP/1.1\r\nHost: kinesis.invalid\r\nX-Amz-Target: " + targetPrefix + op + "\r\n" +
		"Content-Type: application/x-amz-json-1.1\r\n" + strings.Join(append(headers, "", ""), "\r\n")
}

// whole is a whole request.
func whole(op, body string) string {
	return head(op, fmt.Sprint("Content-Length: ", len(body))) + body
}

// slowClients are what a client sends before it says nothing more, and how long its connection may live after that.
var slowClients = map[string]struct {
	sends string
	limit time.Duration
}{
	"nothing":                         {"", headerTimeout},
	"half a head":                     {"POST / HTTP/1.1\r\nHost: a", headerTimeout},
	"no body":                         {head("ListStreams", "Content-Length: 100"), transferTimeout},
	"half a body":                     {head("ListStreams", "Content-Length: 100") + `{"Limit":`, transferTimeout},
	"half a large body":               {head("PutRecords", "Content-Length: 9000000") + `{"Records":[`, transferTimeout},
	"too large a body":                {head("PutRecords", "Content-Length: 99000000") + `{"Records":[`, transferTimeout},
	"no chunk":                        {head("ListStreams", "Transfer-Encoding: chunked"), transferTimeout},
	"half a chunk":                    {head("ListStreams", "Transfer-Encoding: chunked") + "20\r\n{", transferTimeout},
	"no body where 100 is asked for":  {head("ListStreams", "Content-Length: 100", "Expect: 100-continue"), transferTimeout},
	"no body of an unknown operation": {head("Unknown", "Content-Length: 100"), transferTimeout},
	"no chunk of an unknown one":      {head("Unknown", "Transfer-Encoding: chunked"), transferTimeout},
	"no body of a GET":                {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", transferTimeout},
	"no body of another path":         {strings.Replace(head("ListStreams", "Content-Length: 100"), "POST /", "POST /x", 1), transferTimeout},
	"no body in CBOR":                 {strings.Replace(head("ListStreams", "Content-Length: 100"), "json", "cbor", 1), transferTimeout},
	"no body of a subscription":       {head("SubscribeToShard", "Content-Length: 100"), transferTimeout},
	"nothing after an answer":         {whole("ListStreams", "{}"), idleTimeout},
	"nothing after a refusal":         {whole("Unknown", "{}"), idleTimeout},
	"half a head after an answer":     {whole("ListStreams", "{}") + "POST / HTT", idleTimeout},
}

// closesWithin asserts that the server closes a connection after so long at most. It reads all answers.
func closesWithin(t *testing.T, conn net.Conn, limit time.Duration) {
	t.Helper()
	began := time.Now()
	require.NoError(t, conn.SetReadDeadline(began.Add(time.Hour)))
	_, err := io.Copy(io.Discard, conn)
	require.NoError(t, err, "it stays open")
	assert.LessOrEqual(t, time.Since(began), limit)
}

// TestSlowClientsLoseTheirConnections tries the Server, and the Handler behind a server without any timeout of its own.
func TestSlowClientsLoseTheirConnections(t *testing.T) {
	for name, client := range slowClients {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := NewPipeServer(New(Config{}))
				defer server.Close()
				conn, err := server.transport.DialContext(t.Context(), "", "")
				require.NoError(t, err)
				defer conn.Close()
				go func() { _, _ = io.WriteString(conn, client.sends) }()
				closesWithin(t, conn, client.limit)
			})
		})
		if client.limit != transferTimeout {
			continue // that is the http.Server's
		}
		t.Run("handler: "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				listener := newPipes()
				server := &http.Server{Handler: New(Config{RefuseCBOR: &smithy.GenericAPIError{Code: "UnknownOperationException"}}).Handler()} //nolint:gosec // on purpose
				go func() { _ = server.Serve(listener) }()
				defer server.Close()
				conn, err := listener.dial(t.Context(), "", "")
				require.NoError(t, err)
				defer conn.Close()
				go func() { _, _ = io.WriteString(conn, client.sends) }()
				closesWithin(t, conn, client.limit)
			})
		})
	}
}

// TestUnreadAnswersLoseTheirConnections has clients that read nothing.
func TestUnreadAnswersLoseTheirConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := New(Config{})
		orders, err := service.CreateStream("orders", 1)
		require.NoError(t, err)
		arn, err := orders.RegisterConsumer("audit")
		require.NoError(t, err)
		server := NewPipeServer(service)
		defer server.Close()
		for request, limit := range map[string]time.Duration{
			whole("ListStreams", "{}"): transferTimeout,
			whole("Unknown", "{}"):     transferTimeout,
			whole("SubscribeToShard", `{"ConsumerARN":"`+arn+`","ShardId":"0","StartingPosition":{"Type":"LATEST"}}`): subscriptionLife + transferTimeout,
		} {
			conn, err := server.transport.DialContext(t.Context(), "", "")
			require.NoError(t, err)
			_, err = io.WriteString(conn, request)
			require.NoError(t, err)
			time.Sleep(limit + time.Second)
			n, err := conn.Read(make([]byte, 1))
			assert.Zero(t, n)
			assert.Equal(t, io.EOF, err)
			require.NoError(t, conn.Close())
		}
	})
}

// TestCallsThatTakeTheirTimeAreAnswered has deadlines on what is slow, and none on what waits.
func TestCallsThatTakeTheirTimeAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := New(Config{})
		server := NewPipeServer(service)
		defer server.Close()
		service.Delay(ListStreams, 10*time.Minute, 1)
		_, err := server.Client().ListStreams(t.Context(), nil)
		require.NoError(t, err)
	})
}
