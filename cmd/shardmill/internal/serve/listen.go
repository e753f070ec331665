package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The limits of a connection, in time and bytes.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second // for a whole request
	writeTimeout  = time.Minute      // for an answer, from the end of the header: a Create calls the stream and the role
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	shutdownTime  = 5 * time.Second
)

// listen listens on an address.
func listen(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// isLoopback reports whether only this machine can reach a listener.
func isLoopback(l net.Listener) bool {
	address, ok := l.Addr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// access says which requests are served.
type access struct {
	credentials map[string]string // signatures are verified with these
	unsigned    bool              // signatures are not verified
}

// decideAccess returns the access of a listener. Beyond loopback it requires a key, unless unsigned requests are
// allowed explicitly.
func decideAccess(l net.Listener, keys []key, allowUnsigned bool, log *slog.Logger) (access, error) {
	if len(keys) > 0 && !allowUnsigned {
		credentials := map[string]string{}
		for _, k := range keys {
			credentials[k.ID] = string(k.Secret)
		}
		return access{credentials: credentials}, nil
	}
	if isLoopback(l) {
		return access{unsigned: true}, nil
	}
	if !allowUnsigned {
		return access{}, fmt.Errorf("%s can be reached from other machines, and there is no key to verify their requests: "+
			"set keys in the configuration file, or SHARDMILL_ACCESS_KEY_ID and SHARDMILL_SECRET_ACCESS_KEY, or listen on 127.0.0.1", l.Addr())
	}
	log.Warn("every client that reaches this server may change its mappings: -allow-unsigned is set", "address", l.Addr().String())
	return access{unsigned: true}, nil
}

// knownHosts refuses requests with another host name. A page in a browser can make its own name resolve to this
// machine. To the browser, its requests then stay on its site, but they carry that name. So without signatures only
// localhost, addresses and the configured names are served.
func knownHosts(next http.Handler, names []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isKnown(r.Host, names) {
			refuse(w, unknownHost)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isKnown reports whether a Host header has a name that cannot be another site's.
func isKnown(host string, names []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, host) })
}

// web is an HTTP server with its listener.
type web struct {
	server   *http.Server
	listener net.Listener
	hangUp   context.CancelFunc // ends the contexts of all requests
}

// newWeb returns a server of handler, with limits against slow and large requests.
func newWeb(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) *web {
	ctx, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	return &web{listener: l, hangUp: hangUp, server: &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
}

// unasked makes a server without TLS serve HTTP/2 in addition to HTTP/1.1, to clients that begin with it.
func (w *web) unasked() {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	w.server.Protocols = p
}

// secure makes the server use TLS.
func (w *web) secure(c *tlsConfig) error {
	certificate, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return err
	}
	w.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return nil
}

// serve serves until stop is called.
func (w *web) serve() error {
	var err error
	if w.server.TLSConfig != nil {
		err = w.server.ServeTLS(w.listener, "", "")
	} else {
		err = w.server.Serve(w.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// stop waits some time for requests, and then ends the remaining ones.
func (w *web) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	err := w.server.Shutdown(ctx)
	w.hangUp()
	_ = w.listener.Close() // a server that never served does not know it; otherwise it is closed already
	if err != nil {
		return errors.Join(fmt.Errorf("requests at %s were cut short: %w", w.listener.Addr(), err), w.server.Close())
	}
	return nil
}

func (w *web) url() string {
	scheme := "http://"
	if w.server.TLSConfig != nil {
		scheme = "https://"
	}
	return scheme + w.listener.Addr().String()
}
