package benchmarks

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cpuTime returns the CPU time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	process, err := syscall.GetCurrentProcess()
	require.NoError(b, err)
	var created, ended, kernel, user syscall.Filetime
	require.NoError(b, syscall.GetProcessTimes(process, &created, &ended, &kernel, &user))
	return elapsed(kernel) + elapsed(user)
}

// elapsed reads a span, which is in units of 100 ns.
func elapsed(f syscall.Filetime) time.Duration {
	return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * 100
}
