package serve

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/shardmill/shardmill/cmd/shardmill/internal/cli"
)

// complete fills in defaults.
func (a *adminConfig) complete(getenv func(string) string) {
	a.Listen = cmp.Or(a.Listen, defaultAdmin)
	if strings.HasPrefix(a.Listen, ":") {
		host, _, _ := net.SplitHostPort(defaultAdmin)
		a.Listen = host + a.Listen
	}
	if a.TokenFile == "" {
		a.Token = cmp.Or(a.Token, secret(getenv("SHARDMILL_ADMIN_TOKEN")))
	}
}

// tokenForm is the pattern of tokens that a header can carry.
var tokenForm = regexp.MustCompile(`^[!-~]+$`)

func (v *violations) admin(a *adminConfig) {
	if a == nil {
		return
	}
	v.add(isAddress(a.Listen), "admin.listen", "must be %s", addressForm)
	v.add(a.Token == "" || a.TokenFile == "", "admin", "has both token and tokenFile")
	v.add(a.Token == "" || tokenForm.MatchString(string(a.Token)), "admin.token", "must have visible characters of ASCII only")
}

// adminToken returns the token that requests must carry; empty means none.
func (c *config) adminToken() (secret, error) {
	a := c.Admin
	if a.TokenFile == "" {
		return a.Token, nil
	}
	text, err := os.ReadFile(a.TokenFile)
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.where("admin.tokenFile"), c.veil(err))
	}
	token := strings.TrimRight(string(text), "\r\n")
	if !tokenForm.MatchString(token) {
		return "", fmt.Errorf("%s: the file must hold one line of visible characters of ASCII", c.where("admin.tokenFile"))
	}
	return secret(token), nil
}

// openAdmin listens for operators, and serves nothing yet.
func openAdmin(ctx context.Context, c *config, f *front, m *metrics, log *slog.Logger) (*web, error) {
	token, err := c.adminToken()
	if err != nil {
		return nil, err
	}
	listener, err := listen(ctx, c.Admin.Listen)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.where("admin.listen"), c.veil(err))
	}
	local := isLoopback(listener)
	if !local && token == "" {
		err := fmt.Errorf("%s can be reached from other machines, and there is no token to verify requests: "+
			"set admin.token or admin.tokenFile in the configuration file, or SHARDMILL_ADMIN_TOKEN, or listen on 127.0.0.1", listener.Addr())
		return nil, fmt.Errorf("%s: %w", c.where("admin.listen"), errors.Join(err, listener.Close()))
	}
	w := newWeb(ctx, listener, newAdmin(f, m, token, c.Hosts, log), log)
	switch {
	case local:
	case c.TLS != nil:
		err = w.secure(c.TLS)
	default:
		log.Warn("the admin token is sent unencrypted: tls is not set", "address", listener.Addr().String())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", c.where("tls"), c.veil(errors.Join(err, listener.Close())), cli.ErrUsage)
	}
	return w, nil
}

// admin is the handler for operators:
//
//	/healthz  as on the API's address; both without a token, for orchestrators
//	/readyz   the same
//	/status   the state of each mapping in this process, without data
//	/metrics  counters and histograms in Prometheus's text
type admin struct {
	front *front
	log   *slog.Logger

	status, metrics http.Handler
}

// newAdmin returns the handler. With a token /status and /metrics require it. Without one the handler serves only
// requests with a host name that cannot be another server's.
func newAdmin(f *front, m *metrics, token secret, hosts []string, log *slog.Logger) http.Handler {
	a := &admin{front: f, log: log, status: http.HandlerFunc(f.serveStatus), metrics: m.handler(log)}
	if token == "" {
		return knownHosts(a, hosts)
	}
	a.status, a.metrics = bearing(token, a.status), bearing(token, a.metrics)
	return a
}

// ServeHTTP implements http.Handler.
func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		say(w, http.StatusMethodNotAllowed, "only GET and HEAD are served here")
		return
	}
	switch r.URL.Path {
	case "/healthz", "/readyz":
		a.front.ServeHTTP(w, r)
	case "/status":
		a.status.ServeHTTP(w, r)
	case "/metrics":
		a.metrics.ServeHTTP(w, r)
	default:
		say(w, http.StatusNotFound, "here are /status, /healthz, /readyz and /metrics")
	}
}

// bearing serves requests that carry the token. It compares digests, so that the time reveals neither the token nor its
// length.
func bearing(token secret, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			say(w, http.StatusUnauthorized, "the request must bear the admin token: Authorization: Bearer TOKEN")
			return
		}
		next.ServeHTTP(w, r)
	})
}
