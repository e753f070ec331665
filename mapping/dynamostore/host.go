package dynamostore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Host implements driver.Remote: it returns the host that Options.Client calls, with its port where that is not the default
// one. It is empty if the Client does not say: a *dynamodb.Client does. With credentials that carry the ID of their account, the
// SDK may call a host of that account instead.
func (s *Store) Host() string {
	c, ok := s.options.Client.(interface{ Options() dynamodb.Options })
	if !ok {
		return ""
	}
	o := c.Options()
	if o.EndpointResolverV2 == nil || o.Region == "" {
		return ""
	}
	at, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), dynamodb.EndpointParameters{ //nolint:forbidigo // it evaluates rules
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint,
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
	})
	if err != nil {
		return "" // the call shows it
	}
	return at.URI.Host
}
