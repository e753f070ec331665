package mapping

import (
	"context"

	"github.com/shardmill/shardmill/role"
)

// Needs returns what c works with, as far as it tells: what the execution role must be allowed. KMS keys, tables and a
// function on AWS Lambda are for its caller to add.
func (c Config) Needs() role.Needs {
	n := role.Needs{FallBackToPolling: c.FallBackToPolling}
	if from, err := parseSourceARN(c.EventSourceARN); err == nil {
		n.Stream, n.Consumer = from.stream, from.consumer
	}
	if to := c.DestinationConfig.OnFailure.Destination; to != "" {
		n.Destinations = []role.Destination{{ARN: to}}
	}
	return n
}

// admit assumes the role, and tries whether it may read, as Lambda does before it makes a mapping. Without a role, it is
// the reading itself that shows.
func (r *run) admit() error {
	if r.admitted || r.m.cfg.Role == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.soft, storeTimeout)
	defer cancel()
	r.starting.try("assuming the role "+r.m.cfg.Role.ARN(), "")
	if _, err := r.m.cfg.Role.Retrieve(ctx); err != nil {
		return err
	}
	if client, ok := r.m.cfg.Client.(role.SourceClient); ok {
		r.starting.try("trying whether the role may read the stream", r.m.sourceHost)
		if err := role.CheckSource(ctx, client, r.m.cfg.Needs()); err != nil {
			return err
		}
	}
	r.admitted = true
	return nil
}
