package sigv4_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/registry/internal/sigv4"
)

const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// TestRefusals compares all answers letter by letter.
func TestRefusals(t *testing.T) {
	const dated = "X-Amz-Date"
	authorize := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	replace := func(old, with string) func(*http.Request) {
		return func(r *http.Request) { setAuthorization(r, old, with) }
	}
	for _, c := range []struct {
		name    string
		change  func(*http.Request)
		code    string
		message string
	}{
		{
			"no header", func(r *http.Request) { r.Header.Del("Authorization") },
			sigv4.CodeMissing, "Missing Authentication Token",
		},
		{"empty header", authorize(" "), sigv4.CodeMissing, "Missing Authentication Token"},
		{"presigned", func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
		}, sigv4.CodeInvalid, "Signatures in the query string are not supported: sign the request in the Authorization header."},
		{
			"presigned as well", func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Algorithm=AWS4-HMAC-SHA256" },
			sigv4.CodeInvalid, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
		},
		{
			"two headers", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) },
			sigv4.CodeIncomplete, "The request has more than one Authorization header.",
		},
		{"algorithm alone", func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256")
			r.Header.Del(dated)
		}, sigv4.CodeIncomplete, "Authorization header requires 'Credential' parameter. " +
			"Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " +
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{"no Signature", replace("Signature=", "Sig="), sigv4.CodeIncomplete, "Authorization header requires 'Signature' parameter."},
		{
			"empty SignedHeaders", replace("SignedHeaders=", "SignedHeaders= x="),
			sigv4.CodeIncomplete, "Authorization header requires 'SignedHeaders' parameter.",
		},
		{
			"a token", authorize("Bearer eyJhbGciOi"),
			sigv4.CodeIncomplete, "Invalid key=value pair (missing equal-sign) in Authorization header.",
		},
		{
			"a parameter twice", replace("Signature=", "Signature=00, Signature="),
			sigv4.CodeIncomplete, "The Authorization header has a parameter twice.",
		},
		{
			"SigV4a", replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
			sigv4.CodeIncomplete, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). ",
		},
		{
			"an algorithm that may be a secret", replace("AWS4-HMAC-SHA256", exampleSecret),
			sigv4.CodeIncomplete, "Unsupported AWS 'algorithm' (only AWS4-HMAC-SHA256 for now). ",
		},
		{
			"a long algorithm", replace("AWS4-HMAC-SHA256", "AWS4-"+exampleSecret),
			sigv4.CodeIncomplete, "Unsupported AWS 'algorithm' (only AWS4-HMAC-SHA256 for now). ",
		},
		{
			"too long", replace("Signature=", "Extra="+strings.Repeat("x", 4096)+", Signature="),
			sigv4.CodeIncomplete, "The Authorization header is too long.",
		},
		{
			"two dates", func(r *http.Request) { r.Header.Add(dated, r.Header.Get(dated)) },
			sigv4.CodeIncomplete, "The request has more than one date.",
		},
		{
			"a date in another form", func(r *http.Request) { r.Header.Set(dated, "Tue, 03 Feb 2026 12:00:00 GMT") },
			sigv4.CodeIncomplete, "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601",
		},
		{
			"headers out of order", replace("SignedHeaders=", "SignedHeaders=x;"), sigv4.CodeIncomplete,
			"'SignedHeaders' must be names in lower case, in order, without duplicates.",
		},
		{
			"headers twice", replace(";host;", ";host;host;"), sigv4.CodeIncomplete,
			"'SignedHeaders' must be names in lower case, in order, without duplicates.",
		},
		{
			"headers in upper case", replace("=content-length;", "=Content-Length;"), sigv4.CodeIncomplete,
			"'SignedHeaders' must be names in lower case, in order, without duplicates.",
		},
		{
			"Credential of six", replace("Credential=", "Credential="+exampleSecret[:6]+"/"), sigv4.CodeIncomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
		},
		{
			"another service, terminator and day, and no region", replace("20260203/us-east-1/lambda/aws4_request", "20260204//s3/aws4"),
			sigv4.CodeInvalid, "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'lambda'. " +
				"Credential should be scoped with a valid terminator: 'aws4_request'. " +
				"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP. ",
		},
		{
			"another service", replace("/lambda/", "/Lambda/"),
			sigv4.CodeInvalid, "Credential should be scoped to correct service: 'lambda'. ",
		},
		{
			"Host unsigned", replace(";host", ""),
			sigv4.CodeInvalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
		},
		{
			"date unsigned", replace(";x-amz-date", ""),
			sigv4.CodeInvalid, "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.",
		},
		{
			"a header of AWS's unsigned", func(r *http.Request) { r.Header.Set("X-Amz-New", "1") },
			sigv4.CodeInvalid, "'X-Amz-New' must be a 'SignedHeader' in the AWS Authorization.",
		},
		{
			"a header with a long name", func(r *http.Request) { r.Header.Set("X-Amz-"+strings.Repeat("n", 1000), "1") },
			sigv4.CodeInvalid, "'X-Amz-N" + strings.Repeat("n", 57) + "' must be a 'SignedHeader' in the AWS Authorization.",
		},
		{"a signed header gone", func(r *http.Request) { r.Header.Del("X-Other") }, sigv4.CodeInvalid, mismatch},
		{
			"unknown key", replace(exampleKey, "AKIDOTHER"),
			sigv4.CodeUnrecognized, "The security token included in the request is invalid.",
		},
		{
			"another body's hash", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "00") },
			sigv4.CodeInvalid, "The provided 'x-amz-content-sha256' header does not match what was computed.",
		},
		{
			"no body's hash", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
			sigv4.CodeInvalid, "The provided 'x-amz-content-sha256' header does not match what was computed.",
		},
		{"no signature of that length", replace("Signature=", "Signature=0"), sigv4.CodeInvalid, mismatch},
		{
			"malformed query", func(r *http.Request) { r.URL.RawQuery += "&c=1;d=2" },
			sigv4.CodeInvalid, "The query string is malformed.",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := lambdaAt(t, noon)
			r := update().sign(t)
			require.Nil(t, v.Verify(r, []byte(update().body)))
			c.change(r)
			assert.Equal(t, sigv4.Refusal{Code: c.code, Status: 403, Message: c.message}, refused(t, v, r, update().body))
		})
	}
}

