package mapping

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
)

// TestRunReturnsTheErrorsOfAllShardsThatFailTogether: an error ends the run, and those that follow are returned with
// it, even if they come before the run's goroutine has noticed the stop that the first one caused.
func TestRunReturnsTheErrorsOfAllShardsThatFailTogether(t *testing.T) {
	r := &run{}
	r.stopCtx, r.stop = context.WithCancelCause(t.Context())
	r.assignment = &alone{r: r}
	first := fmt.Errorf("mapping: shard a: %w", driver.ErrStoreBroken)
	refused := errors.New("the store refused")
	r.judge(&shardEnd{id: "a", err: first})
	require.ErrorIs(t, context.Cause(r.stopCtx), first)
	require.False(t, r.stopping, "the loop has not noticed it yet")
	r.judge(&shardEnd{id: "b", err: fmt.Errorf("mapping: shard b: %w: %w", ErrNotStored, refused)})
	r.judge(&shardEnd{id: "c", err: driver.ErrLeaseLost})
	assert.Equal(t, first, r.failed)
	assert.ErrorIs(t, r.errs.join(), refused)
	assert.NotErrorIs(t, r.errs.join(), driver.ErrLeaseLost)
}
