package serve

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bound is a listener that has an address and nothing else.
type bound struct {
	net.Listener
	address net.Addr
}

func (b bound) Addr() net.Addr { return b.address }

func at(ip string) bound { return bound{address: &net.TCPAddr{IP: net.ParseIP(ip), Port: 80}} }

func TestNobodyIsServedByAccident(t *testing.T) {
	keys := []key{{"AKID", "s"}}
	signed, open := access{credentials: map[string]string{"AKID": "s"}}, access{unsigned: true}
	for _, c := range []struct {
		ip    string
		keys  []key
		allow bool
		want  access
	}{
		{"127.0.0.1", nil, false, open},
		{"127.3.2.1", nil, false, open},
		{"::1", nil, false, open},
		{"127.0.0.1", keys, false, signed},
		{"127.0.0.1", keys, true, open},
		{"0.0.0.0", keys, false, signed},
		{"::", keys, false, signed},
		{"10.0.0.1", keys, true, open},
		{"10.0.0.1", nil, true, open},
	} {
		got, err := decideAccess(at(c.ip), c.keys, c.allow, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%+v", c)
	}
	for _, ip := range []string{"0.0.0.0", "::", "10.0.0.1", "169.254.1.1"} {
		_, err := decideAccess(at(ip), nil, false, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "there is no key to verify their requests", ip)
	}
	assert.False(t, isLoopback(bound{address: &net.UnixAddr{Name: "x"}}))
}

func TestNamesThatAnybodyCanHaveAreRefused(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:4580": true, "127.0.0.1": true, "[::1]:4580": true, "::1": true, "localhost:4580": true, "LocalHost": true, "localhost.": true,
		"10.1.2.3:80": true, "mappings.internal:4580": true, "MAPPINGS.internal": true,
		"": false, "evil.example": false, "127.0.0.1.evil.example:4580": false, "localhost.evil.example": false, "evil.example:127": false,
		"127.0.0.1@evil.example": false, "mappings.internal.evil.example": false, "127.1": false,
	} {
		assert.Equal(t, want, isKnown(host, []string{"mappings.internal"}), host)
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Host = host
		knownHosts(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), []string{"mappings.internal"}).ServeHTTP(w, r)
		if want {
			assert.Equal(t, http.StatusNoContent, w.Code, host)
		} else {
			assert.Equal(t, http.StatusForbidden, w.Code, host)
			assert.Equal(t, "AccessDeniedException", w.Header().Get("X-Amzn-Errortype"))
			assert.NotEmpty(t, w.Header().Get("X-Amzn-Requestid"))
			assert.JSONEq(t, `{"message":"This server is not known by the name in the Host header."}`, w.Body.String())
		}
	}
}
