package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
)

// TestReaderThatBreaksTheOrderLosesNothing has a Reader that moves on behind a page that can't be used: its records must not be
// missing between those before and those behind them.
func TestReaderThatBreaksTheOrderLosesNothing(t *testing.T) {
	nameless := page(4, 3)
	nameless.Records[1].SequenceNumber = ""
	backwards := page(4, 3)
	backwards.Records[1].SequenceNumber = "2"
	for name, bad := range map[string]batch.Page{"no number": nameless, "backwards": backwards} {
		t.Run(name, func(t *testing.T) {
			fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
				r := w.start(cfg)
				pages <- page(1, 3)
				pages <- bad
				select {
				case pages <- page(7, 3):
				case <-time.After(time.Minute):
				}
				pass(time.Minute)
				assert.Equal(t, numbers(1, 3), w.delivered())
				assert.Contains(t, w.logs.String(), "sequence number")
				require.NoError(t, r.stop())
				assert.Equal(t, "3", w.stored().SequenceNumber)

				r = w.start(cfg) // with a Reader that has mended its ways
				pages <- page(4, 6)
				pass(time.Second)
				assert.Equal(t, numbers(1, 9), w.delivered())
				require.NoError(t, r.stop())
			})
		})
	}
}
