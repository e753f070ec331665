package process_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// noted is an Invoker that takes note of the records of invocations that succeeded, and of how many failed.
type noted struct {
	invoke.Invoker
	failed atomic.Int64

	mu   sync.Mutex
	seen map[string]bool // by data
}

func (n *noted) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	r, err := n.Invoker.Invoke(ctx, in)
	if err == nil && r.FunctionError != "" {
		n.failed.Add(1)
	}
	if err == nil && r.FunctionError == "" {
		n.mu.Lock()
		defer n.mu.Unlock()
		for record := range in.Event.Records() {
			n.seen[string(record.Data)] = true
		}
	}
	return r, err
}

func (n *noted) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.seen)
}

func TestKill9OfFunctionsUnderAMappingLosesNothing(t *testing.T) {
	service := kinesistest.New(kinesistest.Config{NoLimits: true})
	stream, err := service.CreateStream("orders", 2)
	require.NoError(t, err)
	const records = 400
	for i := range records {
		_, _, err := stream.Put(fmt.Sprint("key ", i%64), fmt.Appendf(nil, "sleep 50ms %d", i))
		require.NoError(t, err)
	}
	function := &noted{Invoker: start(t, config("function")), seen: map[string]bool{}}
	m, err := mapping.New(mapping.Config{
		EventSourceARN: "arn:aws:kinesis:us-east-1:123456789012:stream/orders", FunctionName: "ship",
		StartingPosition: mapping.TrimHorizon, BatchSize: 2, ParallelizationFactor: 4,
		Client: service.Client(), Function: function, Store: mapping.NewMemoryStore(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()

	require.Eventually(t, func() bool { return function.count() > 0 }, time.Minute, time.Millisecond)
	for function.count() < records {
		if pids := functions(t); function.failed.Load() < 10 && len(pids) > 0 {
			_ = syscall.Kill(pids[rand.N(len(pids))], syscall.SIGKILL) // it may be gone
		}
		time.Sleep(20 * time.Millisecond) // any instant is the point
	}
	cancel()
	require.NoError(t, <-ended)
	assert.Positive(t, function.failed.Load(), "some were killed with an invocation")
}

// functions returns the processes below this one that run the function.
func functions(t *testing.T) (pids []int) {
	t.Helper()
	for _, pid := range descendants(t, os.Getpid()) {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.HasPrefix(string(command), os.Args[0]) {
			pids = append(pids, pid)
		}
	}
	return pids
}
