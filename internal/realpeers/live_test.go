package realpeers_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

var (
	rounds = flag.Int("rounds", 0, "how many workers are killed, suspended or replaced, one after another; 0: 2, or 60 with -whole")
	seed   = flag.Uint64("seed", 1, "which ones, after the first six")
)

// Three workers of KCL 2 and three of ours share one lease table with 24 shards (12 in the short form), while workers of both sides are killed,
// suspended for longer than a lease lives, and replaced, and the stream is split and merged. Nothing is lost, each worker
// receives each shard's records in order, no two workers checkpoint at one leaseCounter, no shard is without a living worker for
// longer than two lease times, and once nothing disturbs the workers, no worker has more than two leases more than another.
func TestKCLAndOursShareOneLiveTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, many(12, 24), kinesistest.NewServer)
	c := &crew{w: w, application: "orders-app", alive: map[string]bool{}}
	w.createLeaseTable(c.application)
	checkpointers := w.checkpointersOf(c.application)
	puts := w.startTraffic(100, 500)
	for range 3 {
		c.start(false)
		c.start(true)
	}
	o := c.watch()
	eventually(t, "a worker for each shard", o.complete)
	o.balances(t)
	o.reset()

	random := rand.New(rand.NewPCG(*seed, 0))
	for round := range roundsOf(2, 60) {
		kcl, what := round%2 == 0, round%3 // each of three happens to each side in the first six
		if round >= 6 {
			kcl, what = random.IntN(2) == 0, random.IntN(3)
		}
		switch round % 10 {
		case 0:
			w.split()
		case 1:
			w.merge()
		}
		s := c.of(kcl)
		switch what {
		case 0:
			c.kill(s, o)
		case 1:
			c.suspend(s, o)
		default:
			c.replace(s)
		}
		eventually(t, "a living worker for each shard", o.complete)
		counts, _ := o.spread()
		gap, of := o.gap()
		t.Logf("round %d: %s %s; leases of each worker: %v; longest without: %s (%s)", round+1, []string{"killed", "suspended", "replaced"}[what], s.name, counts, gap, of)
	}
	o.balances(t)
	puts.end()
	eventually(t, "all records", func() bool { return w.distinct() >= len(w.records()) })
	gap, of := o.gap()
	o.end()

	v := judge(w.records(), w.all())
	assertNothingLost(t, v)
	assertOrder(t, w.all())
	checkpointers.assertOneAtATime(w)
	assert.LessOrEqual(t, gap, 2**leaseTime, "the longest time that a shard had no living worker: %s", of)
	t.Logf("longest time that a shard had no living worker: %s (%s)", gap, of)
}

func roundsOf(short, all int) int {
	if *rounds > 0 {
		return *rounds
	}
	return many(short, all)
}

// balances waits until no worker has more than two leases more than another.
func (o *owners) balances(t *testing.T) {
	t.Helper()
	eventually(t, "balance", func() bool {
		_, difference := o.spread()
		return o.complete() && difference <= 2
	})
	counts, difference := o.spread()
	t.Logf("balanced: %v, %d", counts, difference)
}

// split splits the open shard with the lowest hash keys.
func (w *world) split() {
	w.Helper()
	_, _, err := w.stream.Split(w.open()[0])
	require.NoError(w, err)
}

// merge merges the open shards with the lowest hash keys.
func (w *world) merge() {
	w.Helper()
	open := w.open()
	_, err := w.stream.Merge(open[0], open[1])
	require.NoError(w, err)
}
