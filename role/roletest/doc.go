// Package roletest is an AWS account's IAM and STS in memory, for tests: users, roles with trust policies, sessions that
// end, and the question whether one of them may do something.
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
// The handler answers sts:AssumeRole and iam:SimulatePrincipalPolicy with the services' forms and, where they are known,
// words. Who calls is told by the access key, and by the session token; signatures are not verified.
//
// Policies are evaluated by package policy, which knows a subset of IAM. Of the context keys there are those of the
// caller's ARN and account, and in AssumeRole those of its parameters. A change of a role or a user takes effect at
// once, for sessions that exist too. There are no resource-based policies, no permissions boundaries, no organizations,
// and no other accounts' identities.
package roletest
