package sns

import (
	"github.com/shardmill/shardmill/internal/arns"
	"github.com/shardmill/shardmill/invoke"
)

// Resolver returns a resolver for the destination of every topic by its ARN, with one client.
func Resolver(client Client) invoke.DestinationResolver { return resolver{client} }

type resolver struct{ client Client }

// Serves reports whether s is an ARN of Amazon SNS.
func (r resolver) Serves(s string) bool {
	a, ok := arns.Split(s)
	return ok && a.Service == service
}

// Resolve returns the destination of the topic.
func (r resolver) Resolve(s string) (invoke.Destination, error) {
	d, err := New(r.client, s)
	if err != nil {
		return nil, err
	}
	return d, nil
}
