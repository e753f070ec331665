package benchmarks

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
