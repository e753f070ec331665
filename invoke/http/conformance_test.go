package httpfunc_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/invoke"
	httpfunc "github.com/shardmill/shardmill/invoke/http"
	"github.com/shardmill/shardmill/invoke/invoketest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server and returns a function at a path of it.
func serve(t testing.TB, path string, h http.HandlerFunc) *httpfunc.Function {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	f, err := httpfunc.New(httpfunc.Config{URL: server.URL + path})
	require.NoError(t, err)
	t.Cleanup(f.CloseIdleConnections)
	return f
}

// status answers a status.
func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

var refusals = map[invoketest.Function]int{
	invoketest.Throttled:   429,
	invoketest.Unavailable: 503,
	invoketest.Missing:     404,
	invoketest.Denied:      403,
	invoketest.TooLarge:    413,
}

// plain is a server that runs invoketest's function behind a URL: errors are 500, and its end loses the connection.
func plain(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	defer func() {
		if recover() != nil {
			panic(http.ErrAbortHandler)
		}
	}()
	answer, err := invoketest.Handler{}.Invoke(r.Context(), event)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(answer)
}

// emulator runs it as the Runtime Interface Emulator does: errors are 200 with an error document.
func emulator(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != httpfunc.EmulatorPath {
		http.NotFound(w, r)
		return
	}
	event, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	fail := func(message, errorType string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"errorMessage": message, "errorType": errorType, "trace": []string{}})
	}
	defer func() {
		if p := recover(); p != nil {
			fail(fmt.Sprint("RequestId: 1 Error: ", p), "Runtime.ExitError")
		}
	}()
	answer, err := invoketest.Handler{}.Invoke(r.Context(), event)
	if err != nil {
		fail(err.Error(), "Error")
		return
	}
	_, _ = w.Write(answer)
}

func TestConforms(t *testing.T) {
	for name, end := range map[string]struct {
		path string
		run  http.HandlerFunc
	}{
		"Plain":    {"/orders", plain},
		"Emulator": {httpfunc.EmulatorPath, emulator},
	} {
		t.Run(name, func(t *testing.T) {
			invoketest.Run(t, func(t *testing.T, f invoketest.Function) invoke.Invoker {
				if f == invoketest.Scripted {
					return serve(t, end.path, end.run)
				}
				return serve(t, end.path, status(refusals[f], "no"))
			})
		})
	}
}
