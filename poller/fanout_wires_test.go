package poller_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// wires are connections that can be cut: what is written is lost, and nothing comes any more, but nobody is told.
type wires struct {
	mu    sync.Mutex
	conns []*wire
	read  atomic.Int64 // bytes
}

type wire struct {
	net.Conn
	all *wires
	cut chan struct{}
	end chan struct{}
	one sync.Once
}

func (ws *wires) add(c net.Conn) net.Conn {
	w := &wire{Conn: c, all: ws, cut: make(chan struct{}), end: make(chan struct{})}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.conns = append(ws.conns, w)
	return w
}

func (ws *wires) count() int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.conns)
}

// cutAll cuts all connections that there are.
func (ws *wires) cutAll() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.conns {
		close(w.cut)
		_ = w.Conn.Close()
	}
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.all.read.Add(int64(n))
	select {
	case <-w.cut:
		<-w.end
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (w *wire) Write(b []byte) (int, error) {
	select {
	case <-w.cut:
		return len(b), nil
	default:
		return w.Conn.Write(b)
	}
}

func (w *wire) Close() error {
	w.one.Do(func() { close(w.end) })
	return w.Conn.Close()
}

// pipedHTTP2 returns a client that speaks HTTP/2 to a service over net.Pipe.
func pipedHTTP2(t testing.TB, service *kinesistest.Service, ws *wires) *kinesis.Client {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	accept := make(chan net.Conn)
	ctx, stop := context.WithCancel(context.Background())
	server := &http.Server{Handler: service.Handler(), Protocols: &protocols, BaseContext: func(net.Listener) context.Context { return ctx }}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(acceptor{accept, ctx}) })
	transport := &http.Transport{Protocols: &protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case accept <- far:
			return ws.add(near), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() {
		stop()
		_ = server.Close()
		serving.Wait()
		transport.CloseIdleConnections()
		ws.mu.Lock()
		defer ws.mu.Unlock()
		for _, w := range ws.conns {
			_ = w.Close()
		}
	})
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.invalid"), HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// acceptor is a listener of connections that are given to it.
type acceptor struct {
	conns chan net.Conn
	ctx   context.Context //nolint:containedctx // of a test
}

func (a acceptor) Accept() (net.Conn, error) {
	select {
	case c := <-a.conns:
		return c, nil
	case <-a.ctx.Done():
		return nil, net.ErrClosed
	}
}
func (a acceptor) Close() error   { return nil }
func (a acceptor) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// overTLS returns a client that speaks HTTP/2 over TLS to a server, and counts its connections.
func overTLS(t testing.TB, server *kinesistest.Server, ws *wires) *kinesis.Client {
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	transport := &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return ws.add(c), nil
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := server.Config()
	cfg.HTTPClient = &http.Client{Transport: transport}
	return kinesis.NewFromConfig(cfg)
}
