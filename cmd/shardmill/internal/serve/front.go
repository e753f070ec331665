package serve

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/shardmill/shardmill/mapping/registry"
)

// readyTime bounds the check whether definitions are readable.
const readyTime = 3 * time.Second

// front serves the API, health checks and the status.
//
//	/healthz  200 while the process is up, also while it drains
//	/readyz   200 when mappings run, their definitions are readable and embedded streams can be stored, else 503
//	/status   the state of each mapping in this process; here only without signatures, and always on the admin address
type front struct {
	api      http.Handler
	status   http.Handler // nil: none
	registry *registry.Registry
	streams  *streams // nil: they are not embedded
	log      *slog.Logger

	running, draining atomic.Bool
}

func newFront(r *registry.Registry, a access, hosts []string, log *slog.Logger) *front {
	f := &front{api: r.Handler(), registry: r, log: log}
	if a.unsigned {
		f.api = knownHosts(f.api, hosts)
		f.status = knownHosts(http.HandlerFunc(f.serveStatus), hosts)
	}
	return f
}

// ServeHTTP implements http.Handler. It uses no ServeMux, which would clean the paths of the API.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/healthz":
		say(w, http.StatusOK, "ok")
	case r.URL.Path == "/readyz":
		status, text := f.readiness(r.Context())
		say(w, status, text)
	case r.URL.Path == "/status" && f.status != nil:
		f.status.ServeHTTP(w, r)
	case f.draining.Load():
		w.Header().Set("Connection", "close")
		refuse(w, stopping)
	default:
		f.api.ServeHTTP(w, r)
	}
}

func (f *front) readiness(ctx context.Context) (status int, text string) {
	switch {
	case f.draining.Load():
		return http.StatusServiceUnavailable, "draining"
	case !f.running.Load():
		return http.StatusServiceUnavailable, "mappings do not run yet"
	case f.streams != nil && f.streams.service.Err() != nil:
		f.log.Debug("not ready", "error", f.streams.service.Err())
		return http.StatusServiceUnavailable, "the embedded streams cannot be stored"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if _, err := f.registry.List(ctx, registry.ListInput{MaxItems: new(1)}); err != nil {
		f.log.Debug("not ready", "error", err)
		return http.StatusServiceUnavailable, "the definitions can't be read"
	}
	return http.StatusOK, "ok"
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // as above
}

// refusal is an answer in the form of the API's errors.
type refusal struct {
	status int
	code   string
	body   string // in JSON
}

// The refusals of the server. The name of the message member depends on the code, as docs/api.md says.
var (
	stopping    = refusal{http.StatusServiceUnavailable, "ServiceException", `{"Type":"Service","Message":"This server is stopping."}`}
	unknownHost = refusal{http.StatusForbidden, "AccessDeniedException", `{"message":"This server is not known by the name in the Host header."}`}
)

func refuse(w http.ResponseWriter, r refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", r.code)
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	w.WriteHeader(r.status)
	_, _ = w.Write([]byte(r.body)) // as above
}
