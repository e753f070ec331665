package roletest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/role/internal/policy"
)

// Config configures an Account.
type Config struct {
	// Now is the account's clock. Nil: time.Now, which is the fake clock inside a synctest bubble.
	Now func() time.Time
}

// Account is one account's users, roles and sessions. It is safe for concurrent use. It needs no closing.
type Account struct {
	now func() time.Time

	// mu is a leaf: never held while waiting.
	mu       sync.Mutex
	users    map[string]identity // by access key
	roles    map[string]*roleEntry
	sessions map[string]*Session // by access key
	order    []*Session
	failures []error
}

// identity is the owner of policies.
type identity struct {
	arn      string
	policies []*policy.Policy
}

// Role is a role that a test defines.
type Role struct {
	// ARN is the role's ARN: arn:aws:iam::123456789012:role/ship-orders.
	ARN string

	// Trust is its trust policy, a JSON document.
	Trust string

	// Policies are its permissions, as JSON documents. None: nothing is allowed.
	Policies []string

	// MaxDuration is the longest session. 0 means 1 hour.
	MaxDuration time.Duration
}

type roleEntry struct {
	identity
	trust       *policy.Policy
	maxDuration time.Duration
}

// Session is a session of a role.
type Session struct {
	// ARN is arn:aws:sts::123456789012:assumed-role/ship-orders/awslambda_1_20260919091045954.
	ARN string

	// RoleARN, Name, ExternalID and SourceIdentity are the parameters of AssumeRole.
	RoleARN, Name, ExternalID, SourceIdentity string

	// AccessKeyID and Token are its credentials, without the secret, which is never verified.
	AccessKeyID, Token string

	// Start and Expires are when it began and when it expires.
	Start, Expires time.Time

	policy *policy.Policy // nil: none
}

// New returns an account without users and roles.
func New(c Config) *Account {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Account{
		now: c.Now, users: map[string]identity{}, roles: map[string]*roleEntry{}, sessions: map[string]*Session{},
	}
}

// SetUser defines a user with an access key, or changes its policies, which are JSON documents.
func (a *Account) SetUser(accessKeyID, arn string, policies ...string) error {
	parsed, err := parseAll(policies)
	if err != nil {
		return fmt.Errorf("roletest: user %s: %w", arn, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users[accessKeyID] = identity{arn: arn, policies: parsed}
	return nil
}

// SetRole defines a role, or changes it, with immediate effect on its sessions.
func (a *Account) SetRole(r Role) error {
	trust, err := policy.ParseTrust([]byte(r.Trust))
	if err != nil {
		return fmt.Errorf("roletest: role %s: trust: %w", r.ARN, err)
	}
	parsed, err := parseAll(r.Policies)
	if err != nil {
		return fmt.Errorf("roletest: role %s: %w", r.ARN, err)
	}
	if r.MaxDuration == 0 {
		r.MaxDuration = time.Hour
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roles[r.ARN] = &roleEntry{identity: identity{arn: r.ARN, policies: parsed}, trust: trust, maxDuration: r.MaxDuration}
	return nil
}

// DeleteRole deletes a role. Its sessions lose all permissions.
func (a *Account) DeleteRole(arn string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.roles, arn)
}

// Fail makes the next n calls of the handler return err. A smithy.APIError is returned unchanged, any other as an
// InternalFailure.
func (a *Account) Fail(err error, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, slices.Repeat([]error{err}, n)...)
}

// ClearFailures drops the remaining failures.
func (a *Account) ClearFailures() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = nil
}

// Sessions returns copies of all sessions in the order in which they began.
func (a *Account) Sessions() []Session {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]Session, 0, len(a.order))
	for _, s := range a.order {
		all = append(all, *s)
	}
	return all
}

// Principal returns the owner of the credentials: a user's ARN or a session's. Unknown credentials, and those of an
// expired session, are a smithy.APIError in the form of Kinesis and similar services.
func (a *Account) Principal(accessKeyID, sessionToken string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if u, ok := a.users[accessKeyID]; ok && sessionToken == "" {
		return u.arn, nil
	}
	s := a.sessions[accessKeyID]
	switch {
	case s == nil || s.Token != sessionToken:
		return "", &smithy.GenericAPIError{
			Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid.", Fault: smithy.FaultClient,
		}
	case !a.now().Before(s.Expires):
		return "", &smithy.GenericAPIError{
			Code: "ExpiredTokenException", Message: "The security token included in the request is expired", Fault: smithy.FaultClient,
		}
	}
	return s.ARN, nil
}

// Authorize decides by the principal's policies: nil, or an error in AWS's words.
func (a *Account) Authorize(principal, action, resource string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	who, session := a.find(principal)
	r := policy.Request{Principal: principal, Action: action, Resource: resource, Context: who.context()}
	if err := policy.Authorize(r, who.policies...); err != nil {
		return err
	}
	if session != nil && session.policy != nil {
		return policy.Authorize(r, session.policy)
	}
	return nil
}

// find returns the identity of a principal, and its session if it is one. An unknown principal is an identity without
// policies.
func (a *Account) find(principal string) (identity, *Session) {
	for _, u := range a.users {
		if u.arn == principal {
			return u, nil
		}
	}
	if r, ok := a.roles[principal]; ok {
		return r.identity, nil
	}
	for _, s := range slices.Backward(a.order) { // the latest one, if a name was used again
		if r, ok := a.roles[s.RoleARN]; ok && s.ARN == principal {
			return r.identity, s
		}
	}
	return identity{arn: principal}, nil
}

// context returns the condition keys that AWS sends for the caller with each call.
func (i *identity) context() policy.Context {
	return policy.Context{"aws:PrincipalArn": {i.arn}, "aws:PrincipalAccount": {accountOf(i.arn)}}
}

func parseAll(documents []string) ([]*policy.Policy, error) {
	var all []*policy.Policy
	var errs []error
	for i, d := range documents {
		p, err := policy.ParseIdentity([]byte(d))
		if err != nil {
			errs = append(errs, fmt.Errorf("policy %d: %w", i, err))
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

// accountOf returns the account in an ARN.
func accountOf(arn string) string {
	if p := strings.SplitN(arn, ":", 6); len(p) == 6 {
		return p[4]
	}
	return ""
}
