package process

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBackoffDoublesUpToABound(t *testing.T) {
	for crashes, want := range map[int]time.Duration{
		1: 0, 2: 100 * time.Millisecond, 3: 200 * time.Millisecond, 4: 400 * time.Millisecond, 8: 6400 * time.Millisecond,
		9: 10 * time.Second, 1000: 10 * time.Second,
	} {
		assert.Equal(t, want, backoff(crashes), "%d crashes", crashes)
	}
}
