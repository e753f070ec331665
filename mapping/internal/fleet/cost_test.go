package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestIdleCost counts what ten workers with a thousand idle shards ask of the table. Reads are counted in rows, and in
// units of 4 kB of a strongly consistent read, a row taken for half a kilobyte.
func TestIdleCost(t *testing.T) {
	p := calm(10, 1000)
	p.activity, p.drift = 0, 0
	s := rested(t, p)
	before := s.memory.Counts()
	const intervals = 60
	s.run(s.now + intervals*failover)
	require.Empty(t, s.failed)
	after := s.memory.Counts()
	writes := after.Writes - before.Writes
	assert.LessOrEqual(t, writes, 4*p.workers*intervals, "writes grow with the workers, not with the shards")
	assert.GreaterOrEqual(t, writes, 2*p.workers*intervals, "without heartbeats there are no leases")

	minutes := int(intervals * failover / time.Minute)
	workers, leases := after.Workers-before.Workers, after.Leases-before.Leases
	t.Logf("a minute: %d writes (%.1f a worker and failover time), %d rows of workers and %d of leases read on %d pages, %d read units",
		writes/minutes, float64(writes)/float64(p.workers*intervals), workers/minutes, leases/minutes,
		(after.Pages-before.Pages)/minutes, (workers*512+leases*512)/4096/minutes)
	assert.Less(t, workers/minutes, 12*60*p.workers*2, "reads of workers' rows")
	assert.Less(t, leases/minutes, p.workers*p.shards, "lease rows are read less than once a minute")
}
