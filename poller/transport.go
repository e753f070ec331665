package poller

import (
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

const (
	// maxCalls is how many calls of a Poller run at once. At the 20 ms that a read takes in its region it lets 12,800 polls a
	// second through; without it thousands of shards that are opened together, or come back together after an outage,
	// would each want a connection.
	maxCalls = 256

	// maxListCalls is how many listings run at once besides. They have room of their own, so that reads which hang do not keep
	// the shards from being known; whoever lists does so once in a while.
	maxListCalls = 4

	// pingAfter is the silence after which a connection over HTTP/2 is asked for a sign of life, and pingTimeout the time
	// that it has to give one.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

// transportOf returns an HTTP client in the place of the one that the SDK makes for its users by default, and the same one
// with everything that its user has set: connections are kept for as many calls as may run at once, where the SDK keeps 10,
// so that polls do not dial, and one over HTTP/2 that is dead is noticed, where the SDK's hangs until the system gives
// it up, a quarter of an hour later. It returns nil for any other client: that is its user's own, and left alone.
func transportOf(c Client) *http.Client {
	client, ok := c.(*kinesis.Client)
	if !ok {
		return nil
	}
	own, ok := client.Options().HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		return nil
	}
	if _, set := own.GetReadTimeout(); set {
		return nil // which is within the SDK's client
	}
	t := own.GetTransport()
	t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, maxCalls)
	if t.MaxIdleConns > 0 {
		t.MaxIdleConns = max(t.MaxIdleConns, maxCalls)
	}
	if t.HTTP2 == nil {
		t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
	}
	return &http.Client{
		Transport: t,
		Timeout:   own.GetTimeout(),
		// A signed request is no good anywhere else. The SDK takes the redirection itself for an error.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CloseIdleConnections closes the connections that the Poller has kept for its next calls, where it keeps any of its own:
// those of a *kinesis.Client with the SDK's default HTTP client. A Poller that is not used any more closes them by itself after
// 90 seconds.
func (p *Poller) CloseIdleConnections() {
	if p.http != nil {
		p.http.CloseIdleConnections()
	}
}
