package poller

import (
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

const (
	// maxCalls is the number of concurrent calls of a Poller. At the 20 ms that a read takes within the region, that
	// allows 12,800 polls per second. Without it thousands of shards that are opened together, or return together after
	// an outage, would each need a connection.
	maxCalls = 256

	// maxListCalls is the additional number of concurrent listings. They are counted separately, so that hanging reads
	// do not delay listings, which are rare.
	maxListCalls = 4

	// pingAfter is the silence after which an HTTP/2 connection is pinged, and pingTimeout the time for the answer.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

// transportOf returns an HTTP client that replaces the SDK's default one, with all of its user's settings. It keeps
// connections for as many calls as may run concurrently, where the SDK keeps 10, so that polls do not dial. It notices
// a dead HTTP/2 connection, where the SDK's hangs until the system closes it, a quarter of an hour later. It returns
// nil for any other client, which belongs to its user and is left alone.
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
		return nil // it is within the SDK's client
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
		// A signed request is not valid elsewhere. The SDK treats the redirect as an error.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CloseIdleConnections closes the connections that the Poller has kept for its next calls, if it keeps its own: for a
// *kinesis.Client with the SDK's default HTTP client. An unused Poller closes them by itself after 90 seconds.
func (p *Poller) CloseIdleConnections() {
	if p.http != nil {
		p.http.CloseIdleConnections()
	}
}
