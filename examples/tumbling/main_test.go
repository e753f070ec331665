package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTumblingEndsAfterItsWindows(t *testing.T) {
	require.NoError(t, run(t.Context(), time.Second, 2))
}
