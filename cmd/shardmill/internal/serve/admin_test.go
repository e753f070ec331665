package serve

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/registry"
)

// newTestAdmin returns the admin handler of a signed server.
func newTestAdmin(t *testing.T, token secret, hosts ...string) (http.Handler, *front) {
	t.Helper()
	f, _ := newTestFront(t, access{credentials: map[string]string{"AKID": "s"}})
	m, err := newMetrics()
	require.NoError(t, err)
	return newAdmin(f, m, token, hosts, slog.New(slog.DiscardHandler)), f
}

// call makes a request, which change changes.
func call(h http.Handler, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.Host = "127.0.0.1:4581"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAdminServesASignedServer(t *testing.T) {
	h, f := newTestAdmin(t, "")
	f.running.Store(true)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ok", "/status": "[]", "/metrics": "go_goroutines"} {
		w := call(h, path, nil)
		assert.Equal(t, http.StatusOK, w.Code, path)
		assert.Contains(t, w.Body.String(), want, path)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
	assert.Equal(t, http.StatusNotFound, call(h, "/2015-03-31/event-source-mappings/", nil).Code)
	assert.Equal(t, http.StatusMethodNotAllowed, call(h, "/status", func(r *http.Request) { r.Method = http.MethodPost }).Code)
	f.draining.Store(true)
	assert.Equal(t, http.StatusServiceUnavailable, call(h, "/readyz", nil).Code)
}

// A page in a browser can have its own name resolve to this machine.
func TestAdminWithoutATokenIsServedToThisMachinesNamesOnly(t *testing.T) {
	h, _ := newTestAdmin(t, "", "admin.internal")
	for _, path := range []string{"/healthz", "/readyz", "/status", "/metrics", "/"} {
		for host, served := range map[string]bool{"evil.example": false, "evil.example:4581": false, "localhost:4581": true, "[::1]:4581": true, "Admin.Internal": true} {
			w := call(h, path, func(r *http.Request) { r.Host = host })
			assert.Equal(t, served, w.Code != http.StatusForbidden, "%s %s", host, path)
		}
	}
}

func TestAdminTokenGuardsWhatTellsOfMappings(t *testing.T) {
	h, _ := newTestAdmin(t, "t0ken")
	for header, served := range map[string]bool{
		"": false, "t0ken": false, "Bearer": false, "Bearer ": false, "Bearer t0ke": false, "Bearer t0ken ": false, "Bearer t0kenn": false,
		"Basic t0ken": false, "Bearer T0KEN": false, "Bearer t0ken": true, "bearer t0ken": true,
	} {
		for _, path := range []string{"/status", "/metrics"} {
			w := call(h, path, func(r *http.Request) { r.Header.Set("Authorization", header); r.Host = "shardmill.example" })
			want := http.StatusUnauthorized
			if served {
				want = http.StatusOK
			}
			assert.Equal(t, want, w.Code, "%q %s", header, path)
			assert.NotContains(t, w.Body.String(), "t0ken")
		}
	}
	assert.Equal(t, http.StatusOK, call(h, "/healthz", nil).Code, "orchestrators have no token")
	assert.Equal(t, http.StatusServiceUnavailable, call(h, "/readyz", nil).Code)
}

func TestAdminIsLoopbackOrHasAToken(t *testing.T) {
	f, _ := newTestFront(t, access{unsigned: true})
	m, err := newMetrics()
	require.NoError(t, err)
	open := func(env string, a adminConfig) (string, string, error) {
		var log strings.Builder
		c := config{Admin: &a}
		c.complete(func(name string) string {
			if name == "SHARDMILL_ADMIN_TOKEN" {
				return env
			}
			return ""
		})
		w, err := openAdmin(t.Context(), &c, f, m, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			return "", log.String(), err
		}
		require.NoError(t, w.stop(t.Context()))
		return w.url(), log.String(), nil
	}
	url, _, err := open("", adminConfig{Listen: ":0"})
	require.NoError(t, err)
	assert.Contains(t, url, "http://127.0.0.1:", "loopback by default")
	_, _, err = open("", adminConfig{Listen: "0.0.0.0:0"})
	require.ErrorContains(t, err, "admin.listen: ")
	require.ErrorContains(t, err, "there is no token")
	_, log, err := open("t0ken", adminConfig{Listen: "0.0.0.0:0"})
	require.NoError(t, err)
	assert.Contains(t, log, "unencrypted")
	path := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{"t0ken": "", "t0ken\r\n": "", "": "must hold one line", "a\nb": "must hold one line", "\n": "must hold one line"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, _, err = open("", adminConfig{Listen: "0.0.0.0:0", TokenFile: path})
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
	_, _, err = open("", adminConfig{Listen: ":0", TokenFile: path + "x"})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestStatusShowsNoData fills whatever can hold a text.
func TestStatusShowsNoData(t *testing.T) {
	const broken = "no answer from http://user:hush@h/p?code=hush#hush or https://hush:x@h2:9/q?hush"
	c := registry.Configuration{
		UUID: "u", LastProcessingResult: "PROBLEM: " + broken,
		FilterCriteria: &registry.FilterCriteria{Filters: []registry.Filter{{Pattern: `{"data":{"name":["hush"]}}`}}},
	}
	s := mapping.Status{
		LastProcessingResult: broken, Problem: broken,
		Shards: []mapping.ShardStatus{{
			ShardID: "shardId-000000000000", Waiting: broken, Behind: 90 * time.Second,
			Lanes: []mapping.LaneStatus{{
				LaneStatus: batch.LaneStatus{State: batch.Retrying, Cause: batch.FunctionError, Failures: 2},
				RequestID:  "r", LastError: "cannot ship hush",
			}},
		}},
	}
	text := encoded(t, newStanding(c, s, true))
	assert.NotContains(t, text, "hush")
	assert.Equal(t, 4, strings.Count(text, "http://h/p or https://h2:9/q"))
	assert.Contains(t, text, `"Behind":"1m30s"`)
	assert.Contains(t, text, fmt.Sprintf(`"Cause":%q`, batch.FunctionError))
	assert.Contains(t, encoded(t, newStanding(c, s, false)), `"status":null`)
}

var metricsLine = regexp.MustCompile(`(?m)^shardmill_InvokedEventCount_total\{(.*)\} 5$`)

// TestMetricsOfASignedServer is the whole way: records, the function, the counters.
func TestMetricsOfASignedServer(t *testing.T) {
	t.Parallel()
	env := []string{"SHARDMILL_ACCESS_KEY_ID=AKID", "SHARDMILL_SECRET_ACCESS_KEY=s3cret", "SHARDMILL_ADMIN_TOKEN=t0ken"}
	p := start(t, env, "-stream-listen", "127.0.0.1:0", "-admin", ":0")
	address := regexp.MustCompile(`(?m)^Admin: (http://127\.0\.0\.1:\d+)$`).FindStringSubmatch(p.out.String())
	require.NotNil(t, address)
	settle(t, p.mappings("AKID", "s3cret"), create(t, p.mappings("AKID", "s3cret"), "print", orders, true), "Enabled")
	put(t, p.kinesis(), 1, 5)
	p.eventually(func() bool { return len(p.printed()) == 5 })
	get := func(path string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address[1]+path, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer t0ken")
		answer, err := p.client.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		require.Equal(t, http.StatusOK, answer.StatusCode)
		return read(t, answer)
	}
	p.eventually(func() bool { return metricsLine.MatchString(get("/metrics")) })
	labels := metricsLine.FindStringSubmatch(get("/metrics"))[1]
	assert.Contains(t, labels, `FunctionName="print"`)
	assert.Contains(t, labels, `StreamName="orders"`)
	assert.Contains(t, get("/metrics"), "go_goroutines")
	assert.Contains(t, get("/status"), `"Invoked": 5`)
	status, _ := p.get("/status")
	assert.NotEqual(t, http.StatusOK, status, "the API's address has none where requests are signed")
	if runtime.GOOS == "linux" {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.command.Process.Pid))
		require.NoError(t, err)
		assert.NotContains(t, string(line), "t0ken")
	}
}
