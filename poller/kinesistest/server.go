package kinesistest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

const (
	headerTimeout = 10 * time.Second // a connection that says nothing is closed
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// Server is a Service over HTTP on a free port of the loopback interface, for the SDK, the aws command line and other
// processes: configure them with URL and any credentials, which are not verified. Close it when done, which also ends
// all subscriptions.
//
// One port speaks HTTP/1.1 and HTTP/2. A client may begin HTTP/2 with its preface, without negotiation, as Amazon's
// SDKs for Java and JavaScript do, with TLS and without.
type Server struct {
	// URL is the endpoint: http://127.0.0.1:port, or https://127.0.0.1:port of NewTLSServer. That of NewPipeServer is
	// for its own Config and Client only.
	URL string

	service   *Service
	server    *http.Server
	transport *http.Transport
	leaf      *x509.Certificate  // nil without TLS
	hangUp    context.CancelFunc // ends all calls that wait
	serving   sync.WaitGroup     // the accept loop and the calls

	mu     sync.Mutex
	closed bool
}

// NewServer starts a Server. Like httptest.NewServer it panics if it cannot listen on the loopback interface: a test
// cannot continue then.
func NewServer(s *Service) *Server {
	listener := listen()
	v := newServer(s, "http://"+listener.Addr().String())
	v.serving.Go(func() { _ = v.server.Serve(listener) }) // it ends with Close, and its error has no other information
	return v
}

// NewTLSServer starts a Server that speaks HTTP/2 and HTTP/1.1 over TLS, as the service does, with a generated
// certificate. Config and Client trust it; for other clients see Certificate. A client negotiates the protocol by ALPN,
// or sends HTTP/2 without negotiation. It panics when NewServer does.
func NewTLSServer(s *Service) *Server {
	certificate, err := newCertificate()
	if err != nil {
		panic(err)
	}
	listener := listen()
	v := newServer(s, "https://"+listener.Addr().String())
	v.leaf = certificate.Leaf
	secured := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(v.leaf)
	v.transport.TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
	v.transport.ForceAttemptHTTP2 = true
	v.serving.Go(func() { _ = v.server.Serve(prefaced{tls.NewListener(listener, secured)}) }) // as above
	return v
}

// NewPipeServer starts a Server without a network: Config and Client reach it over net.Pipe, with HTTP/1.1. So the real
// SDK runs in a synctest bubble, where minutes pass immediately; start and close the Server inside of it.
func NewPipeServer(s *Service) *Server {
	listener := newPipes()
	v := newServer(s, pipeURL)
	v.transport.DialContext = listener.dial
	v.serving.Go(func() { _ = v.server.Serve(listener) }) // as above
	return v
}

// listen listens on a free port of the loopback interface.
func listen() net.Listener {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0") //nolint:forbidigo // it does not wait
	if err != nil {
		panic(fmt.Sprintf("kinesistest: listen: %v", err))
	}
	return listener
}

// newServer returns a Server that does not listen yet.
func newServer(s *Service, url string) *Server {
	ctx, hangUp := context.WithCancel(context.Background()) //nolint:forbidigo // the life of the Server, which Close ends
	v := &Server{
		URL:       url,
		service:   s,
		transport: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: idleTimeout},
		hangUp:    hangUp,
	}
	v.server = &http.Server{
		Handler:           v.counted(s.Handler()),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       transferTimeout, // the handler extends both for a call that lasts
		WriteTimeout:      transferTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		Protocols:         protocols(),
	}
	return v
}

// protocols returns those that a Server speaks. A connection that begins with the preface of HTTP/2 has that, others
// HTTP/1.1. See prefaced for those with TLS.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// prefaced hides from net/http that the connections of a listener are encrypted. net/http would use the protocol that
// TLS negotiated, and answer the HTTP/2 preface of a client that negotiated none with an error of HTTP/1.1. This way it
// checks the preface instead, which a client that negotiated HTTP/2 sends as well. Request.TLS is lost.
type prefaced struct{ net.Listener }

// Accept implements net.Listener.
func (l prefaced) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{conn}, nil
}

// Certificate returns the certificate of a Server by NewTLSServer, and nil for others. Another process that must trust
// it gets it as a file: for the aws command line, AWS_CA_BUNDLE.
func (v *Server) Certificate() *x509.Certificate { return v.leaf }

// Config returns an SDK configuration for the Server: endpoint, region, credentials, and an HTTP client whose
// connections Close closes.
func (v *Server) Config() aws.Config {
	return aws.Config{
		Region:       v.service.config.Region,
		BaseEndpoint: aws.String(v.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		HTTPClient:   &http.Client{Transport: wholeBody{v.transport}},
	}
}

// Client returns an SDK client of the Server.
func (v *Server) Client() *kinesis.Client { return kinesis.NewFromConfig(v.Config()) }

// Close stops the Server: it breaks all connections, including those of hanging calls, and waits until all calls have
// ended. It may be called more than once.
func (v *Server) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.hangUp()
	_ = v.server.Close()
	v.serving.Wait()
	v.transport.CloseIdleConnections()
}

// counted makes Close wait for the calls.
func (v *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !v.enter() {
			panic(http.ErrAbortHandler)
		}
		defer v.serving.Done()
		next.ServeHTTP(w, r)
	})
}

// enter counts a call, unless the Server is closed.
func (v *Server) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return false
	}
	v.serving.Add(1)
	return true
}

// wholeBody passes requests to net/http with a body that is known to be in memory. Otherwise an answer before the
// body's end makes net/http drop the connection: https://github.com/aws/aws-sdk-go-v2/issues/2737.
type wholeBody struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t wholeBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return t.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body = io.NopCloser(bytes.NewReader(body))
	return t.next.RoundTrip(r)
}
