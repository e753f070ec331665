package policy

import (
	"fmt"
	"strings"
)

// Request is one call to decide about.
type Request struct {
	// Principal is the caller: the ARN of a user, a role, a session of a role or a root, or the name of a service, such
	// as lambda.amazonaws.com.
	Principal string

	// Action is the called action: "kinesis:GetRecords". Its case does not matter.
	Action string

	// Resource is the ARN of the call's resource, or "*" for calls without one. A trust policy, which is about its
	// role, ignores it.
	Resource string

	// Context holds the condition keys of the call. nil means none.
	Context Context
}

// Context holds the values of condition keys, such as "sts:ExternalId". The case of a key does not matter. An operator
// without ForAnyValue or ForAllValues holds if one of several values meets it, or, for a negated operator, all of them.
type Context map[string][]string

// get returns the values of a key in lower case. A key without values is absent.
func (c Context) get(key string) ([]string, bool) {
	values, ok := c[key]
	if ok {
		return values, len(values) > 0
	}
	for k, v := range c {
		if strings.EqualFold(k, key) {
			return v, len(v) > 0
		}
	}
	return nil, false
}

// Decision is the result of policies for a request.
type Decision uint8

// The decisions. The zero Decision denies.
const (
	// ImplicitDeny is a request that nothing allows.
	ImplicitDeny Decision = iota
	// Allow is a request that something allows and nothing denies.
	Allow
	// ExplicitDeny is a request to which a Deny statement applies, whatever else allows it.
	ExplicitDeny
)

// String returns the decision in the form of the IAM simulator: implicitDeny, allowed, explicitDeny.
func (d Decision) String() string {
	names := [...]string{"implicitDeny", "allowed", "explicitDeny"}
	if int(d) < len(names) {
		return names[d]
	}
	return fmt.Sprintf("Decision(%d)", uint8(d))
}

// Evaluate decides a request by all of the policies together: a Deny in any of them wins, then an Allow in any of them.
// The policies of one principal combine in this way, and so do they and a resource's policy within one account.
// Policies that must each allow a request, such as those of a role and of its session, are evaluated separately.
func Evaluate(r Request, policies ...*Policy) Decision {
	d, _ := evaluate(r, policies)
	return d
}

// evaluate returns the policy that denied as well, if one did.
func evaluate(r Request, policies []*Policy) (Decision, *Policy) {
	decision := ImplicitDeny
	for _, p := range policies {
		for i := range p.statements {
			s := &p.statements[i]
			switch {
			case !s.applies(&r):
			case s.deny:
				return ExplicitDeny, p
			default:
				decision = Allow
			}
		}
	}
	return decision, nil
}

// applies reports whether a statement applies to a request.
func (s *statement) applies(r *Request) bool {
	if s.actions.match(strings.ToLower(r.Action), nil) == s.notActions ||
		s.resources != nil && !s.isAbout(r) ||
		s.principals != nil && s.names(r.Principal) == s.notPrincipal {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r.Context, s.deny) {
			return false
		}
	}
	return true
}

// isAbout reports whether the statement covers the request's resource. If a variable leaves NotResource undecided, it
// denies and does not allow.
func (s *statement) isAbout(r *Request) bool {
	if s.notResources && !s.resources.resolvable(r.Context) {
		return s.deny
	}
	return s.resources.match(r.Resource, r.Context) != s.notResources
}

// names reports whether who is among the statement's principals.
func (s *statement) names(who string) bool {
	for i := range s.principals {
		if s.principals[i].matches(who) {
			return true
		}
	}
	return false
}

// Authorize is Evaluate for callers that want an error: nil if the request is allowed, else a *DeniedError.
func Authorize(r Request, policies ...*Policy) error {
	decision, by := evaluate(r, policies)
	if decision == Allow {
		return nil
	}
	if by == nil && len(policies) > 0 {
		by = policies[0]
	}
	e := &DeniedError{Request: r, Decision: decision, kind: identityKind}
	if by != nil {
		e.kind = by.kind
	}
	return e
}

// DeniedError is a request that is not allowed.
type DeniedError struct {
	// Request is the denied request.
	Request Request

	// Decision is ImplicitDeny or ExplicitDeny.
	Decision Decision

	kind documentKind
}

// Error returns the refusal in AWS's words. Source: IAM User Guide, "Troubleshoot access denied error messages".
func (e *DeniedError) Error() string {
	on := ""
	if e.kind != trustKind {
		on = " on resource: " + e.Request.Resource
	}
	return "User: " + e.Request.Principal + " is not authorized to perform: " + e.Request.Action + on + " " + e.Reason()
}

// Reason returns the part of the text with the reason: "because no identity-based policy allows the kinesis:GetRecords
// action", or "with an explicit deny in an identity-based policy".
func (e *DeniedError) Reason() string {
	switch {
	case e.Decision != ExplicitDeny:
		return "because no " + string(e.kind) + " allows the " + e.Request.Action + " action"
	case e.kind == identityKind:
		return "with an explicit deny in an " + string(e.kind)
	case e.kind == trustKind:
		return "with an explicit deny in the " + string(e.kind)
	}
	return "with an explicit deny in a " + string(e.kind)
}
