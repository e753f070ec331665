package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/smithy-go/encoding/httpbinding"
)

// covered refuses a request with a header that must be signed and is not, or that is signed and missing.
func covered(r *http.Request, c claim) *Refusal {
	if !c.signs("host") {
		return unsigned("'Host' or ':authority'")
	}
	if !c.signs(c.dated) {
		return unsigned("'" + c.dated + "'")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, amzPrefix) && name != amzHash && !c.signs(lower) {
			return unsigned("'" + name[:min(len(name), maxName)] + "'")
		}
	}
	for _, name := range c.headers {
		if len(header(r, name)) == 0 {
			return invalid(textMismatch)
		}
	}
	return nil
}

// authentic refuses a request that was not signed with the secret of its access key.
func (v *Verifier) authentic(r *http.Request, c claim, body []byte) *Refusal {
	secret, ok := v.keys[c.accessKey]
	if !ok {
		secret = v.decoy
	}
	digest := hash(body)
	want := hex.EncodeToString(c.sign(secret, canonical(r, c, digest)))
	equal := hmac.Equal([]byte(want), []byte(c.signature))
	switch {
	case !ok:
		return refuse(CodeUnrecognized, textUnrecognized)
	case slices.ContainsFunc(r.Header.Values(amzHash), func(sent string) bool { return sent != digest }):
		return invalid(textBody)
	case !equal:
		return invalid(textMismatch)
	case len(r.Header.Values(amzToken)) > 0:
		return refuse(CodeUnrecognized, textUnrecognized)
	}
	return nil
}

// sign returns the signature of a canonical request.
func (c claim) sign(secret, request string) []byte {
	scope := []string{c.date, c.region, c.service, c.terminator}
	key := []byte("AWS4" + secret)
	for _, part := range scope {
		key = mac(key, part)
	}
	return mac(key, strings.Join([]string{algorithm, stamp(c.at), strings.Join(scope, "/"), hash([]byte(request))}, "\n"))
}

// canonical returns the canonical request: the same text for all requests with the same meaning. Source: IAM User
// Guide, "Create a signed AWS API request".
func canonical(r *http.Request, c claim, digest string) string {
	var b strings.Builder
	for _, line := range []string{r.Method, httpbinding.EscapePath(c.path, false), query(c.query)} {
		b.WriteString(line + "\n")
	}
	for _, name := range c.headers {
		b.WriteString(name + ":")
		for i, value := range header(r, name) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(collapse(value))
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n" + strings.Join(c.headers, ";") + "\n" + digest)
	return b.String()
}

// path returns the path in its form on the wire. A URL has it in RawPath if that differs from net/url's encoding of
// Path, which a caller's routes see.
func path(u *url.URL) string {
	if p, err := url.PathUnescape(u.RawPath); err == nil && u.RawPath != "" && p == u.Path {
		return u.RawPath
	}
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

// query returns the parameters in order of their escaped names, then values. "+" has been read as a space, as in
// r.URL.Query.
func query(values url.Values) string {
	var pairs [][2]string
	for name, list := range values {
		for _, value := range list {
			pairs = append(pairs, [2]string{escape(name), escape(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	joined := make([]string, len(pairs))
	for i, pair := range pairs {
		joined[i] = pair[0] + "=" + pair[1]
	}
	return strings.Join(joined, "&")
}

// escape escapes all but letters, digits and "-._~".
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// header returns the values of a header of a request as it was sent: net/http stores Host separately. It does so with
// Transfer-Encoding too, which is never signed, because it belongs to the connection.
func header(r *http.Request, name string) []string {
	if name == "host" {
		return []string{r.Host}
	}
	return r.Header.Values(name)
}

// collapse trims a value, and replaces several spaces by one.
func collapse(value string) string {
	value = strings.TrimSpace(value)
	for strings.Contains(value, "  ") {
		value = strings.ReplaceAll(value, "  ", " ")
	}
	return value
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
