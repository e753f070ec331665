package sigv4_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/registry/internal/sigv4"
)

// The key of AWS's published examples.
const (
	exampleKey    = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// TestPublishedVectors verifies requests that AWS published with their signatures: those of the test suite for Signature
// Version 4 that are requests over HTTP (a path with a space in it is none) with a path in its short form, and the one of
// the IAM User Guide. They are read as a server reads them.
func TestPublishedVectors(t *testing.T) {
	const suite = "Host:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\n"
	for _, v := range []struct {
		name, request, body, headers, signature string
		service                                 string // the suite's "service" if empty
	}{
		{
			name: "get-vanilla", request: "GET / HTTP/1.1\n" + suite,
			signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		{
			name: "get-vanilla-query", request: "GET /?Param2=value2&Param1=value1 HTTP/1.1\n" + suite,
			signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		{
			name: "get-vanilla-query-unreserved",
			request: "GET /?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=" +
				"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz HTTP/1.1\n" + suite,
			signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
		},
		{
			name: "get-vanilla-utf8-query", request: "GET /?ሴ=bar HTTP/1.1\n" + suite,
			signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
		},
		{
			name: "get-vanilla-empty-query-key", request: "GET /?Param1=value1 HTTP/1.1\n" + suite,
			signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
		},
		{
			name:      "get-unreserved",
			request:   "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz HTTP/1.1\n" + suite,
			signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
		},
		{
			name: "get-utf8", request: "GET /ሴ HTTP/1.1\n" + suite,
			signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
		},
		{
			name: "get-header-key-duplicate", headers: "host;my-header1;x-amz-date",
			request:   "GET / HTTP/1.1\nMy-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\n" + suite,
			signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
		},
		{
			name: "get-header-value-order", headers: "host;my-header1;x-amz-date",
			request:   "GET / HTTP/1.1\nMy-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2\n" + suite,
			signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
		},
		{
			name: "get-header-value-trim", headers: "host;my-header1;my-header2;x-amz-date",
			request:   "GET / HTTP/1.1\nMy-Header1: value1\nMy-Header2: \"a   b   c\"\n" + suite,
			signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
		},
		{
			name: "post-vanilla", request: "POST / HTTP/1.1\n" + suite,
			signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
		},
		{
			name: "post-vanilla-query", request: "POST /?Param1=value1 HTTP/1.1\n" + suite,
			signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
		},
		{
			name: "post-header-key-sort", headers: "host;my-header1;x-amz-date",
			request:   "POST / HTTP/1.1\nMy-Header1:value1\n" + suite,
			signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
		},
		{
			name: "post-header-value-case", headers: "host;my-header1;x-amz-date",
			request:   "POST / HTTP/1.1\nMy-Header1:VALUE1\n" + suite,
			signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
		},
		{
			name: "post-x-www-form-urlencoded", headers: "content-type;host;x-amz-date", body: "Param1=value1",
			request:   "POST / HTTP/1.1\nContent-Type:application/x-www-form-urlencoded\nContent-Length: 13\n" + suite,
			signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
		},
		{
			name: "the User Guide's ListUsers", service: "iam", headers: "content-type;host;x-amz-date",
			request: "GET /?Action=ListUsers&Version=2010-05-08 HTTP/1.1\nHost: iam.amazonaws.com\n" +
				"Content-Type: application/x-www-form-urlencoded; charset=utf-8\nX-Amz-Date: 20150830T123600Z\n",
			signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			if v.headers == "" {
				v.headers = "host;x-amz-date"
			}
			if v.service == "" {
				v.service = "service"
			}
			verifier := example(t, v.service, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
			authorization := "AWS4-HMAC-SHA256 Credential=" + exampleKey + "/20150830/us-east-1/" + v.service +
				"/aws4_request, SignedHeaders=" + v.headers + ", Signature="
			r := parse(t, v.request, authorization+v.signature, v.body)
			assert.Nil(t, verifier.Verify(r, []byte(v.body)))

			wrong := parse(t, v.request, authorization+strings.Repeat("0", 64), v.body)
			refusal := verifier.Verify(wrong, []byte(v.body))
			require.NotNil(t, refusal)
			assert.Equal(t, sigv4.CodeInvalid, refusal.Code)
		})
	}
}

// TestPublishedVectorDatedByDate verifies the first vector of the suite of 2011, whose requests have no X-Amz-Date.
func TestPublishedVectorDatedByDate(t *testing.T) {
	verifier := example(t, "host", time.Date(2011, 9, 9, 23, 36, 0, 0, time.UTC))
	r := parse(t, "GET / HTTP/1.1\nDate:Mon, 09 Sep 2011 23:36:00 GMT\nHost:host.foo.com\n",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20110909/us-east-1/host/aws4_request, SignedHeaders=date;host, "+
			"Signature=b27ccfbfa7df52a200ff74193ca6e32d4b48b8856fab7ebf1c595d0670a7e470", "")
	assert.Nil(t, verifier.Verify(r, nil))
}

// TestPublishedVectorWithToken gets as far as the token, which is looked at last.
func TestPublishedVectorWithToken(t *testing.T) {
	const token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt" +
		"hAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d" +
		"+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
	verifier := example(t, "service", time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
	r := parse(t, "POST / HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\nX-Amz-Security-Token:"+token+"\n",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "+
			"SignedHeaders=host;x-amz-date;x-amz-security-token, "+
			"Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead", "")
	refusal := verifier.Verify(r, nil)
	require.NotNil(t, refusal)
	assert.Equal(t, sigv4.CodeUnrecognized, refusal.Code)
}

// TestHeadersThatTheSDKDoesNotSign verifies what other clients sign, the SDK for Java among them. The signature was made
// from the documented algorithm with another language's library.
func TestHeadersThatTheSDKDoesNotSign(t *testing.T) {
	r := parse(t, "DELETE /2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Aevent-source-mapping%3Ax?tagKeys=c+d&tagKeys=a%2Bb HTTP/1.1\n"+
		"Amz-Sdk-Retry: 0/0/500\nContent-Length: 0\nExpect: 100-continue\nHost: 127.0.0.1:4711\nTransfer-Test:  a   b\n"+
		"User-Agent: aws-sdk-java/1.12 Linux\nX-Amz-Date: 20260203T120000Z\nX-Amzn-Trace-Id: Root=1\n",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260203/eu-west-1/lambda/aws4_request, "+
			"SignedHeaders=amz-sdk-retry;content-length;expect;host;transfer-test;user-agent;x-amz-date;x-amzn-trace-id, "+
			"Signature=fcf3a90b7b44fac8f760af19640e24151bb0bb7eebc682646791a3e4c9e0f127", "")
	assert.Nil(t, lambdaAt(t, noon).Verify(r, nil))

	r.Header.Set("User-Agent", "other")
	refused(t, lambdaAt(t, noon), r, "")
}

// example returns a Verifier with the published key, at a time.
func example(t testing.TB, service string, at time.Time) *sigv4.Verifier {
	t.Helper()
	v, err := sigv4.New(sigv4.Config{
		Keys:    map[string]string{exampleKey: exampleSecret},
		Service: service,
		Now:     func() time.Time { return at },
	})
	require.NoError(t, err)
	return v
}

// parse reads a request as a server does. head has its lines up to the empty one.
func parse(t testing.TB, head, authorization, body string) *http.Request {
	t.Helper()
	text := strings.ReplaceAll(head+"Authorization: "+authorization+"\n\n", "\n", "\r\n") + body
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, r.Body)
	require.NoError(t, err)
	return r
}
