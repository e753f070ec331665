package sigv4_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardmill/shardmill/mapping/registry/internal/sigv4"
)

// TestTampering changes each part of a good request in turn.
func TestTampering(t *testing.T) {
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, change := range map[string]func(*http.Request){
		"method":                   func(r *http.Request) { r.Method = http.MethodDelete },
		"path":                     func(r *http.Request) { retarget(t, r, strings.Replace(r.RequestURI, "9d10c2", "9d10c3", 1)) },
		"path with a slash":        func(r *http.Request) { retarget(t, r, strings.Replace(r.RequestURI, "?", "/?", 1)) },
		"path with two slashes":    func(r *http.Request) { retarget(t, r, strings.Replace(r.RequestURI, "mappings/", "mappings//", 1)) },
		"path with a dot":          func(r *http.Request) { retarget(t, r, strings.Replace(r.RequestURI, "mappings/", "mappings/./", 1)) },
		"path escaped":             func(r *http.Request) { retarget(t, r, strings.Replace(r.RequestURI, "mappings/", "mappings%2F", 1)) },
		"path rewritten":           func(r *http.Request) { r.URL.Path = "/2015-03-31/event-source-mappings/" },
		"query rewritten":          func(r *http.Request) { r.URL.RawQuery = "a=1" },
		"path raw only":            func(r *http.Request) { r.URL.RawPath, r.URL.Path = r.URL.Path, "/" },
		"query value":              func(r *http.Request) { requery(t, r, "a=2&b=2") },
		"query name":               func(r *http.Request) { requery(t, r, "A=1&b=2") },
		"query values swapped":     func(r *http.Request) { requery(t, r, "a=2&b=1") },
		"query longer":             func(r *http.Request) { requery(t, r, r.URL.RawQuery+"&c") },
		"query shorter":            func(r *http.Request) { requery(t, r, "a=1") },
		"query twice":              func(r *http.Request) { requery(t, r, r.URL.RawQuery+"&a=1") },
		"Host":                     func(r *http.Request) { r.Host = "127.0.0.1:4712" },
		"Host without port":        func(r *http.Request) { r.Host = "127.0.0.1" },
		"date":                     set("X-Amz-Date", "20260203T120001Z"),
		"Content-Type":             set("Content-Type", "text/plain"),
		"Content-Length":           set("Content-Length", "18"),
		"header":                   set("X-Other", "Signed"),
		"empty header gone":        func(r *http.Request) { r.Header.Del("X-Void") },
		"header gone":              func(r *http.Request) { r.Header.Del("X-Other") },
		"header added":             set("X-Amz-Target", "other"),
		"header longer":            func(r *http.Request) { r.Header.Add("X-Other", "") },
		"header's values swapped":  func(r *http.Request) { r.Header["X-Amz-Extra"] = []string{"two", "one"} },
		"access key":               func(r *http.Request) { setAuthorization(r, exampleKey, "AKIDSECOND") },
		"region":                   func(r *http.Request) { setAuthorization(r, "us-east-1", "us-east-2") },
		"scope's date":             func(r *http.Request) { setAuthorization(r, "20260203", "20260202") },
		"signature":                func(r *http.Request) { flip(r, 20) },
		"signature in upper case":  func(r *http.Request) { upperSignature(r) },
		"signed headers fewer":     func(r *http.Request) { setAuthorization(r, ";x-other", "") },
		"signed headers more":      func(r *http.Request) { setAuthorization(r, ";x-other", ";x-other;zz"); r.Header.Set("Zz", "") },
		"body's hash of no header": set("X-Amz-Content-Sha256", strings.Repeat("0", 64)),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := sigv4.New(sigv4.Config{
				Keys: map[string]string{exampleKey: exampleSecret, "AKIDSECOND": "second"},
				Now:  func() time.Time { return noon },
			})
			require.NoError(t, err)
			r := update().sign(t)
			require.Nil(t, v.Verify(r, []byte(update().body)))
			change(r)
			refused(t, v, r, update().body)
		})
	}
	v, r := lambdaAt(t, noon), update().sign(t)
	for _, body := range []string{"", `{"Enabled":true}`, update().body + " "} {
		assert.Equal(t, sigv4.Refusal{Code: sigv4.CodeInvalid, Status: 403, Message: mismatch}, refused(t, v, r, body))
	}
}

