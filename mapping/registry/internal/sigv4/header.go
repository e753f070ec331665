package sigv4

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The grammar of the header. AWS's servers also accept spaces instead of commas:
//
//	Authorization = "AWS4-HMAC-SHA256" " " param *( "," param )
//	param         = "Credential=" key "/" date "/" region "/" service "/aws4_request"
//	              | "SignedHeaders=" name *( ";" name )
//	              | "Signature=" 64 hexadecimal digits
//
// Other params are ignored.
const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	amzDate   = "X-Amz-Date"
	amzHash   = "X-Amz-Content-Sha256"
	amzToken  = "X-Amz-Security-Token"
	amzPrefix = "x-amz-"

	// maxAuthorization is the most bytes of an Authorization header: clients send 200 to 500.
	maxAuthorization = 4096

	// maxName is the maximum length of a header's name in an answer.
	maxName = 64

	stampFormat = "20060102T150405Z"
	dateFormat  = "20060102"
)

// claim is what a request says about its signature.
type claim struct {
	accessKey string

	// The scope.
	date, region, service, terminator string

	// headers are the names under the signature: in lower case, in order, without duplicates.
	headers []string

	signature string

	// at is the request's time in UTC, and dated the name of its header.
	at    time.Time
	dated string

	// The request's target; path is in its form on the wire.
	path  string
	query url.Values
}

// read returns the claim of a well-formed request.
func read(r *http.Request) (claim, *Refusal) {
	value, query, refusal := authorization(r)
	if refusal != nil {
		return claim{}, refusal
	}
	name, params, _ := strings.Cut(value, " ")
	pairs, refusal := split(params)
	if refusal != nil {
		return claim{}, refusal
	}
	c := claim{query: query, signature: pairs["Signature"]}
	times := c.dates(r.Header)
	if refusal := missing(pairs, len(times) > 0); refusal != nil {
		return claim{}, refusal
	}
	if refusal := supported(name); refusal != nil {
		return claim{}, refusal
	}
	refusal = cmp.Or(c.setTime(times), c.setHeaders(pairs["SignedHeaders"]), c.setCredential(pairs["Credential"]), c.setPath(r))
	if refusal != nil {
		return claim{}, refusal
	}
	return c, nil
}

// authorization returns the one Authorization header of a request, trimmed, and its query.
func authorization(r *http.Request) (string, url.Values, *Refusal) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	presigned := query.Has("X-Amz-Algorithm")
	values := r.Header.Values("Authorization")
	switch {
	case len(values) == 0 && presigned:
		return "", nil, invalid(textPresigned)
	case len(values) == 0:
		return "", nil, refuse(CodeMissing, textMissing)
	case presigned:
		return "", nil, invalid(textBoth)
	case len(values) > 1:
		return "", nil, incomplete(textTwice)
	case len(values[0]) > maxAuthorization:
		return "", nil, incomplete(textTooLong)
	case err != nil:
		// A malformed part would not be under the signature.
		return "", nil, invalid(textQuery)
	}
	value := strings.TrimSpace(values[0])
	if value == "" {
		return "", nil, refuse(CodeMissing, textMissing)
	}
	return value, query, nil
}

// split returns the values of params by their names.
func split(params string) (map[string]string, *Refusal) {
	pairs := make(map[string]string, 3)
	for _, param := range strings.FieldsFunc(params, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }) {
		name, value, ok := strings.Cut(param, "=")
		if !ok {
			return nil, incomplete(textPair)
		}
		if _, ok := pairs[name]; ok {
			return nil, incomplete(textParamTwice)
		}
		pairs[name] = value
	}
	return pairs, nil
}

// missing reports everything that is missing, as AWS does.
func missing(pairs map[string]string, dated bool) *Refusal {
	var texts []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if pairs[name] == "" {
			texts = append(texts, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if !dated {
		texts = append(texts, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(texts) == 0 {
		return nil
	}
	return incomplete(strings.Join(texts, " "))
}

// supported refuses other algorithms, including SigV4a's AWS4-ECDSA-P256-SHA256. It repeats the name of one only if it
// cannot be anything else, such as a token.
func supported(name string) *Refusal {
	if name == algorithm {
		return nil
	}
	found := ""
	if strings.HasPrefix(name, "AWS4-") && len(name) <= 32 {
		found = ": '" + name + "'"
	}
	return incomplete("Unsupported AWS 'algorithm'" + found + " (only " + algorithm + " for now). ")
}

// dates returns the values of the header with the request's time.
func (c *claim) dates(h http.Header) []string {
	c.dated = amzDate
	if values := h.Values(amzDate); len(values) > 0 {
		return values
	}
	c.dated = "Date"
	return h.Values("Date")
}

// setTime parses the date. X-Amz-Date must have AWS's form; Date may also have HTTP's, and is signed in AWS's.
func (c *claim) setTime(times []string) *Refusal {
	if len(times) > 1 {
		return incomplete(textTwoDates)
	}
	at, err := time.Parse(stampFormat, times[0])
	if err != nil && c.dated != amzDate {
		at, err = http.ParseTime(times[0])
	}
	if err != nil {
		return incomplete("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	c.at = at.UTC()
	return nil
}

// setHeaders parses SignedHeaders, which all clients send in order.
func (c *claim) setHeaders(signed string) *Refusal {
	c.headers = strings.Split(signed, ";")
	for i, name := range c.headers {
		if name != strings.ToLower(name) || i > 0 && name <= c.headers[i-1] {
			return incomplete(textOrder)
		}
	}
	return nil
}

func (c *claim) setCredential(credential string) *Refusal {
	e := strings.Split(credential, "/")
	if len(e) != 5 {
		return incomplete(textElements)
	}
	c.accessKey, c.date, c.region, c.service, c.terminator = e[0], e[1], e[2], e[3], e[4]
	return nil
}

// setPath takes the path from the request line. A server may have removed a prefix from r.URL, as http.StripPrefix
// does; any other change there was not signed. The query is that of r.URL, which a caller sees.
func (c *claim) setPath(r *http.Request) *Refusal {
	c.path = path(r.URL)
	if r.RequestURI == "" {
		return nil
	}
	asked, err := url.ParseRequestURI(r.RequestURI)
	if err != nil || !strings.HasSuffix(path(asked), c.path) {
		return invalid(textMismatch)
	}
	c.path = path(asked)
	return nil
}

// signs reports whether the header is under the signature.
func (c claim) signs(name string) bool {
	_, ok := slices.BinarySearch(c.headers, strings.ToLower(name))
	return ok
}

func stamp(at time.Time) string { return at.Format(stampFormat) }
