package poller

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// Host returns the host that Shards calls, with its port unless that is the default one. It is empty if the Client does
// not say: a *kinesis.Client does. The reads of a stream may go to another host of the service. Host makes no call.
func (p *Poller) Host() string {
	c, ok := p.cfg.Client.(interface{ Options() kinesis.Options })
	if !ok {
		return ""
	}
	o := c.Options()
	if o.EndpointResolverV2 == nil || o.Region == "" {
		return ""
	}
	at, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), kinesis.EndpointParameters{ //nolint:forbidigo // it evaluates rules
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint, StreamARN: aws.String(p.cfg.StreamARN), OperationType: aws.String("control"),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
	})
	if err != nil {
		return "" // the call shows it
	}
	return at.URI.Host
}
