package benchmarks

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cpuTime returns the CPU time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident returns how many bytes of this process are in memory.
func resident(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("resident memory is known on Linux only")
	}
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	var kB int64
	_, err = fmt.Sscan(line, &kB)
	require.NoError(b, err)
	return kB << 10
}
