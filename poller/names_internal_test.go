package poller

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNamesOfClassesAndShares: as logs and JSON have them.
func TestNamesOfClassesAndShares(t *testing.T) {
	assert.Equal(t, "stop", Stop.String())
	assert.Equal(t, "Class(7)", (Stop + 1).String(), "the first that does not exist")
	text, err := Throttled.MarshalText()
	assert.NoError(t, err)
	assert.Equal(t, "throttled", string(text))
	assert.Equal(t, "1.25 of the shard's 5 reads a second (25 %), where 2.00 are wanted", Share{Granted: 1.25, Wanted: 2}.String())
	assert.Equal(t, "StartType(3)", Start{Type: AtPosition + 1}.String())
}
