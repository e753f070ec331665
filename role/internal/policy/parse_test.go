package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/role/internal/policy"
)

func TestBadDocumentsAreRefusedWithThePlace(t *testing.T) {
	const allow = `"Effect":"Allow","Action":"a:B","Resource":"*"`
	statement := func(body string) string {
		return `{"Version":"2012-10-17","Statement":[{` + allow + `},{` + body + `}]}`
	}
	condition := func(body string) string { return statement(allow + `,"Condition":{` + body + `}`) }
	for _, c := range []struct{ document, place, message string }{
		{``, "", "is not JSON"},
		{`{"Version":`, "Version", "is not JSON"},
		{`[]`, "", "is not an object"},
		{`{"Statement":{` + allow + `}} x`, "", "something follows"},
		{`{"Version":"2012-10-18","Statement":{` + allow + `}}`, "Version", "must be"},
		{`{"Version":"2012-10-17"}`, "Statement", "is missing"},
		{`{"Statement":[]}`, "Statement", "is missing"},
		{`{"Statement":{` + allow + `},"Statements":1}`, "Statements", "is not an element"},
		{`{"Statement":{` + allow + `},"Statement":{` + allow + `}}`, "Statement", "occurs twice"},
		{`{"Statement":["x"]}`, "Statement[0]", "must be an object"},
		{`{"Id":[],"Statement":{` + allow + `}}`, "Id", "must be text"},
		{statement(`"Effect":"allow","Action":"a:B","Resource":"*"`), "Statement[1].Effect", `must be "Allow" or "Deny"`},
		{statement(`"Action":"a:B","Resource":"*"`), "Statement[1]", "has no Effect"},
		{statement(`"Effect":"Allow","Resource":"*"`), "Statement[1]", "has neither Action"},
		{statement(`"Effect":"Allow","Action":"a:B"`), "Statement[1]", "has neither Resource"},
		{statement(`"Effect":"Allow","Action":"a:B","NotAction":"a:C","Resource":"*"`), "Statement[1]", "has both Action and NotAction"},
		{statement(`"Effect":"Allow","Action":["a:B","GetRecords"],"Resource":"*"`), "Statement[1].Action[1]", "is neither an action"},
		{statement(`"Effect":"Allow","Action":"kin*:Get","Resource":"*"`), "Statement[1].Action", "is neither an action"},
		{statement(`"Effect":"Allow","Action":[],"Resource":"*"`), "Statement[1].Action", "is empty"},
		{statement(`"Effect":"Allow","Action":{"a":1},"Resource":"*"`), "Statement[1].Action", "must be text"},
		{statement(`"Effect":"Allow","Action":"a:B","Resource":"orders"`), "Statement[1].Resource", "is neither an ARN"},
		{statement(`"Effect":"Allow","Action":"a:B","Resource":"arn:aws:kinesis:*"`), "Statement[1].Resource", "is neither an ARN"},
		{statement(`"Effect":"Allow","Action":"a:B","Resource":"arn:aws:s3:::${aws:username"`), "Statement[1].Resource", "not closed"},
		{statement(`"Effect":"Allow","Action":"a:B","Resource":"arn:aws:s3:::${username}"`), "Statement[1].Resource", "is not a variable"},
		{statement(`"Effect":"Allow","Action":"a:B","Resource":"arn:aws:s3:::${aws:username, x}"`), "Statement[1].Resource", "single quotes"},
		{statement(allow + `,"Principal":"*"`), "Statement[1]", "must not have"},
		{statement(allow + `,"Conditions":{}`), "Statement[1].Conditions", "is not an element"},
		{statement(allow + `,"Sid":null`), "Statement[1].Sid", "is null"},
		{condition(`"StringLick":{"a:B":"x"}`), "Statement[1].Condition.StringLick", "is not a supported operator"},
		{condition(`"NumericLessThan":{"a:B":1}`), "Statement[1].Condition.NumericLessThan", "is not a supported operator"},
		{condition(`"stringequals":{"a:B":"x"}`), "Statement[1].Condition.stringequals", "is not a supported operator"},
		{condition(`"NullIfExists":{"a:B":"true"}`), "Statement[1].Condition.NullIfExists", "cannot be combined"},
		{condition(`"Null":{"a:B":"yes"}`), "Statement[1].Condition.Null.a:B", "must be true or false"},
		{condition(`"StringEquals":"x"`), "Statement[1].Condition.StringEquals", "must be an object"},
		{condition(`"StringEquals":{"key":"x"}`), "Statement[1].Condition.StringEquals.key", "is not a key"},
		{condition(`"StringEquals":{"a:B":[["x"]]}`), "Statement[1].Condition.StringEquals.a:B[0]", "must be text"},
		{condition(`"ArnLike":{"a:B":"orders"}`), "Statement[1].Condition.ArnLike.a:B", "is neither an ARN"},
		{condition(`"StringEquals":{"a:B":[[[[[[]]]]]]}`), "", "nests too deep"},
	} {
		t.Run(c.place+" "+c.message, func(t *testing.T) {
			_, err := policy.ParseIdentity([]byte(c.document))
			bad := new(policy.SyntaxError)
			require.ErrorAs(t, err, &bad, "of %s", c.document)
			assert.Contains(t, bad.Message, c.message)
			if c.place != "" {
				assert.Equal(t, c.place, bad.Place)
			}
			assert.True(t, strings.HasPrefix(err.Error(), "policy: "))
		})
	}
}

