package sigv4

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// defaultService is the name that Lambda's requests are signed for.
	defaultService = "lambda"

	// defaultSkew is how far a request's time may be off. Source: Lambda's "(… - 5 min.)".
	defaultSkew = 5 * time.Minute

	// maxSkew is the widest window of any service of AWS.
	maxSkew = 15 * time.Minute
)

// Config says which requests are valid.
type Config struct {
	// Keys are secrets by their access keys. Without any, no request is valid.
	Keys map[string]string

	// Service is the service that requests must be signed for. Empty means "lambda".
	Service string

	// Skew is how far the time of a request may be off, either way: 1 s to 15 min. Zero means 5 min.
	Skew time.Duration

	// Now returns the time. nil means time.Now.
	Now func() time.Time
}

// validate returns all violations of c, which has its defaults. It names no secret.
func (c Config) validate() error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(c.Keys)) {
		if key == "" || strings.ContainsAny(key, "/=, \t;") {
			errs = append(errs, fmt.Errorf("sigv4: Keys has %q: an access key is not empty and has none of / = , ; and space", key))
		}
		if c.Keys[key] == "" {
			errs = append(errs, fmt.Errorf("sigv4: the secret of %q in Keys is empty", key))
		}
	}
	if c.Skew < time.Second || c.Skew > maxSkew {
		errs = append(errs, fmt.Errorf("sigv4: Skew is %s: must be between 1s and %s", c.Skew, maxSkew))
	}
	return errors.Join(errs...)
}

// Verifier verifies requests. It is safe for concurrent use. Use New to create one.
type Verifier struct {
	keys    map[string]string
	service string
	skew    time.Duration
	now     func() time.Time

	// decoy replaces the secret of an unknown access key, so that the same work is done for it. The code of the answer
	// says that the key is unknown, as AWS's does, and the time of the answer reveals nothing more.
	decoy string
}

// New returns a Verifier with a copy of c's keys, or all violations of c. Its errors name no secret.
func New(c Config) (*Verifier, error) {
	c.Service = cmp.Or(c.Service, defaultService)
	c.Skew = cmp.Or(c.Skew, defaultSkew)
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Verifier{keys: maps.Clone(c.Keys), service: c.Service, skew: c.Skew, now: c.Now, decoy: rand.Text()}, nil
}

// Verify returns nil if r, whose body is body, was signed with one of the keys within the window, and otherwise the
// reason of the refusal. It changes nothing in r, and does not read r.Body: the caller has read it, with its own bound.
// The work grows with the lengths of body and of r's headers and query, which http.Server bounds.
func (v *Verifier) Verify(r *http.Request, body []byte) *Refusal {
	c, refusal := read(r)
	if refusal != nil {
		return refusal
	}
	if refusal := cmp.Or(v.timely(c), covered(r, c), v.scoped(c)); refusal != nil {
		return refusal
	}
	return v.authentic(r, c, body)
}

// timely refuses requests outside the window.
func (v *Verifier) timely(c claim) *Refusal {
	now := v.now().UTC()
	first, last := now.Add(-v.skew), now.Add(v.skew)
	switch {
	case c.at.Before(first):
		return invalidf("Signature expired: %s is now earlier than %s (%s - %g min.)",
			stamp(c.at), stamp(first), stamp(now), v.skew.Minutes())
	case c.at.After(last):
		return invalidf("Signature not yet current: %s is still later than %s (%s + %g min.)",
			stamp(c.at), stamp(last), stamp(now), v.skew.Minutes())
	}
	return nil
}

// scoped refuses a Credential for another day or service. It reports all violations, as AWS does.
func (v *Verifier) scoped(c claim) *Refusal {
	var b strings.Builder
	if c.region == "" {
		b.WriteString("Credential should be scoped to a valid region. ")
	}
	if c.service != v.service {
		fmt.Fprintf(&b, "Credential should be scoped to correct service: '%s'. ", v.service)
	}
	if c.terminator != terminator {
		b.WriteString("Credential should be scoped with a valid terminator: '" + terminator + "'. ")
	}
	if c.date != c.at.Format(dateFormat) {
		b.WriteString("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP. ")
	}
	if b.Len() == 0 {
		return nil
	}
	return invalidf("%s", b.String())
}
