// Package roletest is an AWS account's IAM and STS in memory, for tests: users, roles with trust policies, sessions
// that expire, and permission checks.
//
//	account := roletest.New(roletest.Config{})
//	account.SetUser("AKIDEXAMPLE", "arn:aws:iam::123456789012:user/host")
//	account.SetRole(roletest.Role{ARN: "arn:aws:iam::123456789012:role/ship-orders", Trust: trust, Policies: []string{policy}})
//	server := httptest.NewServer(account.Handler()) // the endpoint of the SDK's STS and IAM clients
//
//	service := kinesistest.New(kinesistest.Config{ // the streams of the same account
//		Principal: account.Principal,
//		Authorize: account.Authorize,
//	})
//
// The handler answers sts:AssumeRole and iam:SimulatePrincipalPolicy in the services' form and, where they are known,
// words. The access key and the session token identify the caller; signatures are not verified.
//
// The context keys are the caller's ARN and account, and in AssumeRole its parameters. A change of a role or a user takes
// effect immediately, for existing sessions too. There are no resource-based policies, no permissions boundaries, no
// organizations, and no identities of other accounts.
//
// # Policies
//
// Policy documents may use a subset of IAM. Anything else is an error when the document is set, with the place in it.
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
// Numeric, date, address and binary conditions are refused.
package roletest
