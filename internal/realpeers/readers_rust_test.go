package realpeers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// Amazon's SDK for Rust reads the embedded stream across a split and a merge, polling and by enhanced fan-out, over HTTP/1.1. It
// goes by the children that the last page or event of a shard names.
func TestRustReadsTheEmbeddedStream(t *testing.T) {
	t.Parallel()
	for name, fanOut := range map[string]bool{"polling": false, "fan-out": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, 2, kinesistest.NewServer, noDynamoDB)
			w.isReadBy(rig.Reader.StartRust, rig.Reader{FanOut: fanOut}, w.listen("rust"), w.records)
			assertOrder(t, w.all())
			for _, shard := range []string{"shardId-000000000000", "shardId-000000000001", "shardId-000000000003"} {
				assert.True(t, w.said("rust", "END "+shard), shard)
			}
		})
	}
}
