package sigv4_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzAuthorization finds no header that is taken for a signature, none that panics, and no long answer.
func FuzzAuthorization(f *testing.F) {
	good := update().sign(f).Header.Get("Authorization")
	for _, seed := range []string{
		"", good[:len(good)-1], "AWS4-HMAC-SHA256", "Bearer x", "Basic eDp5", "AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;;,Signature==",
		"AWS4-HMAC-SHA256 Credential=" + exampleKey + "/20260203/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
		strings.Repeat("host;", 900), strings.Repeat("a=,", 1300),
	} {
		f.Add(seed, "20260203T120000Z", "127.0.0.1:4711", "a=1&b=2", "x-other", "signed")
	}
	v := lambdaAt(f, noon)
	f.Fuzz(func(t *testing.T, authorization, date, host, query, name, value string) {
		r := &http.Request{
			Method: http.MethodGet, Host: host, URL: &url.URL{Path: "/" + value, RawPath: value, RawQuery: query},
			Header: http.Header{"Authorization": {authorization}, "X-Amz-Date": {date}, name: {value}},
		}
		refusal := v.Verify(r, nil)
		require.NotNil(t, refusal)
		require.Less(t, len(refusal.Message), 512)
	})
}

// TestBoundedWork gives the longest headers that there can be to a Verifier.
func TestBoundedWork(t *testing.T) {
	v := lambdaAt(t, noon)
	r := update().sign(t)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 SignedHeaders="+strings.Repeat("host;", 1<<18))
	allocs := testing.AllocsPerRun(10, func() { refused(t, v, r, "") })
	require.Less(t, allocs, 100.0)
}
