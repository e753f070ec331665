package mapping_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

// checked is a destination that answers whether it exists.
type checked struct {
	invoke.Destination
	err   error
	asked int
}

func (c *checked) Check(context.Context) error {
	c.asked++
	return c.err
}

func TestADestinationThatDoesNotExistIsRefusedAtTheFirstStart(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		d := &checked{err: fmt.Errorf("%w: The specified queue does not exist", invoke.ErrDestinationMissing)}
		cfg.DestinationConfig.OnFailure.Target = d
		require.ErrorIs(t, cfg.CheckDestination(t.Context()), invoke.ErrDestinationMissing)
		err := w.start(cfg).wait()
		require.ErrorIs(t, err, invoke.ErrDestinationMissing)
		assert.ErrorContains(t, err, "DestinationConfig.OnFailure: ")
		assert.ErrorContains(t, err, "The specified queue does not exist")

		d.err = nil
		require.NoError(t, cfg.CheckDestination(t.Context()))
		r := w.start(cfg)
		pages <- page(1, 3)
		pass(time.Minute)
		require.NoError(t, r.stop())

		d.err = invoke.ErrDestinationMissing // it was deleted since: as on Lambda the mapping goes on
		r = w.start(cfg)
		pages <- page(4, 3)
		pass(time.Minute)
		require.NoError(t, r.stop())
		assert.Equal(t, numbers(1, 6), w.delivered())
		assert.Len(t, w.logs.lines("the on-failure destination does not exist"), 1)
	})
}

func TestADestinationThatMayNotBeAskedForIsAWarning(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		d := &checked{err: assert.AnError}
		cfg.DestinationConfig.OnFailure.Target = d
		r := w.start(cfg)
		pages <- page(1, 3)
		pass(time.Hour)
		require.NoError(t, r.stop())
		assert.Equal(t, numbers(1, 3), w.delivered())
		assert.Equal(t, 1, d.asked, "it is asked once a Run")
		assert.Len(t, w.logs.lines("level=WARN msg=\"unable to ask whether the on-failure destination exists"), 1)
	})
}

// wait returns what Run returned.
func (r *running) wait() error { return <-r.done }