func upperSignature(r *http.Request) {
	head, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	r.Header.Set("Authorization", head+"Signature="+strings.ToUpper(signature))
}

// requery changes the query of a request, as if it had come so.
func requery(t require.TestingT, r *http.Request, query string) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	retarget(t, r, path+"?"+query)
}

// flip changes one digit of the signature.
func flip(r *http.Request, digit int) {
	head, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	b := []byte(signature)
	b[digit] ^= 1
	r.Header.Set("Authorization", head+"Signature="+string(b))
}

// TestWhatMayChange is not under the signature, or means the same.
func TestWhatMayChange(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"an agent":                   func(r *http.Request) { r.Header.Set("User-Agent", "other") },
		"a header of a proxy":        func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") },
		"a trace":                    func(r *http.Request) { r.Header.Set("X-Amzn-Trace-Id", "Root=1") },
		"the body's hash, unsigned":  func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", hashOfUpdate) },
		"the query in another order": func(r *http.Request) { requery(t, r, "b=2&a=1") },
		"the query escaped":          func(r *http.Request) { requery(t, r, "%61=%31&b=2") },
		"spaces around a value":      func(r *http.Request) { r.Header.Set("X-Other", "  signed ") },
		"no spaces between the parts": func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := update().sign(t)
			change(r)
			assert.Nil(t, lambdaAt(t, noon).Verify(r, []byte(update().body)))
		})
	}
}

// hashOfUpdate is the SHA-256 of the body of update.
const hashOfUpdate = "fb93a9e022dd8c388e7fa5ffd4cf559d37e71906cd9ecf2c15fc0016f79d3aba"

// TestSignerAgrees signs requests of all kinds with the SDK's signer, and then changes a byte of one.
func TestSignerAgrees(t *testing.T) {
	v := lambdaAt(t, noon)
	text := rapid.StringOf(rapid.SampledFrom([]rune("ab/.~-_ %+&=;?#:@!$'()*,[]{}|\\^`<>\"ü€😀\x00\n")))
	value := rapid.StringMatching(`[ a-z,;="\\]{0,12}`)
	name := rapid.StringMatching(`X-(Amz-|Amzn-|)[A-Z][a-z]{2}`)
	rapid.Check(t, func(t *rapid.T) {
		u := url.URL{Scheme: "http", Host: "localhost:8080", Path: "/" + text.Draw(t, "path")}
		u.RawPath = strings.ReplaceAll(url.PathEscape(u.Path[1:]), "%2F", rapid.SampledFrom([]string{"/", "%2F"}).Draw(t, "slash"))
		u.RawPath = "/" + u.RawPath
		u.RawQuery = url.Values(rapid.MapOfN(text, rapid.SliceOfN(text, 0, 3), 0, 3).Draw(t, "query")).Encode()
		d := draft{
			method: rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "method"),
			target: u.String(), body: text.Draw(t, "body"),
			header: http.Header(rapid.MapOfN(name, rapid.SliceOfN(value, 1, 3), 0, 3).Draw(t, "headers")),
			secret: exampleSecret, service: "lambda", at: noon,
			region: rapid.SampledFrom([]string{"us-east-1", "eu-central-1", "local"}).Draw(t, "region"),
		}
		r := d.sign(t)
		if refusal := v.Verify(r, []byte(d.body)); refusal != nil {
			t.Fatalf("refused: %v", refusal)
		}
		alter(t, r, &d.body)
		refused(t, v, r, d.body)
	})
}

// alter changes a byte of what is under the signature.
func alter(t *rapid.T, r *http.Request, body *string) {
	switch rapid.IntRange(0, 4).Draw(t, "part") {
	case 0:
		*body += "x"
	case 1:
		retarget(t, r, strings.Replace(r.RequestURI, "/", "/x", 1))
	case 2:
		requery(t, r, strings.TrimPrefix(r.URL.RawQuery+"&new=", "&"))
	case 3:
		r.Header.Set("X-Amz-Date", noon.Add(time.Second).Format("20060102T150405Z"))
	default:
		flip(r, rapid.IntRange(0, 63).Draw(t, "digit"))
	}
}
