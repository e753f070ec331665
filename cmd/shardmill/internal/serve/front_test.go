package serve

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// flaky is a store whose definitions can't be read while it is down.
type flaky struct {
	driver.DefinitionStore
	down atomic.Bool
}

func (f *flaky) DefinitionsToken(ctx context.Context) (string, error) {
	if f.down.Load() {
		return "", errors.New("the store is down: hush")
	}
	return f.DefinitionStore.DefinitionsToken(ctx)
}

func (f *flaky) Definitions(ctx context.Context) ([]driver.Definition, string, error) {
	if f.down.Load() {
		return nil, "", errors.New("the store is down: hush")
	}
	return f.DefinitionStore.Definitions(ctx)
}

// newTestFront returns a front that is not running.
func newTestFront(t *testing.T, a access) (*front, *flaky) {
	t.Helper()
	definitions := &flaky{DefinitionStore: mapping.NewMemoryStore()}
	log := slog.New(slog.DiscardHandler)
	r, err := registry.New(registry.Config{
		Functions:   registry.Functions{"print": invoke.Func(func(context.Context, *invoke.Event) error { return nil })},
		Definitions: definitions, Credentials: a.credentials, AllowUnsigned: a.unsigned, Logger: log,
	})
	require.NoError(t, err)
	return newFront(r, a, nil, log), definitions
}

// ask returns what is answered to a GET.
func ask(f http.Handler, path string) (status int, body string) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.Host = "127.0.0.1:4580"
	f.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestReadiness(t *testing.T) {
	f, definitions := newTestFront(t, access{unsigned: true})
	check := func(want int, text string) {
		t.Helper()
		status, body := ask(f, "/readyz")
		assert.Equal(t, want, status)
		assert.Equal(t, text+"\n", body)
		status, _ = ask(f, "/healthz")
		assert.Equal(t, http.StatusOK, status)
	}
	check(http.StatusServiceUnavailable, "mappings do not run yet")
	f.running.Store(true)
	check(http.StatusOK, "ok")
	definitions.down.Store(true)
	check(http.StatusServiceUnavailable, "the definitions can't be read")
	status, _ := ask(f, "/status")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	definitions.down.Store(false)
	check(http.StatusOK, "ok")
	f.draining.Store(true)
	check(http.StatusServiceUnavailable, "draining")
}

func TestNoChangesWhileDraining(t *testing.T) {
	f, _ := newTestFront(t, access{unsigned: true})
	status, body := ask(f, "/2015-03-31/event-source-mappings/")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"EventSourceMappings":[]`)
	f.draining.Store(true)
	status, body = ask(f, "/2015-03-31/event-source-mappings/")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.JSONEq(t, `{"Type":"Service","Message":"This server is stopping."}`, body)
}

func TestStatusIsForUnsignedServersOnly(t *testing.T) {
	f, _ := newTestFront(t, access{unsigned: true})
	status, body := ask(f, "/status")
	assert.Equal(t, http.StatusOK, status)
	var all []standing
	require.NoError(t, json.Unmarshal([]byte(body), &all))
	assert.Empty(t, all)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/status", http.NoBody)
	r.Host = "evil.example"
	f.ServeHTTP(w, r)
	assert.Equal(t, http.StatusForbidden, w.Code)

	f, _ = newTestFront(t, access{credentials: map[string]string{"AKID": "s"}})
	for _, path := range []string{"/status", "/2015-03-31/event-source-mappings/"} {
		status, body = ask(f, path)
		assert.GreaterOrEqual(t, status, http.StatusForbidden)
		assert.NotContains(t, body, "configuration")
	}
}

func TestReadinessAsksTheEmbeddedStreams(t *testing.T) {
	f, _ := newTestFront(t, access{unsigned: true})
	f.running.Store(true)
	service, err := kinesistest.Open(filepath.Join(t.TempDir(), "streams"), kinesistest.Config{})
	require.NoError(t, err)
	f.streams = &streams{service: service}
	status, _ := ask(f, "/readyz")
	assert.Equal(t, http.StatusOK, status)
	require.NoError(t, service.Close()) // from then on it answers as after a full disk
	status, body := ask(f, "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "the embedded streams cannot be stored\n", body)
}
