package mapping

import (
	"context"

	"github.com/shardmill/shardmill/role"
)

// Needs returns the permissions that the execution role needs for c, as far as c says. Its caller adds KMS keys, tables
// and a function on AWS Lambda.
func (c Config) Needs() role.Needs {
	from, _ := parseSourceARN(c.EventSourceARN) // an invalid one names nothing
	return c.needs(&from)
}

func (c *Config) needs(from *sourceARN) role.Needs {
	n := role.Needs{Stream: from.stream, Consumer: from.consumer, FallBackToPolling: c.Read.FallBackToPolling}
	if to := c.DestinationConfig.OnFailure.Destination; to != "" {
		n.Destinations = []role.Destination{{ARN: to}}
	}
	return n
}

// admit assumes the role, and checks that it may read, as Lambda does before it creates a mapping. Without a role, the
// reading itself shows that.
func (r *run) admit() error {
	if r.admitted || r.m.cfg.Role == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.stopCtx, storeTimeout)
	defer cancel()
	r.starting.try("assuming the role "+r.m.cfg.Role.ARN(), "")
	if _, err := r.m.cfg.Role.Retrieve(ctx); err != nil {
		return err
	}
	if client, ok := r.m.cfg.Client.(role.SourceClient); ok {
		r.starting.try("checking whether the role may read the stream", r.m.sourceHost)
		if err := role.CheckSource(ctx, client, r.m.cfg.needs(&r.m.cfg.from)); err != nil {
			return err
		}
	}
	r.admitted = true
	return nil
}
