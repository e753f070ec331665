package poller

import (
	"net/http"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// Identified is optional for a Client: it identifies the service that the Client calls. The Pollers of a process that
// read the same shard of the same service share what the shard grants, so that they do not cause refusals for each
// other. Without it a *kinesis.Client is identified by its endpoint and region, unless its calls may be changed on
// their way, and any other Client that is a pointer by itself. Pollers whose Clients are neither share with no other.
type Identified interface {
	// Identity returns a comparable value that is the same for all Clients of one service, and for no other service.
	Identity() any
}

// endpoint is the identity of a *kinesis.Client that goes to the network.
type endpoint struct{ url, region string }

// identityOf returns the identity of a Client's service. Pollers with equal ones share the meters of their shards. It
// never confuses two services: two fakes in one process, perhaps with different clocks, may have streams and shards of
// the same names.
func identityOf(c Client) any {
	switch c := c.(type) {
	case Identified:
		return c.Identity()
	case *kinesis.Client:
		if o := c.Options(); reachesNetwork(&o) {
			return endpoint{aws.ToString(o.BaseEndpoint), o.Region}
		}
	}
	// Pointers to zero-size values may be equal although they are distinct.
	if t := reflect.TypeOf(c); t.Kind() == reflect.Pointer && t.Elem().Size() > 0 {
		return c
	}
	return new(byte) // equal to nothing else
}

// reachesNetwork reports whether only the endpoint and the region decide where a client's calls go.
func reachesNetwork(o *kinesis.Options) bool {
	if o.EndpointResolver != nil || //nolint:staticcheck // deprecated, and still used
		reflect.TypeOf(o.EndpointResolverV2) != reflect.TypeOf(kinesis.NewDefaultEndpointResolverV2()) || watched(o) {
		return false
	}
	switch h := o.HTTPClient.(type) {
	case *awshttp.BuildableClient:
		return true
	case *http.Client:
		t, ok := h.Transport.(*http.Transport)
		return h.Transport == nil || ok && t.DialContext == nil && t.DialTLSContext == nil
	}
	return false
}
