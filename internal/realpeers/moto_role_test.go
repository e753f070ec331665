package realpeers_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
	onlambda "github.com/shardmill/shardmill/invoke/lambda"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/role"
)

// A role whose policies we print is assumed through an STS that others wrote, which checks signatures, session tokens, the trust
// policy and each action from then on. It reads the stream. Without one of the actions it waits until it may do that too.
func TestReadsMotoAsARole(t *testing.T) {
	t.Parallel()
	m := newMoto(t, 2)
	n := many(500, 5_000)
	m.puts(1, n, nil)
	needs := role.Needs{Stream: m.arn}
	host := m.user("host", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","iam:PutRolePolicy"],"Resource":"*"}]}`)
	m.role("ship-orders", host.arn, m.policy(needs))
	m.role("half-way", host.arn, strings.ReplaceAll(m.policy(needs), "kinesis:GetRecords", "kinesis:DescribeStream"))
	m.role("of-others", "arn:aws:iam::000000000000:user/somebody", m.policy(needs))
	m.post("reset-auth", "0") // from here on each call is checked

	provider, client := m.assume(host, "ship-orders")
	require.NoError(t, role.CheckSource(t.Context(), client, needs))
	made := m.mapping("orders-app", succeeds, func(c *mapping.Config) { c.Client, c.Role = client, provider })
	stop := background(t, made)
	eventually(t, "all records", func() bool { return m.distinct() >= n })
	stop()
	v := judge(m.put, m.all())
	assertNothingLost(t, v)
	assert.Zero(t, v.repeated)

	// Moto refuses each call with XML as S3 has it, which names no error to a client of another service: the status is all there is.
	provider, client = m.assume(host, "half-way")
	err := role.CheckSource(t.Context(), client, needs)
	require.ErrorContains(t, err, "check kinesis:GetRecords on "+m.arn)
	require.ErrorContains(t, err, "StatusCode: 403")
	t.Logf("without kinesis:GetRecords: %v", err)
	late := &moto{T: t, config: m.config, arn: m.arn, put: m.put, witness: newWitness()}
	late.config.Credentials = credentials.NewStaticCredentialsProvider(host.key, host.secret, "")
	background(t, late.mapping("another", succeeds, func(c *mapping.Config) { c.Client, c.Role = client, provider }))
	late.allow("half-way", m.policy(needs))
	eventually(t, "all records, once the role may read them", func() bool { return late.distinct() >= n })
	assertNothingLost(t, judge(m.put, late.all()))

	provider, _ = m.assume(host, "of-others")
	_, err = provider.Retrieve(t.Context())
	require.ErrorContains(t, err, "role: assume arn:aws:iam::000000000000:role/of-others")
	require.ErrorContains(t, err, "StatusCode: 403")
	t.Logf("a role that trusts somebody else: %v", err)
}

// user is an IAM user with an access key.
type user struct{ arn, key, secret string }

func (m *moto) user(name, policy string) user {
	m.Helper()
	client := iam.NewFromConfig(m.config)
	out, err := client.CreateUser(m.Context(), &iam.CreateUserInput{UserName: &name})
	require.NoError(m, err)
	_, err = client.PutUserPolicy(m.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy})
	require.NoError(m, err)
	key, err := client.CreateAccessKey(m.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	require.NoError(m, err)
	return user{*out.User.Arn, *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey}
}

// policy returns the policy that we print for a role. Moto asks about every action on the resource "*", which the policy of
// one stream does not allow: so this one is of all.
func (m *moto) policy(needs role.Needs) string {
	m.Helper()
	printed, err := role.PolicyDocument(needs)
	require.NoError(m, err)
	require.Contains(m, string(printed), m.arn)
	return strings.ReplaceAll(string(printed), m.arn, "*")
}

// role makes a role with a policy that trusts a principal.
func (m *moto) role(name, principal, policy string) {
	m.Helper()
	trust, err := role.TrustPolicy(role.Trust{Principals: []string{principal}})
	require.NoError(m, err)
	_, err = iam.NewFromConfig(m.config).CreateRole(m.Context(), &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(string(trust)),
	})
	require.NoError(m, err)
	m.allow(name, policy)
}

