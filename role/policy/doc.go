// Package policy evaluates AWS IAM policy documents in this process: may this principal do this to that resource? It is
// for tests and for planning. It supports a subset of IAM, and refuses to parse anything else, with the place.
//
//	p, err := policy.ParseIdentity(document)
//	...
//	err = policy.Authorize(policy.Request{
//		Principal: "arn:aws:sts::123456789012:assumed-role/ship-orders/awslambda_962_20260919091045954",
//		Action:    "kinesis:GetRecords",
//		Resource:  "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
//	}, p)
//	// nil, or a *DeniedError in AWS's words
//
// # What it supports
//
//	element                    | how
//	---------------------------+-----------------------------------------------------------------------------------
//	Effect                     | an explicit Deny overrides every Allow; without an Allow, denied
//	Action, NotAction          | * and ?, case insensitive
//	Resource, NotResource      | * and ? in each of the six parts of an ARN; * in the last one matches colons
//	Principal, NotPrincipal    | AWS (account, root, user, role and its sessions, session), Service, Federated,
//	                           | CanonicalUser, and *; NotPrincipal with Deny only, as IAM requires for roles
//	Condition                  | the operators below, each with ...IfExists, ForAnyValue: and ForAllValues:
//	                           | StringEquals, StringEqualsIgnoreCase, StringLike and their negations,
//	                           | ArnEquals, ArnLike and their negations, Bool, Null
//	policy variables           | ${key}, ${key, 'default'}, ${*}, ${?}, ${$} in Resource and Condition, if the Version is
//	                           | 2012-10-17; one whose key is not in the request matches nothing, and in a negation
//	                           | denies and never allows
//
// Numeric, date, address and binary conditions are refused. Permissions boundaries, policies of an organization, and
// the context keys that a service sends are not known: a Request has what its creator sets.
//
// The kinds of documents have different elements: [ParseIdentity] and [ParseSession] parse those of users, roles and
// sessions (no Principal), [ParseResource] those of queues, topics, buckets, streams and keys (Principal and Resource),
// [ParseTrust] those that say who may assume a role (Principal, no Resource).
package policy
