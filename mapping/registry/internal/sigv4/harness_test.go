package sigv4_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/mapping/registry/internal/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the requests of these tests are made, unless they are made now.
var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

// lambdaAt returns a Verifier for Lambda with the published key.
func lambdaAt(t testing.TB, at time.Time) *sigv4.Verifier { return example(t, "lambda", at) }

// draft is a request before it is signed.
type draft struct {
	method, target, body string
	header               http.Header
	secret, token        string
	service, region      string
	at                   time.Time
}

// update is a draft with something of everything.
func update() draft {
	return draft{
		method: http.MethodPut,
		target: "http://127.0.0.1:4711/2015-03-31/event-source-mappings/14e0db71-5d35-4eb5-b481-8945cf9d10c2?a=1&b=2",
		body:   `{"Enabled":false}`,
		header: http.Header{"Content-Type": {"application/json"}, "X-Amz-Extra": {"one", "two"}, "X-Other": {"signed"}, "X-Void": {""}},
		secret: exampleSecret, service: "lambda", region: "us-east-1", at: noon,
	}
}

// sign signs d with the SDK's signer, sends it, and returns what a server reads.
func (d draft) sign(t require.TestingT) *http.Request {
	r, err := http.NewRequest(d.method, d.target, strings.NewReader(d.body))
	require.NoError(t, err)
	r.Header = d.header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	sum := sha256.Sum256([]byte(d.body))
	credentials := aws.Credentials{AccessKeyID: exampleKey, SecretAccessKey: d.secret, SessionToken: d.token}
	require.NoError(t, v4.NewSigner().SignHTTP(
		r.Context(), credentials, r, hex.EncodeToString(sum[:]), d.service, d.region, d.at))
	var wire bytes.Buffer
	require.NoError(t, r.Write(&wire))
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	require.NoError(t, err)
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, d.body, string(body))
	return got
}

// refused returns why a request is refused. It checks that the text has nothing secret.
func refused(t require.TestingT, v *sigv4.Verifier, r *http.Request, body string) sigv4.Refusal {
	refusal := v.Verify(r, []byte(body))
	require.NotNil(t, refusal, "%s %s %v", r.Method, r.URL, r.Header)
	require.Equal(t, http.StatusForbidden, refusal.Status)
	require.NotContains(t, refusal.Message, exampleSecret)
	if _, signature, ok := strings.Cut(r.Header.Get("Authorization"), "Signature="); ok && len(signature) >= 64 {
		require.NotContains(t, refusal.Message, signature[:64])
	}
	return *refusal
}

// server is a handler that verifies as the control plane does, and remembers what it was asked for.
type server struct {
	verifier *sigv4.Verifier

	mu      sync.Mutex
	targets []string
}

// serve starts a server, below /prefix as well.
func serve(t testing.TB, keys map[string]string) (*server, string) {
	t.Helper()
	v, err := sigv4.New(sigv4.Config{Keys: keys})
	require.NoError(t, err)
	s := &server{verifier: v}
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.Handle("/prefix/", http.StripPrefix("/prefix", s))
	listener := httptest.NewServer(mux)
	t.Cleanup(listener.Close)
	return s, listener.URL
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if refusal := s.verifier.Verify(r, body); refusal != nil {
		w.Header().Set("X-Amzn-Errortype", refusal.Code)
		w.WriteHeader(refusal.Status)
		fmt.Fprintf(w, `{"message":%q}`, refusal.Message)
		return
	}
	s.mu.Lock()
	s.targets = append(s.targets, r.Method+" "+r.RequestURI)
	s.mu.Unlock()
	fmt.Fprint(w, "{}")
}

// asked returns what was asked for since it was last called.
func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.targets
	s.targets = nil
	return got
}

// setAuthorization replaces a part of the header by another.
func setAuthorization(r *http.Request, old, with string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
}

// retarget changes what a request asks for, as if it had come so.
func retarget(t require.TestingT, r *http.Request, target string) {
	u, err := url.ParseRequestURI(target)
	require.NoError(t, err)
	r.RequestURI, r.URL = target, u
}