// TestDateWithoutAmzDateMustBeSigned refuses a Date that one could change, before the signature is looked at.
func TestDateWithoutAmzDateMustBeSigned(t *testing.T) {
	r := update().sign(t)
	r.Header.Set("Date", noon.Format(http.TimeFormat))
	r.Header.Del("X-Amz-Date")
	setAuthorization(r, ";x-amz-date", "")
	assert.Equal(t, "'Date' must be a 'SignedHeader' in the AWS Authorization.", refused(t, lambdaAt(t, noon), r, update().body).Message)
}

// TestRefusedSignatures are well formed, and made with what is not ours.
func TestRefusedSignatures(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(*draft)
		code, message string
	}{
		"another secret": {func(d *draft) { d.secret = "other" }, sigv4.CodeInvalid, mismatch},
		"another service": {
			func(d *draft) { d.service = "kinesis" },
			sigv4.CodeInvalid, "Credential should be scoped to correct service: 'lambda'. ",
		},
		"a session": {
			func(d *draft) { d.token = "token" },
			sigv4.CodeUnrecognized, "The security token included in the request is invalid.",
		},
		"a session and another secret": {func(d *draft) { d.token, d.secret = "token", "other" }, sigv4.CodeInvalid, mismatch},
	} {
		t.Run(name, func(t *testing.T) {
			d := update()
			c.change(&d)
			got := refused(t, lambdaAt(t, noon), d.sign(t), d.body)
			assert.Equal(t, sigv4.Refusal{Code: c.code, Status: 403, Message: c.message}, got)
		})
	}
}

// TestWindow accepts 5 min either way and not a second more.
func TestWindow(t *testing.T) {
	for name, c := range map[string]struct {
		after   time.Duration // of the signature
		message string
	}{
		"at once":                 {0, ""},
		"5 min later":             {5 * time.Minute, ""},
		"5 min earlier":           {-5 * time.Minute, ""},
		"a second more":           {301 * time.Second, "Signature expired: 20260203T120000Z is now earlier than 20260203T120001Z (20260203T120501Z - 5 min.)"},
		"a second more, earlier":  {-301 * time.Second, "Signature not yet current: 20260203T120000Z is still later than 20260203T115959Z (20260203T115459Z + 5 min.)"},
		"a part of a second more": {5*time.Minute + 1, "Signature expired: 20260203T120000Z is now earlier than 20260203T120000Z (20260203T120500Z - 5 min.)"},
	} {
		t.Run(name, func(t *testing.T) {
			v, r := lambdaAt(t, noon.Add(c.after)), update().sign(t)
			if c.message == "" {
				assert.Nil(t, v.Verify(r, []byte(update().body)))
				return
			}
			assert.Equal(t, sigv4.Refusal{Code: sigv4.CodeInvalid, Status: 403, Message: c.message}, refused(t, v, r, update().body))
		})
	}
}

func TestConfigTellsAllViolationsAndNoSecret(t *testing.T) {
	_, err := sigv4.New(sigv4.Config{
		Keys: map[string]string{"": "s1", "a/b": "s2", "AKIDEMPTY": ""},
		Skew: time.Hour,
	})
	assert.EqualError(t, err, `sigv4: Keys has "": an access key is not empty and has none of / = , ; and space
sigv4: the secret of "AKIDEMPTY" in Keys is empty
sigv4: Keys has "a/b": an access key is not empty and has none of / = , ; and space
sigv4: Skew is 1h0m0s: must be between 1s and 15m0s`)
}

// TestKeysAreCopied and a Verifier without any refuses everybody.
func TestKeysAreCopied(t *testing.T) {
	keys := map[string]string{}
	v, err := sigv4.New(sigv4.Config{Keys: keys, Now: func() time.Time { return noon }})
	require.NoError(t, err)
	keys[exampleKey] = exampleSecret
	assert.Equal(t, sigv4.CodeUnrecognized, refused(t, v, update().sign(t), update().body).Code)
}
