package mapping

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/mapping/driver"
)

// TestPrecedenceOfTheCausesOfAShardsEnd goes through every combination of causes: the first line of the table of
// ending.err that applies decides, whatever else happened.
func TestPrecedenceOfTheCausesOfAShardsEnd(t *testing.T) {
	refused := errors.New("the store refused")
	for _, c := range []struct {
		cause    error
		want     error // with neither a failed commit nor a cut call
		decisive bool  // before both
	}{
		{nil, nil, false},
		{ErrDrainTimeout, nil, false},
		{driver.ErrLeaseLost, driver.ErrLeaseLost, true},
		{fmt.Errorf("commit: %w", driver.ErrStoreClosed), driver.ErrStoreClosed, true},
		{fmt.Errorf("commit: %w", driver.ErrStoreBroken), driver.ErrStoreBroken, true},
		{fmt.Errorf("commit: %w", driver.ErrUnreadable), driver.ErrUnreadable, true},
		{fmt.Errorf("commit: %w", driver.ErrForeignFleet), driver.ErrForeignFleet, true},
	} {
		for _, notStored := range []error{nil, refused} {
			for _, cut := range []bool{false, true} {
				e := ending{cause: c.cause, notStored: notStored, cut: cut}
				want := []error{c.want}
				switch {
				case c.decisive:
				case notStored != nil:
					want = []error{ErrNotStored, refused}
				case cut:
					want = []error{ErrDrainTimeout}
				}
				for _, w := range want {
					assert.ErrorIs(t, e.err("shardId-0"), w, "cause %v, not stored %v, cut %v", c.cause, notStored, cut)
				}
			}
		}
	}
	gone := ending{cause: driver.ErrStoreClosed}
	assert.ErrorIs(t, gone.err("shardId-0"), ErrNotStored)
}
