package mapping

import (
	"cmp"
	"time"

	"github.com/google/uuid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/batch/filter"
	"github.com/shardmill/shardmill/invoke"
)

// parsed is a valid Config, and what its texts mean: no field is parsed again.
type parsed struct {
	Config // with its defaults

	from        sourceARN
	functionARN string
	storeKey    string // the mapping's name in the store
	uuid        string // of the mapping, the same across restarts

	policy      batch.Policy       // without the parts that differ between shards
	destination invoke.Destination // nil: discarded records are dropped
	filters     *filter.Criteria   // nil: all records pass
}

// parse returns what c means, or all violations of it, joined.
func (c *Config) parse(now time.Time) (*parsed, error) {
	var p parsed
	if err := c.validate(&p, now); err != nil {
		return nil, err
	}
	p.Config = c.withDefaults()
	p.identify()
	p.policy = p.newPolicy()
	return &p, p.policy.Validate()
}

// newPolicy returns the common policy of the Schedulers of all shards.
func (c *Config) newPolicy() batch.Policy {
	return batch.Policy{
		BatchSize:             c.BatchSize,
		MaximumBatchingWindow: c.MaximumBatchingWindow,
		PayloadLimit:          cmp.Or(c.PayloadLimit, batch.DefaultPayloadLimit),
		BufferBytes:           c.BufferBytes,

		ParallelizationFactor: c.ParallelizationFactor,
		TumblingWindow:        c.TumblingWindow,
		TumblingWindowGrace:   c.TumblingWindowGrace,

		MaximumRetryAttempts:       c.MaximumRetryAttempts,
		MaximumRecordAge:           c.MaximumRecordAge,
		BisectBatchOnFunctionError: c.BisectBatchOnFunctionError,
		ReportBatchItemFailures:    len(c.FunctionResponseTypes) > 0,
	}
}

// identify sets the names of the mapping.
func (p *parsed) identify() {
	p.storeKey = cmp.Or(p.StoreName, nameOf(p.EventSourceARN, p.functionARN))
	p.uuid = uuid.NewSHA1(uuid.NameSpaceURL, []byte(p.storeKey)).String()
	if p.UUID != "" {
		p.storeKey, p.uuid = cmp.Or(p.StoreName, p.UUID), p.UUID
	}
}
