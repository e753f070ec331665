package mapping

import (
	"cmp"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// fleetCheckpointInterval is the least time between two writes of a shard's progress in a store that a fleet shares.
const fleetCheckpointInterval = time.Second

// failover returns how long a worker of a fleet may be silent.
func (m *Mapping) failover() time.Duration {
	return cmp.Or(m.cfg.FailoverTime, fleet.DefaultFailover)
}

// checkpointInterval returns the least time between two writes of a shard's progress.
func (m *Mapping) checkpointInterval() time.Duration {
	if m.fleet != nil && m.cfg.CheckpointInterval == 0 {
		return fleetCheckpointInterval
	}
	return max(0, m.cfg.CheckpointInterval)
}
