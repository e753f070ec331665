package realpeers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/mapping/migrate"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// One lease table passes from KCL to us and back, by stop and start, while records are put and the stream is resharded.
// Nothing is lost, and only records after the last checkpoint are delivered again. A worker that stops by itself checkpoints
// first, unless KCL takes more than ten seconds to stop; a worker that is killed does not.
func TestOneTablePassesFromKCLToUsAndBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		killed, alone bool
	}{
		{"stopped, one process", false, true},
		{"stopped, fleet", false, false},
		{"killed, one process", true, true},
		{"killed, fleet", true, false},
	} {
		if c.killed == c.alone && !*whole {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const application = "orders-app"
			w := newWorld(t, 4, kinesistest.NewServer)
			w.createLeaseTable(application)
			puts := w.startTraffic(many(100, 400), 50)
			for phase, start := range []func() *rig.Peer{
				func() *rig.Peer { k := w.worker(rig.KCL2, "kcl-before", application); k.Every = 20; return w.start(k) },
				func() *rig.Peer { o := w.child("ours", application); o.Alone = c.alone; return w.startChild(o) },
				func() *rig.Peer { k := w.worker(rig.KCL2, "kcl-after", application); k.Every = 20; return w.start(k) },
			} {
				before := w.total()
				worker := start()
				w.reads(worker, many(200, 4_000))
				merged := w.reshard()
				eventually(t, "records of a shard that was split and merged", func() bool { return w.delivered(merged) }, worker.Exited())
				w.reads(worker, many(200, 4_000))
				if phase == 2 {
					puts.end()
					eventually(t, "all records", func() bool { return w.distinct() >= len(w.records()) }, worker.Exited())
				}
				if c.killed {
					worker.Kill()
				} else {
					worker.Stop(t)
				}
				rows := w.readableRows(application)
				t.Logf("phase %d: put %d so far, delivered %d, %d rows", phase+1, len(w.records()), w.total()-before, rows)
			}
			v := judge(w.records(), w.all())
			assertNothingLost(t, v)
			assertOrder(t, w.all())
			assert.Empty(t, w.pastCheckpoints(), "delivered at or below a checkpoint")
		})
	}
}

// reads waits until a worker has received so many records more.
func (w *world) reads(worker *rig.Peer, n int) {
	w.Helper()
	n += w.distinct()
	eventually(w, "more records", func() bool { return w.distinct() >= n }, worker.Exited())
}

// readableRows reads a lease table, which it must be able to, and returns how many rows it has.
func (w *world) readableRows(table string) int {
	w.Helper()
	from := migrate.Table{Client: w.db, Name: table, Format: migrate.KCL}
	shards, err := from.Read(w.Context())
	require.NoError(w, err)
	return len(shards)
}
