package roletest_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/role/internal/policy"
	"github.com/shardmill/shardmill/role/roletest"
)

const (
	host   = "arn:aws:iam::123456789012:user/host"
	ship   = "arn:aws:iam::123456789012:role/service/ship-orders"
	named  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + host + `"},"Action":"sts:AssumeRole"}}`
	whole  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`
	assume = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`
	deny   = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:*","Resource":"*"}}`
	read   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:Get*","Resource":"*"}}`
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient returns an STS client of the account with some credentials.
func newClient(t *testing.T, a *roletest.Account, key, token string) *sts.Client {
	t.Helper()
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	return sts.New(sts.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(key, "secret", token),
	})
}

func input(session string) *sts.AssumeRoleInput {
	return &sts.AssumeRoleInput{RoleArn: aws.String(ship), RoleSessionName: &session}
}

func requireCode(t *testing.T, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	assert.Equal(t, code, api.ErrorCode())
	assert.Contains(t, api.ErrorMessage(), message)
}

func TestSessionEndsWhenItsTimeIsUp(t *testing.T) {
	now := time.Date(2026, 9, 19, 9, 10, 45, 500_000_000, time.UTC)
	a := roletest.New(roletest.Config{Now: func() time.Time { return now }})
	require.NoError(t, a.SetUser("AKIDHOST", host))
	require.NoError(t, a.SetRole(roletest.Role{ARN: ship, Trust: named, Policies: []string{read}}))
	in := input("s1")
	in.DurationSeconds = aws.Int32(900)
	out, err := newClient(t, a, "AKIDHOST", "").AssumeRole(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:sts::123456789012:assumed-role/ship-orders/s1", *out.AssumedRoleUser.Arn)
	assert.True(t, strings.HasSuffix(*out.AssumedRoleUser.AssumedRoleId, ":s1"))
	assert.Equal(t, now.Truncate(time.Second).Add(15*time.Minute), *out.Credentials.Expiration)

	key, token := *out.Credentials.AccessKeyId, *out.Credentials.SessionToken
	who, err := a.Principal(key, token)
	require.NoError(t, err)
	assert.Equal(t, *out.AssumedRoleUser.Arn, who)
	_, err = a.Principal(key, "another")
	requireCode(t, err, "UnrecognizedClientException", "is invalid")
	_, err = a.Principal("AKIDHOST", "a token, which users have none")
	requireCode(t, err, "UnrecognizedClientException", "is invalid")

	require.NoError(t, a.Authorize(who, "kinesis:GetRecords", "*"))
	require.EqualError(t, a.Authorize(who, "kinesis:PutRecord", "*"),
		"User: "+who+" is not authorized to perform: kinesis:PutRecord on resource: * because no identity-based policy allows the kinesis:PutRecord action")
	require.NoError(t, a.SetRole(roletest.Role{ARN: ship, Trust: named}))
	require.Error(t, a.Authorize(who, "kinesis:GetRecords", "*"), "a change takes effect immediately")

	now = now.Add(15 * time.Minute)
	_, err = a.Principal(key, token)
	requireCode(t, err, "ExpiredTokenException", "is expired")
	_, err = newClient(t, a, key, token).AssumeRole(t.Context(), input("s2"))
	requireCode(t, err, "ExpiredToken", "is expired")
	_, err = newClient(t, a, "AKIDOTHER", "").AssumeRole(t.Context(), input("s2"))
	requireCode(t, err, "InvalidClientTokenId", "is invalid")
}

func TestWhoMayAssumeARole(t *testing.T) {
	for name, c := range map[string]struct {
		user, trust string
		own         []string
		want        string // "" is yes
	}{
		"named":                                {host, named, nil, ""},
		"named, but denied by itself":          {host, named, []string{deny}, "with an explicit deny in an identity-based policy"},
		"its account, and allowed":             {host, whole, []string{assume}, ""},
		"its account, and not allowed":         {host, whole, nil, "because no identity-based policy allows the sts:AssumeRole action"},
		"somebody else":                        {"arn:aws:iam::123456789012:user/bob", named, []string{assume}, "because no role trust policy allows the sts:AssumeRole action"},
		"another account":                      {"arn:aws:iam::210987654321:user/host", whole, []string{assume}, "because no role trust policy"},
		"named in another account, and silent": {"arn:aws:iam::210987654321:user/host", strings.ReplaceAll(named, host, "arn:aws:iam::210987654321:user/host"), nil, "because no identity-based policy"},
	} {
		t.Run(name, func(t *testing.T) {
			a := roletest.New(roletest.Config{})
			require.NoError(t, a.SetUser("AKID", c.user, c.own...))
			require.NoError(t, a.SetRole(roletest.Role{ARN: ship, Trust: c.trust}))
			_, err := newClient(t, a, "AKID", "").AssumeRole(t.Context(), input("s1"))
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			requireCode(t, err, "AccessDenied", c.want)
		})
	}
}

func TestRolesAreChained(t *testing.T) {
	const second = "arn:aws:iam::123456789012:role/second"
	a := roletest.New(roletest.Config{})
	require.NoError(t, a.SetUser("AKIDHOST", host))
	require.NoError(t, a.SetRole(roletest.Role{ARN: ship, Trust: named}))
	require.NoError(t, a.SetRole(roletest.Role{ARN: second, Trust: strings.ReplaceAll(named, host, ship)}))
	out, err := newClient(t, a, "AKIDHOST", "").AssumeRole(t.Context(), input("s1"))
	require.NoError(t, err)
	_, err = newClient(t, a, *out.Credentials.AccessKeyId, *out.Credentials.SessionToken).AssumeRole(t.Context(),
		&sts.AssumeRoleInput{RoleArn: aws.String(second), RoleSessionName: aws.String("s2")})
	require.NoError(t, err)
	assert.Len(t, a.Sessions(), 2)
}

// tags returns tags by key and value in turn.
func tags(pairs ...string) []types.Tag {
	var all []types.Tag
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return all
}

func TestBadCallsAreRefused(t *testing.T) {
	a := roletest.New(roletest.Config{})
	require.NoError(t, a.SetUser("AKIDHOST", host))
	require.NoError(t, a.SetRole(roletest.Role{ARN: ship, Trust: named}))
	c := newClient(t, a, "AKIDHOST", "")
	for code, change := range map[string]func(*sts.AssumeRoleInput){
		"ValidationError: roleSessionName":    func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") },
		"ValidationError: durationSeconds":    func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(60) },
		"ValidationError: MaxSessionDuration": func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) },
		"ValidationError: 1 validation error detected: Value 'ship-orders' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20":  func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("ship-orders") },
		"ValidationError: arn:aws:iam::123456789012:user/ship-orders is invalid":                                                                                            func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:user/ship-orders") },
		"ValidationError: 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to 64":                                                 func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String(strings.Repeat("s", 65)) },
		"ValidationError: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200":                              func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43201) },
		"ValidationError: Value 'x' at 'externalId' failed to satisfy constraint: Member must have length greater than or equal to 2":                                       func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("x") },
		"ValidationError: 'sourceIdentity' failed to satisfy constraint: Member must have length less than or equal to 256":                                                 func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String(strings.Repeat("i", 257)) },
		"ValidationError: 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern":                                                            func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{\"世\":1}") },
		"ValidationError: 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048":                                                        func(in *sts.AssumeRoleInput) { in.Policy = aws.String(strings.Repeat(" ", 2049)) },
		"ValidationError: Value 'a*b' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+": func(in *sts.AssumeRoleInput) { in.Tags = tags("a*b", "x") },
		"ValidationError: 'tags.1.member.value' failed to satisfy constraint: Member must have length less than or equal to 256":                                            func(in *sts.AssumeRoleInput) { in.Tags = tags("a", strings.Repeat("v", 257)) },
		"ValidationError: Duplicate tag keys found. Please note that Tag keys are case insensitive.":                                                                        func(in *sts.AssumeRoleInput) { in.Tags = tags("team", "x", "Team", "y") },
		"ValidationError: Tag keys must not begin with aws:":                                                                                                                func(in *sts.AssumeRoleInput) { in.Tags = tags("AWS:team", "x") },
		"ValidationError: Member must have length less than or equal to 50": func(in *sts.AssumeRoleInput) {
			for i := range 51 {
				in.Tags = append(in.Tags, tags(fmt.Sprint(i), "x")...)
			}
		},
		"MalformedPolicyDocument: policy": func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{}") },
	} {
		in := input("s1")
		change(in)
		_, err := c.AssumeRole(t.Context(), in)
		code, message, _ := strings.Cut(code, ": ")
		requireCode(t, err, code, message)
	}
	_, err := c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	requireCode(t, err, "InvalidAction", "GetCallerIdentity")
	a.Fail(errors.New("out of order"), 1)
	_, err = c.AssumeRole(t.Context(), input("s1"))
	requireCode(t, err, "InternalFailure", "out of order")
	a.DeleteRole(ship)
	_, err = c.AssumeRole(t.Context(), input("s1"))
	requireCode(t, err, "AccessDenied", "sts:AssumeRole on resource: "+ship)

	require.ErrorAs(t, a.SetRole(roletest.Role{ARN: ship, Trust: "{}"}), new(*policy.SyntaxError))
	require.ErrorAs(t, a.SetRole(roletest.Role{ARN: ship, Trust: named, Policies: []string{"{}"}}), new(*policy.SyntaxError))
	require.ErrorAs(t, a.SetUser("AKID", host, "{}"), new(*policy.SyntaxError))
}
