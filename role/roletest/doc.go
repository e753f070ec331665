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
// Package policy, which supports a subset of IAM, evaluates the policies. The context keys are the caller's ARN and
// account, and in AssumeRole its parameters. A change of a role or a user takes effect immediately, for existing
// sessions too. There are no resource-based policies, no permissions boundaries, no organizations, and no identities of
// other accounts.
package roletest
