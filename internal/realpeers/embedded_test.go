package realpeers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// Amazon's own client reads the embedded stream across a reshard: over HTTP/2 that it sends unasked, with TLS and without,
// with requests in CBOR, polling and by enhanced fan-out.
func TestKCLReadsTheEmbeddedStream(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		version string
		fanOut  bool
		server  func(*kinesistest.Service) *kinesistest.Server
	}{
		{"KCL 2 polling", rig.KCL2, false, kinesistest.NewServer},
		{"KCL 2 fan-out over TLS", rig.KCL2, true, kinesistest.NewTLSServer},
		{"KCL 3 polling over TLS", rig.KCL3, false, kinesistest.NewTLSServer},
		{"KCL 3 fan-out", rig.KCL3, true, kinesistest.NewServer},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const application = "orders-app"
			w := newWorld(t, 2, c.server)
			w.createLeaseTable(application)
			n := many(2_000, 50_000)
			w.puts(1, n/2, 100)
			k := w.worker(c.version, "alone", application)
			k.FanOut, k.Every = c.fanOut, 250
			worker := w.start(k)
			eventually(t, "some records", func() bool { return w.distinct() > n/10 }, worker.Exited())
			w.reshard()
			w.puts(n/2+1, n, 100)
			eventually(t, "all records", func() bool { return w.distinct() >= n }, worker.Exited())
			worker.Stop(t)

			v := judge(w.records(), w.all())
			assertNothingLost(t, v)
			assert.Empty(t, w.pastCheckpoints(), "delivered at or below a checkpoint")
			assert.Empty(t, w.needlessRepeats())
			assertOrder(t, w.all())
			assert.True(t, w.said("alone", "DOWN"))
		})
	}
}
