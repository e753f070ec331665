package simulate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/role"
	"github.com/shardmill/shardmill/role/roletest"
	"github.com/shardmill/shardmill/role/simulate"
)

const (
	ship   = "arn:aws:iam::123456789012:role/ship-orders"
	stream = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	queue  = "arn:aws:sqs:us-east-1:123456789012:lost-orders"
	topic  = "arn:aws:sns:us-east-1:123456789012:lost-orders"
	trust  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`
	asking = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:SimulatePrincipalPolicy","Resource":"*"}}`
)

var needs = role.Needs{
	Stream: stream, Destinations: []role.Destination{{ARN: queue}, {ARN: topic}, {ARN: "arn:aws:s3:::lost-orders"}},
	Tables: []string{"arn:aws:dynamodb:us-east-1:123456789012:table/leases-a", "arn:aws:dynamodb:us-east-1:123456789012:table/leases-b"},
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient returns IAM's client of a user who may do what the policies say, and the account.
func newClient(t *testing.T, policies ...string) (simulate.Client, *roletest.Account) {
	t.Helper()
	account := roletest.New(roletest.Config{})
	require.NoError(t, account.SetUser("AKIDADA", "arn:aws:iam::123456789012:user/ada", policies...))
	server := httptest.NewServer(modeltest.WatchRequests(t, account.Handler()))
	t.Cleanup(server.Close)
	return iam.New(iam.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDADA", "secret", ""),
	}), account
}

// messages returns what is missing.
func messages(t *testing.T, err error) map[string]string {
	t.Helper()
	all := map[string]string{}
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%v", err)
	for _, err := range joined.Unwrap() {
		missing := new(role.AccessError)
		require.ErrorAs(t, err, &missing)
		all[missing.Action+" "+missing.Resource] = missing.Message
	}
	return all
}

func TestRoleWithThePolicyOfItsNeedsMayDoAll(t *testing.T) {
	client, account := newClient(t, asking)
	document, err := role.PolicyDocument(needs)
	require.NoError(t, err)
	require.NoError(t, account.SetRole(roletest.Role{ARN: ship, Trust: trust, Policies: []string{string(document)}}))
	require.NoError(t, simulate.Check(t.Context(), client, ship, needs))
}

func TestMissingPermissionsAreAllToldInAWSsWords(t *testing.T) {
	client, account := newClient(t, asking)
	allow := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"kinesis:*","Resource":"*"},
		{"Effect":"Allow","Action":"dynamodb:*","Resource":"` + needs.Tables[0] + `"},
		{"Effect":"Deny","Action":"kinesis:GetRecords","Resource":"*"}]}`
	require.NoError(t, account.SetRole(roletest.Role{ARN: ship, Trust: trust, Policies: []string{allow}}))
	got := messages(t, simulate.Check(t.Context(), client, ship, needs))
	assert.Len(t, got, 4+7, "one for each action on the other table")
	const text = "The function execution role does not have permissions to call "
	assert.Equal(t, text+"SendMessage on SQS", got["sqs:SendMessage "+queue])
	assert.Equal(t, text+"Publish on SNS", got["sns:Publish "+topic])
	assert.Equal(t, text+"PutObject on S3", got["s3:PutObject arn:aws:s3:::lost-orders/aws/lambda/*"])
	assert.Equal(t, text+"PutItem on DynamoDB", got["dynamodb:PutItem "+needs.Tables[1]])
	assert.Contains(t, got["kinesis:GetRecords "+stream], "Cannot access stream "+stream+". ")
}

func TestNotBeingAllowedToAskIsNoMissingPermission(t *testing.T) {
	client, account := newClient(t)
	require.NoError(t, account.SetRole(roletest.Role{ARN: ship, Trust: trust}))
	err := simulate.Check(t.Context(), client, ship, needs)
	require.ErrorIs(t, err, simulate.ErrNotAllowed)
	require.ErrorContains(t, err, "is not authorized to perform: iam:SimulatePrincipalPolicy on resource: "+ship)

	client, _ = newClient(t, asking)
	err = simulate.Check(t.Context(), client, ship, needs)
	require.Error(t, err)
	require.NotErrorIs(t, err, simulate.ErrNotAllowed)
	require.ErrorContains(t, err, "cannot be found")
	require.Error(t, simulate.Check(t.Context(), client, ship, role.Needs{Stream: "orders"}))
}

// paged answers one action a page, in the form without results for each resource.
type paged struct {
	decisions []types.PolicyEvaluationDecisionType
}

func (p paged) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput, _ ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	page := 0
	if in.Marker != nil {
		if _, err := fmt.Sscan(*in.Marker, &page); err != nil {
			return nil, err
		}
	}
	if page >= len(in.ActionNames) {
		return nil, errors.New("a page too many")
	}
	return &iam.SimulatePrincipalPolicyOutput{
		EvaluationResults: []types.EvaluationResult{{EvalActionName: &in.ActionNames[page], EvalDecision: p.decisions[page]}},
		IsTruncated:       page+1 < len(in.ActionNames), Marker: aws.String(fmt.Sprint(page + 1)),
	}, nil
}

func TestAllPagesAreRead(t *testing.T) {
	p := paged{[]types.PolicyEvaluationDecisionType{"allowed", "allowed", "implicitDeny"}}
	got := messages(t, simulate.Check(t.Context(), p, ship, role.Needs{Stream: stream}))
	assert.Len(t, got, 1)
	assert.Contains(t, got, "kinesis:ListShards "+stream)
}