// allow gives a role its policy.
func (m *moto) allow(name, policy string) {
	m.Helper()
	_, err := iam.NewFromConfig(m.config).PutRolePolicy(m.Context(), &iam.PutRolePolicyInput{
		RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy,
	})
	require.NoError(m, err)
}

// assume returns a session of a role for a user, and a client of Kinesis that acts in it.
func (m *moto) assume(host user, name string) (*role.Provider, *kinesis.Client) {
	m.Helper()
	config := m.config.Copy()
	config.Credentials = credentials.NewStaticCredentialsProvider(host.key, host.secret, "")
	provider, err := role.Role{ARN: "arn:aws:iam::" + rig.Account + ":role/" + name}.Provider(sts.NewFromConfig(config))
	require.NoError(m, err)
	config = m.config.Copy()
	config.Credentials = provider
	return provider, kinesis.NewFromConfig(config)
}

// A function is invoked through moto's Lambda API. Without Docker it runs no code: it answers with the event, or with an answer
// that the test has stored there.
func TestInvokesFunctionsOnMoto(t *testing.T) {
	t.Parallel()
	m := newMoto(t, 1)
	n := many(300, 3_000)
	m.puts(1, n, nil)
	m.post("config", `{"lambda":{"use_docker":false}}`)
	client := lambda.NewFromConfig(m.config)
	m.function(client, "ship-orders")
	m.answers(`{"batchItemFailures":[{"itemIdentifier":"11"}]}`, `{"batchItemFailures":[{"itemIdentifier":""}]}`)

	function, err := onlambda.New(client, onlambda.Config{})
	require.NoError(t, err)
	calls := make(chan observe.Invoked, n)
	stop := background(t, m.mapping("ship-orders", succeeds, func(c *mapping.Config) {
		c.Function, c.BatchSize = function, 20
		c.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
		c.Observer.Invoked = func(i observe.Invoked) { calls <- i }
	}))
	var invocations, resolved, failed int
	for resolved < n {
		call := <-calls
		require.NoError(t, call.Err)
		invocations++
		resolved, failed = resolved+call.Records-call.Failed, failed+call.Failed
	}
	stop()
	t.Logf("%d records, %d invocations; %d records reported as failed, and retried", resolved, invocations, failed)
	assert.Equal(t, n, resolved)
	assert.Equal(t, 10+10, failed, "from the eleventh on, then the whole batch")
	assert.Equal(t, n/20+2, invocations)
	assert.Empty(t, calls)

	configuration, err := client.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("ship-orders")})
	require.NoError(t, err)
	assert.Equal(t, int32(3), *configuration.Timeout)
}

// function makes a function of any code.
func (m *moto) function(client *lambda.Client, name string) {
	m.Helper()
	trust, err := role.TrustPolicy(role.Trust{Services: []string{"lambda.amazonaws.com"}})
	require.NoError(m, err)
	out, err := iam.NewFromConfig(m.config).CreateRole(m.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("of-" + name), AssumeRolePolicyDocument: aws.String(string(trust)),
	})
	require.NoError(m, err)
	var code bytes.Buffer
	archive := zip.NewWriter(&code)
	_, err = archive.Create("main.py")
	require.NoError(m, err)
	require.NoError(m, archive.Close())
	_, err = client.CreateFunction(m.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: out.Role.Arn, Runtime: types.RuntimePython312, Handler: aws.String("main.handler"),
		Code: &types.FunctionCode{ZipFile: code.Bytes()},
	})
	require.NoError(m, err)
}

// answers leaves what the next invocations answer.
func (m *moto) answers(all ...string) {
	m.Helper()
	body, err := json.Marshal(map[string]any{"results": all, "account_id": rig.Account, "region": rig.Region})
	require.NoError(m, err)
	m.post("static/lambda-simple/response", string(body))
}
