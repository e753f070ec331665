package transit_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/invoke/internal/transit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post returns how far a request came.
func post(t *testing.T, client *http.Client, url string) (*transit.Request, error) {
	t.Helper()
	ctx, r := transit.Follow(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("event"))
	require.NoError(t, err)
	response, err := client.Do(req)
	if err == nil {
		require.NoError(t, response.Body.Close())
	}
	return r, err
}

func TestRequestThatFindsNobodyIsNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	r, err := post(t, &http.Client{Transport: &http.Transport{}}, "http://"+l.Addr().String())
	require.Error(t, err)
	assert.False(t, r.Sent())
	assert.False(t, r.Stale(err))
}

func TestConnectionThatIsLostAfterTheRequest(t *testing.T) {
	var lose atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if lose.Load() {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, c := range []struct{ lose, stale bool }{{lose: false}, {lose: true, stale: true}, {lose: true}} {
		lose.Store(c.lose)
		r, err := post(t, client, server.URL)
		assert.Equal(t, c.lose, err != nil, "%v", err)
		assert.True(t, r.Sent())
		assert.Equal(t, c.stale, r.Stale(err), "a connection is stale only if it was used before, and gave no answer")
	}
}

func TestTimeoutDoesNotMakeAConnectionStale(t *testing.T) {
	end := make(chan struct{})
	var slow atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if slow.Load() {
			<-end
		}
	}))
	defer server.Close()
	defer close(end)
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 200 * time.Millisecond}}
	defer client.CloseIdleConnections()
	_, err := post(t, client, server.URL)
	require.NoError(t, err)
	slow.Store(true)
	r, err := post(t, client, server.URL)
	require.Error(t, err)
	assert.True(t, r.Sent())
	assert.False(t, r.Stale(err))
}
