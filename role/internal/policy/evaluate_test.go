package policy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/role/internal/policy"
)

const (
	stream  = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	session = "arn:aws:sts::123456789012:assumed-role/ship-orders/awslambda_1_20260919091045954"
	roleARN = "arn:aws:iam::123456789012:role/service/ship-orders"
	user    = "arn:aws:iam::123456789012:user/ada"
)

// statements makes an identity-based policy of statements.
func statements(t *testing.T, body string) *policy.Policy {
	t.Helper()
	p, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":[` + body + `]}`))
	require.NoError(t, err)
	return p
}

func TestActionsAndResources(t *testing.T) {
	const read = `{"Effect":"Allow","Action":["kinesis:Get*","kinesis:ListShards"],"Resource":"` + stream + `"}`
	const other = "arn:aws:kinesis:us-east-1:123456789012:stream/other"
	for _, c := range []struct {
		name, body, action, resource string
		want                         policy.Decision
	}{
		{"allowed by name", read, "kinesis:ListShards", stream, policy.Allow},
		{"allowed by wildcard", read, "kinesis:GetRecords", stream, policy.Allow},
		{"case of an action", read, "KINESIS:getrecords", stream, policy.Allow},
		{"case of a resource", read, "kinesis:GetRecords", "arn:aws:kinesis:us-east-1:123456789012:stream/Orders", policy.ImplicitDeny},
		{"another action", read, "kinesis:PutRecord", stream, policy.ImplicitDeny},
		{"another resource", read, "kinesis:GetRecords", other, policy.ImplicitDeny},
		{"no resource", read, "kinesis:GetRecords", "*", policy.ImplicitDeny},
		{"everything", `{"Effect":"Allow","Action":"*","Resource":"*"}`, "sqs:SendMessage", "anything", policy.Allow},
		{"one character", `{"Effect":"Allow","Action":"sqs:S??dMessage","Resource":"*"}`, "sqs:SendMessage", "*", policy.Allow},
		{"one character, none there", `{"Effect":"Allow","Action":"sqs:SendMessage?","Resource":"*"}`, "sqs:SendMessage", "*", policy.ImplicitDeny},
		{
			"a deny wins, wherever it stands", `{"Effect":"Deny","Action":"kinesis:GetRecords","Resource":"*"},` + read,
			"kinesis:GetRecords", stream, policy.ExplicitDeny,
		},
		{
			"a deny of something else", read + `,{"Effect":"Deny","Action":"kinesis:PutRecord","Resource":"*"}`,
			"kinesis:GetRecords", stream, policy.Allow,
		},
		{"NotAction", `{"Effect":"Allow","NotAction":"kinesis:Put*","Resource":"*"}`, "kinesis:GetRecords", stream, policy.Allow},
		{"NotAction, named", `{"Effect":"Allow","NotAction":"kinesis:Put*","Resource":"*"}`, "kinesis:PutRecord", stream, policy.ImplicitDeny},
		{"NotResource", `{"Effect":"Deny","Action":"*","NotResource":"` + stream + `"},` + read, "kinesis:GetRecords", stream, policy.Allow},
		{"NotResource, another", `{"Effect":"Deny","Action":"*","NotResource":"` + stream + `"},` + read, "kinesis:GetRecords", other, policy.ExplicitDeny},
		{
			"a wildcard stays in its part", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:*:stream/orders:::"}`,
			"kinesis:GetRecords", stream, policy.ImplicitDeny,
		},
		{
			"a wildcard in a part", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:kinesis:*:123456789012:stream/o*s"}`,
			"kinesis:GetRecords", stream, policy.Allow,
		},
		{
			"a wildcard over colons in the last part", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:kinesis:us-east-1:123456789012:stream/orders/*"}`,
			"kinesis:SubscribeToShard", stream + "/consumer/shipping:1700000000", policy.Allow,
		},
		{
			"a character of several bytes", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/?"}`,
			"s3:PutObject", "arn:aws:s3:::b/é", policy.Allow,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := policy.Request{Principal: session, Action: c.action, Resource: c.resource}
			assert.Equal(t, c.want, policy.Evaluate(r, statements(t, c.body)))
		})
	}
}

func TestPoliciesAddUpAndADenyInAnyOfThemWins(t *testing.T) {
	allow := statements(t, `{"Effect":"Allow","Action":"kinesis:*","Resource":"*"}`)
	deny := statements(t, `{"Effect":"Deny","Action":"kinesis:GetRecords","Resource":"*"}`)
	r := policy.Request{Principal: session, Action: "kinesis:GetRecords", Resource: stream}
	assert.Equal(t, policy.ImplicitDeny, policy.Evaluate(r))
	assert.Equal(t, policy.Allow, policy.Evaluate(r, allow))
	assert.Equal(t, policy.ExplicitDeny, policy.Evaluate(r, allow, deny))
	assert.Equal(t, policy.ExplicitDeny, policy.Evaluate(r, deny, allow))
}

func TestConditions(t *testing.T) {
	context := policy.Context{
		"sts:ExternalId": {"orders-7"}, "aws:SourceArn": {stream}, "aws:SecureTransport": {"true"},
		"aws:TagKeys": {"team", "cost"}, "aws:PrincipalTag/team": {"ship*"}, "empty:Key": {},
	}
	for _, c := range []struct {
		condition string
		want      bool
	}{
		{`"StringEquals":{"sts:ExternalId":"orders-7"}`, true},
		{`"StringEquals":{"STS:externalid":["x","orders-7"]}`, true},
		{`"StringEquals":{"sts:ExternalId":"orders-*"}`, false},
		{`"StringEquals":{"sts:ExternalId":"Orders-7"}`, false},
		{`"StringEqualsIgnoreCase":{"sts:ExternalId":"Orders-7"}`, true},
		{`"StringNotEqualsIgnoreCase":{"sts:ExternalId":"Orders-7"}`, false},
		{`"StringNotEquals":{"sts:ExternalId":["x","orders-7"]}`, false},
		{`"StringNotEquals":{"sts:ExternalId":["x","y"]}`, true},
		{`"StringLike":{"sts:ExternalId":"orders-?"}`, true},
		{`"StringNotLike":{"sts:ExternalId":"orders-*"}`, false},
		{`"ArnLike":{"aws:SourceArn":"arn:aws:kinesis:*:123456789012:stream/*"}`, true},
		{`"ArnEquals":{"aws:SourceArn":"arn:aws:kinesis:*:*:stream/o*"}`, true},
		{`"ArnLike":{"aws:SourceArn":"arn:aws:kinesis:*:stream/orders:*:*"}`, false},
		{`"ArnNotLike":{"aws:SourceArn":"arn:aws:kinesis:*:*:*"}`, false},
		{`"ArnNotEquals":{"aws:SourceArn":"arn:aws:sqs:*:*:*"}`, true},
		{`"Bool":{"aws:SecureTransport":true}`, true},
		{`"Bool":{"aws:SecureTransport":"false"}`, false},
		{`"Null":{"sts:ExternalId":"false"}`, true},
		{`"Null":{"sts:ExternalId":"true"}`, false},
		{`"Null":{"aws:Missing":"true"}`, true},
		{`"Null":{"empty:Key":"true"}`, true},

		// Keys that the request does not have: IAM User Guide, "Condition operators".
		{`"StringEquals":{"aws:Missing":"x"}`, false},
		{`"StringNotEquals":{"aws:Missing":"x"}`, true},
		{`"StringEqualsIfExists":{"aws:Missing":"x"}`, true},
		{`"StringEqualsIfExists":{"sts:ExternalId":"x"}`, false},
		{`"ArnLikeIfExists":{"aws:Missing":"arn:aws:sqs:*:*:*"}`, true},

		// Keys with several values: the same guide, "Set operators for multivalued context keys".
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["team","cost","x"]}`, true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}`, false},
		{`"ForAllValues:StringEquals":{"aws:Missing":["team"]}`, true},
		{`"ForAnyValue:StringEquals":{"aws:TagKeys":["team"]}`, true},
		{`"ForAnyValue:StringEquals":{"aws:Missing":["team"]}`, false},
		{`"ForAnyValue:StringNotEquals":{"aws:TagKeys":["team"]}`, true},
		{`"ForAllValues:StringNotEquals":{"aws:TagKeys":["team"]}`, false},
		{`"ForAnyValue:StringEqualsIfExists":{"aws:Missing":["team"]}`, true},

		// All operators and all of their keys must hold.
		{`"StringEquals":{"sts:ExternalId":"orders-7"},"Bool":{"aws:SecureTransport":"true"}`, true},
		{`"StringEquals":{"sts:ExternalId":"orders-7"},"Bool":{"aws:SecureTransport":"false"}`, false},
		{`"StringEquals":{"sts:ExternalId":"orders-7","aws:SourceArn":"x"}`, false},

		// Variables.
		{`"StringEquals":{"aws:SourceArn":"arn:aws:kinesis:us-east-1:123456789012:stream/${aws:Missing, 'orders'}"}`, true},
		{`"StringEquals":{"sts:ExternalId":"${aws:Missing}"}`, false},
		{`"StringLike":{"sts:ExternalId":"${sts:ExternalId}"}`, true},
		{`"StringLike":{"sts:ExternalId":"orders-${*}"}`, false},
		{`"StringEquals":{"aws:PrincipalTag/team":"ship${*}"}`, true},
		{`"StringLike":{"aws:PrincipalTag/team":"${aws:PrincipalTag/team}"}`, true},
		{`"StringLike":{"sts:ExternalId":"${aws:TagKeys}"}`, false}, // several values
	} {
		t.Run(c.condition, func(t *testing.T) {
			p := statements(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+c.condition+`}}`)
			got := policy.Evaluate(policy.Request{Principal: user, Action: "a:B", Resource: "*", Context: context}, p)
			assert.Equal(t, c.want, got == policy.Allow)
		})
	}
}

func TestVariablesInResources(t *testing.T) {
	const body = `"Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::home/${aws:username}/*"}}`
	r := policy.Request{
		Principal: user, Action: "s3:PutObject", Resource: "arn:aws:s3:::home/ada/x",
		Context: policy.Context{"aws:username": {"ada"}},
	}
	p, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17",` + body))
	require.NoError(t, err)
	assert.Equal(t, policy.Allow, policy.Evaluate(r, p))

	r.Resource = "arn:aws:s3:::home/bob/x"
	assert.Equal(t, policy.ImplicitDeny, policy.Evaluate(r, p))
	r.Context["aws:username"] = []string{"*"}
	assert.Equal(t, policy.ImplicitDeny, policy.Evaluate(r, p), "a value's wildcard is a character")
	r.Context = nil
	assert.Equal(t, policy.ImplicitDeny, policy.Evaluate(r, p), "without the key nothing matches")

	old, err := policy.ParseIdentity([]byte(`{"Version":"2008-10-17",` + body))
	require.NoError(t, err)
	r.Resource = "arn:aws:s3:::home/${aws:username}/x"
	assert.Equal(t, policy.Allow, policy.Evaluate(r, old), "the first version knows no variables")
}

func TestNegationThatAVariableLeavesOpenNeverAllows(t *testing.T) {
	r := policy.Request{Principal: user, Action: "s3:PutObject", Resource: "arn:aws:s3:::home/ada/x"}
	for _, body := range []string{
		`"Action":"*","NotResource":"arn:aws:s3:::home/${aws:username}/*"}`,
		`"Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalArn":"${aws:username}"}}}`,
	} {
		assert.Equal(t, policy.ImplicitDeny, policy.Evaluate(r, statements(t, `{"Effect":"Allow",`+body)))
		assert.Equal(t, policy.ExplicitDeny, policy.Evaluate(r, statements(t, `{"Effect":"Deny",`+body)))
	}
}

func TestPrincipals(t *testing.T) {
	for _, c := range []struct {
		principal, who string
		want           bool
	}{
		{`"*"`, "lambda.amazonaws.com", true},
		{`{"AWS":"*"}`, user, true},
		{`{"Service":"lambda.amazonaws.com"}`, "lambda.amazonaws.com", true},
		{`{"Service":["events.amazonaws.com","lambda.amazonaws.com"]}`, "lambda.amazonaws.com", true},
		{`{"Service":"lambda.amazonaws.com"}`, user, false},
		{`{"AWS":"123456789012"}`, user, true},
		{`{"AWS":"arn:aws:iam::123456789012:root"}`, session, true},
		{`{"AWS":"arn:aws:iam::123456789012:root"}`, "arn:aws:iam::210987654321:user/ada", false},
		{`{"AWS":"` + user + `"}`, user, true},
		{`{"AWS":"` + user + `"}`, "arn:aws:iam::123456789012:user/bob", false},
		{`{"AWS":"` + roleARN + `"}`, roleARN, true},
		{`{"AWS":"` + roleARN + `"}`, session, true},
		{`{"AWS":"` + roleARN + `"}`, "arn:aws:sts::123456789012:assumed-role/other/awslambda_1", false},
		{`{"AWS":"` + roleARN + `"}`, "arn:aws:sts::210987654321:assumed-role/ship-orders/x", false},
		{`{"AWS":"` + session + `"}`, session, true},
		{`{"AWS":"` + session + `"}`, session + "x", false},
		{`{"Federated":"cognito-identity.amazonaws.com"}`, "cognito-identity.amazonaws.com", true},
	} {
		t.Run(c.principal+" "+c.who, func(t *testing.T) {
			p, err := policy.ParseTrust([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":` + c.principal + `}}`))
			require.NoError(t, err)
			got := policy.Evaluate(policy.Request{Principal: c.who, Action: "sts:AssumeRole", Resource: roleARN}, p)
			assert.Equal(t, c.want, got == policy.Allow)
		})
	}
}

func TestNotPrincipalDeniesEverybodyElse(t *testing.T) {
	p, err := policy.ParseResource([]byte(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"},
		{"Effect":"Deny","Action":"*","Resource":"*","NotPrincipal":{"AWS":"` + user + `"}}]}`))
	require.NoError(t, err)
	assert.Equal(t, policy.Allow, policy.Evaluate(policy.Request{Principal: user, Action: "a:B", Resource: "*"}, p))
	assert.Equal(t, policy.ExplicitDeny, policy.Evaluate(policy.Request{Principal: session, Action: "a:B", Resource: "*"}, p))
}

func TestRefusalsAreInTheWordsOfAWS(t *testing.T) {
	r := policy.Request{Principal: session, Action: "kinesis:GetRecords", Resource: stream}
	const start = "User: " + session + " is not authorized to perform: kinesis:GetRecords on resource: " + stream + " "
	allow := statements(t, `{"Effect":"Allow","Action":"kinesis:GetRecords","Resource":"*"}`)
	deny := statements(t, `{"Effect":"Deny","Action":"kinesis:*","Resource":"*"}`)
	resource, err := policy.ParseResource([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`))
	require.NoError(t, err)

	require.NoError(t, policy.Authorize(r, allow))
	require.EqualError(t, policy.Authorize(r), start+"because no identity-based policy allows the kinesis:GetRecords action")
	require.EqualError(t, policy.Authorize(r, allow, deny), start+"with an explicit deny in an identity-based policy")
	require.EqualError(t, policy.Authorize(r, allow, resource), start+"with an explicit deny in a resource-based policy")

	trust, err := policy.ParseTrust([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"` + user + `"},"Action":"sts:AssumeRole"}}`))
	require.NoError(t, err)
	r = policy.Request{Principal: session, Action: "sts:AssumeRole", Resource: roleARN}
	require.EqualError(t, policy.Authorize(r, trust),
		"User: "+session+" is not authorized to perform: sts:AssumeRole because no role trust policy allows the sts:AssumeRole action")
	r.Principal = user
	require.EqualError(t, policy.Authorize(r, trust),
		"User: "+user+" is not authorized to perform: sts:AssumeRole with an explicit deny in the role trust policy")
}
