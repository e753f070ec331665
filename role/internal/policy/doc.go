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
// The documentation of package roletest says which elements are supported. The kinds of documents differ in theirs:
// [ParseIdentity] and [ParseSession] parse those of users, roles and sessions (no Principal), [ParseResource] those of
// queues, topics, buckets, streams and keys (Principal and Resource), [ParseTrust] those that say who may assume a role
// (Principal, no Resource).
package policy
