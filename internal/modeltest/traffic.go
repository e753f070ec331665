package modeltest

import (
	"io/fs"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/shardmill/shardmill/internal/rig"
)

// traffic checks requests to any service: each against the model of the service that its signature names.
type traffic struct {
	t    testing.TB
	data fs.FS

	mu       sync.Mutex
	checkers map[string]*Checker
}

// scope is where a signature names the service that it is for.
var scope = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/([a-z0-9]+)/aws4_request`)

// checker returns that of a request's service, or nil for a request without a signature.
func (v *traffic) checker(r *http.Request) *Checker {
	found := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	if found == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.checkers[found[1]]
	if c == nil {
		c = newChecker(v.t, find(v.t, v.data, found[1]))
		v.checkers[found[1]] = c
	}
	return c
}

func newTraffic(t testing.TB) (*traffic, bool) {
	t.Helper()
	data, ok := rig.FindBotocore(t)
	return &traffic{t: t, data: data, checkers: map[string]*Checker{}}, ok
}

// WatchRequests returns a handler that checks what next is asked for, be next one service or several. Answers are not looked at:
// they are a stub's. Without botocore it returns next, as Watch does.
func WatchRequests(t testing.TB, next http.Handler) http.Handler {
	t.Helper()
	v, ok := newTraffic(t)
	if !ok {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := v.checker(r); c != nil {
			checked, _, err := c.sent(r)
			if err != nil {
				return // the client has gone
			}
			r = checked
		}
		next.ServeHTTP(w, r)
	})
}

// WatchConfig returns config with an HTTP client that checks the requests of all clients that are made of it. Without botocore
// it returns config as it is.
func WatchConfig(t testing.TB, config aws.Config) aws.Config {
	t.Helper()
	v, ok := newTraffic(t)
	if !ok {
		return config
	}
	if config.HTTPClient == nil {
		config.HTTPClient = awshttp.NewBuildableClient()
	}
	config.HTTPClient = client{v, config.HTTPClient}
	return config
}

type client struct {
	*traffic
	next aws.HTTPClient
}

// Do implements aws.HTTPClient.
func (c client) Do(r *http.Request) (*http.Response, error) {
	if checker := c.checker(r); checker != nil {
		checked, _, err := checker.sent(r)
		if err != nil {
			return nil, err
		}
		r = checked
	}
	return c.next.Do(r)
}
