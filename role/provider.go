package role

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
)

const (
	// callTimeout is how long one attempt to get credentials may take, including the SDK's own retries. The cache
	// removes the deadline of its caller, because others wait for the same answer.
	callTimeout = 30 * time.Second

	// retryAfter is how long credentials that could not be renewed are used before the next attempt.
	retryAfter = 10 * time.Second

	// repeatFor is how long a failure is repeated to all callers, so that a thousand shards do not call STS a thousand
	// times.
	repeatFor = time.Second
)

// Provider is one session of a Role, as an aws.CredentialsProvider. All clients of a mapping share one. It is safe for
// concurrent use.
//
// Credentials are renewed RenewBefore their expiry, by whichever call comes first; the others wait for the same answer.
// If that fails, the old ones are used until they expire, and renewal is retried every 10 s. A failure without valid
// credentials is repeated to all callers for a second.
type Provider struct {
	role  Role
	cache *aws.CredentialsCache
}

// Retrieve returns valid credentials, from memory or from STS. A role that cannot be assumed is an *AccessError. All
// other errors may be transient.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.cache.Retrieve(ctx)
	if e, ok := errors.AsType[*AccessError](err); ok {
		return c, e // the cache's words around it would hide AWS's
	}
	return c, err
}

// ProviderSources returns the source of the credentials, for the SDK's User-Agent.
func (p *Provider) ProviderSources() []aws.CredentialSource { return p.cache.ProviderSources() }

// ARN returns the role's ARN, which is an event's invokeIdentityArn.
func (p *Provider) ARN() string { return p.role.ARN }

// SessionName returns the name of the session, which stays the same when its credentials are renewed.
func (p *Provider) SessionName() string { return p.role.SessionName }

// sessionName generates the name of a session in the form of AWS Lambda's poller: awslambda_<n>_<yyyyMMddHHmmssSSS>, in
// UTC. The meaning of AWS's number is not known; ours is random, 1 to 999. Source: a recorded SenderId of an on-failure
// message, AROA…:awslambda_962_20260919091045954.
func sessionName(now time.Time) string {
	stamp := strings.Replace(now.UTC().Format("20060102150405.000"), ".", "", 1)
	return fmt.Sprintf("awslambda_%d_%s", 1+rand.IntN(999), stamp)
}

// source gets credentials for a cache. The cache calls it from one goroutine at a time.
type source struct {
	role   Role
	assume *stscreds.AssumeRoleProvider

	expires time.Time // when the last credentials actually expire
	failed  time.Time // when the last attempt failed, and how
	err     error
	stale   bool // logged
}

// Retrieve calls STS. It reports an expiry that is RenewBefore the real one, which makes the cache renew in time.
func (s *source) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if s.err != nil && time.Since(s.failed) < repeatFor {
		return aws.Credentials{}, s.err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := s.assume.Retrieve(ctx)
	if err != nil {
		s.failed, s.err = time.Now(), s.role.refused(ctx, err)
		return aws.Credentials{}, s.err
	}
	if s.stale {
		s.stale = false
		s.role.Logger.InfoContext(ctx, "credentials renewed again", "role", s.role.ARN, "session", s.role.SessionName)
	}
	s.err, s.expires = nil, c.Expires
	c.Expires = c.Expires.Add(-s.role.RenewBefore)
	return c, nil
}

// ProviderSources implements aws.CredentialProviderSource.
func (s *source) ProviderSources() []aws.CredentialSource { return s.assume.ProviderSources() }

// HandleFailToRefresh keeps the old credentials while they last.
func (s *source) HandleFailToRefresh(ctx context.Context, old aws.Credentials, err error) (aws.Credentials, error) {
	now := time.Now()
	if !old.HasKeys() || !now.Before(s.expires) {
		return aws.Credentials{}, err
	}
	if !s.stale {
		s.stale = true
		s.role.Logger.WarnContext(ctx, "unable to renew credentials; using the old ones until they expire",
			"role", s.role.ARN, "session", s.role.SessionName, "until", s.expires, "error", err)
	}
	old.Expires = now.Add(min(retryAfter, s.expires.Sub(now)))
	return old, nil
}