func TestKindsOfDocumentsDiffer(t *testing.T) {
	const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`
	_, err := policy.ParseTrust([]byte(trust))
	require.NoError(t, err)
	_, err = policy.ParseResource([]byte(trust))
	require.ErrorContains(t, err, "has neither Resource")
	_, err = policy.ParseIdentity([]byte(trust))
	require.ErrorContains(t, err, "must not have")

	const identity = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	_, err = policy.ParseTrust([]byte(identity))
	require.ErrorContains(t, err, "has no Principal")

	for _, principal := range []string{`"x"`, `{}`, `{"IAM":"x"}`, `{"AWS":"arn:aws:iam::1:user/x"}`, `{"AWS":"arn:aws:iam::123456789012:user/*"}`, `{"Service":"*"}`} {
		_, err = policy.ParseTrust([]byte(`{"Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}}`))
		require.ErrorContains(t, err, "Statement.Principal", "of %s", principal)
	}
	_, err = policy.ParseTrust([]byte(`{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`))
	require.ErrorContains(t, err, "allows by NotPrincipal")
	_, err = policy.ParseTrust([]byte(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}}`))
	require.ErrorContains(t, err, "must not have")
}

// FuzzParse looks for documents that panic, hang, or are decided differently the second time.
func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:*","Resource":"arn:aws:s3:::${aws:username,'x'}/*?"}}`, "a:B", "arn:aws:s3:::x/y")
	f.Add(`{"Statement":[{"Effect":"Deny","NotAction":["a:B"],"NotResource":"*","Condition":{"ForAnyValue:StringLikeIfExists":{"a:b":["*x*",true]}}}]}`, "a:B", "*")
	f.Add(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`, "sts:AssumeRole", "")
	f.Fuzz(func(t *testing.T, document, action, resource string) {
		r := policy.Request{
			Principal: session, Action: action, Resource: resource,
			Context: policy.Context{"aws:username": {resource}, "a:b": {action, resource}},
		}
		for _, parse := range []func([]byte) (*policy.Policy, error){policy.ParseIdentity, policy.ParseResource, policy.ParseTrust} {
			p, err := parse([]byte(document))
			if err != nil {
				require.ErrorAs(t, err, new(*policy.SyntaxError))
				continue
			}
			first := policy.Evaluate(r, p)
			assert.Equal(t, first, policy.Evaluate(r, p))
			assert.Equal(t, first == policy.Allow, policy.Authorize(r, p) == nil)
			if first == policy.ExplicitDeny {
				assert.Equal(t, policy.ExplicitDeny, policy.Evaluate(r, statementsOf(t), p), "a Deny wins over an Allow of everything")
			}
		}
	})
}

func statementsOf(t *testing.T) *policy.Policy {
	t.Helper()
	return statements(t, `{"Effect":"Allow","Action":"*","Resource":"*"}`)
}
