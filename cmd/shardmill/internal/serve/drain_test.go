package serve

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slow is a function behind HTTP that answers when the test lets it.
type slow struct {
	*httptest.Server
	began   chan struct{} // a token for each invocation
	release chan struct{} // closed when it may answer
	ended   atomic.Int64
}

func newSlow(t *testing.T) *slow {
	t.Helper()
	s := &slow{began: make(chan struct{}, 100), release: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the end of the caller shows
		s.began <- struct{}{}
		select {
		case <-s.release:
			s.ended.Add(1)
			w.WriteHeader(http.StatusOK)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// config is a configuration with this function.
func (s *slow) config(more string) string {
	return more + "\nkinesis: {embedded: {listen: '127.0.0.1:0', streams: [{name: orders}]}}\nfunctions: {slow: {url: '" + s.URL + "'}}"
}

// busy starts a server, and returns it when it is invoking the function.
func (s *slow) busy(t *testing.T, more string) *program {
	t.Helper()
	p := start(t, nil, "-config", file(t, s.config(more)))
	create(t, p.mappings("any", "any"), "slow", orders, true)
	put(t, p.kinesis(), 1, 1)
	select {
	case <-s.began:
	case <-time.After(30 * time.Second):
		require.Fail(t, "the function is not invoked")
	}
	return p
}

func TestDrainLetsInvocationsEnd(t *testing.T) {
	t.Parallel()
	s := newSlow(t)
	p := s.busy(t, "")
	p.signal(syscall.SIGTERM)
	p.eventually(func() bool { status, _ := p.get("/readyz"); return status == http.StatusServiceUnavailable })
	status, _ := p.get("/healthz")
	assert.Equal(t, http.StatusOK, status, "a process that drains is not to be killed")
	status, body := p.get("/2015-03-31/event-source-mappings/")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, body, "stopping")
	close(s.release)
	assert.Zero(t, p.wait())
	assert.Equal(t, int64(1), s.ended.Load())
	assert.Contains(t, p.log.String(), "clean=true")
}

func TestDrainHasAnEnd(t *testing.T) {
	t.Parallel()
	p := newSlow(t).busy(t, "drain: 200ms")
	p.signal(syscall.SIGINT)
	assert.Equal(t, 1, p.wait(), "invocations were cut short")
	assert.Contains(t, p.log.String(), "clean=false")
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := newSlow(t).busy(t, "drain: 1h")
	p.signal(syscall.SIGTERM)
	p.eventually(func() bool { status, _ := p.get("/readyz"); return status == http.StatusServiceUnavailable })
	p.signal(syscall.SIGTERM)
	assert.Equal(t, -1, p.wait(), "it was ended by the signal")
}

func TestIdleServerStopsCleanly(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "-stream-listen", "127.0.0.1:0", "-log", "json")
	p.signal(syscall.SIGINT)
	assert.Zero(t, p.wait())
	for line := range strings.Lines(p.log.String()) {
		assert.True(t, strings.HasPrefix(line, `{"time":`), line)
	}
}

func TestBeyondLoopbackItDoesNotStartWithoutKeys(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), build(t), "serve", "-listen", "0.0.0.0:0", "-stream-listen", "127.0.0.1:0")
	command.Env = environment()
	out, err := command.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, 1, command.ProcessState.ExitCode())
	assert.Contains(t, string(out), "no key to verify their requests")
	command = exec.CommandContext(t.Context(), build(t), "serve", "-listen", "127.0.0.1:0", "-stream-listen", "0.0.0.0:0")
	command.Env = environment()
	out, err = command.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "-stream-listen: 0.0.0.0:0 can be reached from other machines")
}
