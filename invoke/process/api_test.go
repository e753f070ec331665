package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke/process"
)

// ask has the function ask its server something, and returns the status.
func ask(t *testing.T, f *process.Function, order string) (status int) {
	t.Helper()
	r, err := f.Invoke(t.Context(), invocation(order))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(r.Payload, &status), "%s", r.Payload)
	return status
}

func TestAPIRefusesWhatIsOutOfPlace(t *testing.T) {
	f := start(t, config("function"))
	for order, want := range map[string]int{
		"get /2018-06-01/runtime/invocation/next":     http.StatusForbidden, // it has an invocation
		"get /2018-06-01/runtime/restore/next":        http.StatusNotFound,
		"get /credentials":                            http.StatusNotFound,
		"get /":                                       http.StatusNotFound,
		"post invocation/another/response {}":         http.StatusBadRequest,
		"post invocation/another/error {}":            http.StatusBadRequest,
		"post invocation/another/else {}":             http.StatusNotFound,
		`post init/error {"errorMessage":"too late"}`: http.StatusForbidden,
	} {
		assert.Equal(t, want, ask(t, f, order), order)
	}
}

func TestAPIIsForItsProcessAlone(t *testing.T) {
	f := start(t, config("function"))
	r, err := f.Invoke(t.Context(), invocation("env"))
	require.NoError(t, err)
	var env []string
	require.NoError(t, json.Unmarshal(r.Payload, &env))
	var url string
	for _, kv := range env {
		if address, ok := cut(kv, "AWS_LAMBDA_RUNTIME_API="); ok {
			url = "http://" + address + "/2018-06-01/runtime/invocation/next"
		}
	}
	for name, change := range map[string]func(*http.Request){
		"a name that resolves to us": func(r *http.Request) { r.Host = "evil.example" },
		"a page in a browser":        func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		change(request)
		transport := &http.Transport{DisableKeepAlives: true}
		response, err := transport.RoundTrip(request)
		require.NoError(t, err, name)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusForbidden, response.StatusCode, name)
	}
}

func cut(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || text[:len(prefix)] != prefix {
		return "", false
	}
	return text[len(prefix):], true
}

func TestExtensionOfTheFunctionHasItToldOfItsEnd(t *testing.T) {
	var l logs
	cfg := config("sigterm")
	cfg.Logger = l.logger()
	f := start(t, cfg)
	call(t, f, "say")
	require.NoError(t, f.Close())
	for _, line := range l.find(t, "function output") {
		if line["line"] == "good night" {
			return
		}
	}
	assert.Fail(t, "the function did not learn that it ends", "%s", l.text.String())
}

// provider gives credentials that are new each time.
type provider struct {
	n   int
	err error
}

func (p *provider) Retrieve(context.Context) (aws.Credentials, error) {
	p.n++
	return aws.Credentials{
		AccessKeyID: "AKIA", SecretAccessKey: "secret", SessionToken: "token",
		CanExpire: p.n > 1, Expires: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}, p.err
}

func TestCredentialsAreHandedOverAndRenewed(t *testing.T) {
	cfg := config("function")
	p := &provider{}
	cfg.Credentials = p
	f := start(t, cfg)
	for want, expires := range []time.Time{1: time.Now().Add(time.Hour), 2: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if want == 0 {
			continue
		}
		r, err := f.Invoke(t.Context(), invocation("credentials"))
		require.NoError(t, err)
		require.Empty(t, r.FunctionError, "%s", r.Payload)
		var got aws.Credentials
		require.NoError(t, json.Unmarshal(r.Payload, &got))
		assert.Equal(t, []string{"AKIA", "secret", "token"}, []string{got.AccessKeyID, got.SecretAccessKey, got.SessionToken})
		assert.True(t, got.CanExpire)
		assert.WithinDuration(t, expires, got.Expires, 10*time.Minute) // the SDK asks some minutes early
		assert.Equal(t, want, p.n)
	}
	assert.Equal(t, http.StatusUnauthorized, ask(t, f, "get /credentials"))
}

func TestCredentialsThatCannotBeRetrievedAreTheFunctionsError(t *testing.T) {
	cfg := config("function")
	cfg.Credentials = &provider{err: errors.New("role is gone")}
	cfg.Environment["AWS_MAX_ATTEMPTS"] = "1"
	_, document := fail(t.Context(), t, start(t, cfg), "credentials")
	assert.Contains(t, document, "The credentials could not be retrieved")
	assert.NotContains(t, document, "role is gone", "which is for the log")
}

func TestEnvironmentMayNotHideCredentials(t *testing.T) {
	cfg := config("function")
	cfg.Credentials = &provider{}
	cfg.Environment["AWS_ACCESS_KEY_ID"] = "AKIA"
	_, err := process.New(cfg)
	require.EqualError(t, err, "process: Environment has AWS_ACCESS_KEY_ID, which would hide Credentials")
}
