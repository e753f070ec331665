package batch_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/batch"
)

// TestKindsAndStepsThatDoNotExistHaveTheirNumbersAsNames: the first behind the last one too.
func TestKindsAndStepsThatDoNotExistHaveTheirNumbersAsNames(t *testing.T) {
	assert.Equal(t, "dropped", batch.Dropped.String())
	assert.Equal(t, "OutcomeKind(7)", (batch.Dropped + 1).String())
	assert.Equal(t, "exhausted", batch.Exhausted.String())
	assert.Equal(t, "Step(6)", (batch.Exhausted + 1).String())
}
