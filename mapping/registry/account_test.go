package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller/kinesistest"
	"github.com/shardmill/shardmill/role"
	"github.com/shardmill/shardmill/role/roletest"
	"github.com/shardmill/shardmill/role/simulate"
)

const (
	hostARN   = "arn:aws:iam::123456789012:user/host"
	shipARN   = "arn:aws:iam::123456789012:role/ship-orders"
	strangers = "arn:aws:iam::123456789012:role/trusts-others"
	queueARN  = "arn:aws:sqs:us-east-1:123456789012:lost-orders"
	topicARN  = "arn:aws:sns:us-east-1:123456789012:lost-orders"
	dynamoARN = "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"

	unknownUUID = "00000000-0000-4000-8000-000000000000"
)

// account is an account with a stream, a consumer of it, IAM, and the control plane over HTTP.
type account struct {
	t        *testing.T
	iam      *roletest.Account
	url      string // of the control plane
	consumer string
	settled  string // the UUID of a mapping of bill-orders that is Disabled
}

// newAccount makes one. Of the functions, ship-orders acts as a role, bill-orders as the identity of the client, and
// lone-orders as a role whose trust policy does not name the host.
func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{t: t, iam: roletest.New(roletest.Config{})}
	simulator := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:SimulatePrincipalPolicy","Resource":"*"}}`
	require.NoError(t, a.iam.SetUser("AKIDHOST", hostARN, simulator))
	a.setRole("*")
	lone, err := role.TrustPolicy(role.Trust{Principals: []string{shipARN}})
	require.NoError(t, err)
	require.NoError(t, a.iam.SetRole(roletest.Role{ARN: strangers, Trust: string(lone)}))

	open := kinesistest.New(kinesistest.Config{Principal: a.iam.Principal, NoLimits: true, Authorize: func(principal, action, resource string) error {
		if principal == hostARN {
			return nil
		}
		return a.iam.Authorize(principal, action, resource)
	}})
	stream, err := open.CreateStream("orders", 1)
	require.NoError(t, err)
	a.consumer, err = stream.RegisterConsumer("shipping")
	require.NoError(t, err)
	server := kinesistest.NewServer(open)
	t.Cleanup(server.Close)
	accountServer := httptest.NewServer(a.iam.Handler())
	t.Cleanup(accountServer.Close)

	host := server.Config()
	host.BaseEndpoint = aws.String(accountServer.URL)
	host.Credentials = credentials.NewStaticCredentialsProvider("AKIDHOST", "secret", "")
	quiet := slog.New(slog.DiscardHandler)
	act := func(arn string) registry.Function {
		p, err := role.Role{ARN: arn, Logger: quiet}.Provider(sts.NewFromConfig(host))
		require.NoError(t, err)
		cfg := server.Config()
		cfg.Credentials = p
		return registry.Function{Invoker: nothing, Role: p, Client: kinesis.NewFromConfig(cfg)}
	}
	cfg := server.Config()
	cfg.Credentials = host.Credentials
	reg, err := registry.New(registry.Config{
		Functions: registry.FunctionMap{
			"ship-orders": act(shipARN), "lone-orders": act(strangers), "bill-orders": {Invoker: nothing},
		},
		Client:               kinesis.NewFromConfig(cfg),
		DestinationResolvers: []invoke.DestinationResolver{anywhere{}},
		Admit: func(ctx context.Context, c registry.Configuration, f registry.Function) error {
			if to := c.DestinationConfig.OnFailure.Destination; to != "" && f.Role != nil {
				return simulate.Check(ctx, iam.NewFromConfig(host), f.Role.ARN(), role.Needs{Destinations: []role.Destination{{ARN: to}}})
			}
			return nil
		},
		AllowUnsigned: true,
		Logger:        quiet,
	})
	require.NoError(t, err)
	control := httptest.NewServer(reg.Handler())
	t.Cleanup(control.Close)
	a.url = control.URL

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- reg.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
		http.DefaultClient.CloseIdleConnections()
	})
	a.settled = a.settle()
	return a
}

// setRole lets ship-orders do some actions.
func (a *account) setRole(actions ...string) {
	a.t.Helper()
	trust, err := role.TrustPolicy(role.Trust{Principals: []string{hostARN}})
	require.NoError(a.t, err)
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
		"Effect": "Allow", "Action": actions, "Resource": "*",
	}})
	require.NoError(a.t, err)
	require.NoError(a.t, a.iam.SetRole(roletest.Role{ARN: shipARN, Trust: string(trust), Policies: []string{string(policy)}}))
}

// settle makes a mapping of bill-orders and waits until it is Disabled.
func (a *account) settle() string {
	a.t.Helper()
	status, _, body := a.send("POST", "/2015-03-31/event-source-mappings", with("FunctionName", "bill-orders", "Enabled", false))
	require.Equal(a.t, 202, status, body)
	var c struct{ UUID, State string }
	require.NoError(a.t, json.Unmarshal([]byte(body), &c))
	require.Eventually(a.t, func() bool {
		_, _, body := a.send("GET", "/2015-03-31/event-source-mappings/"+c.UUID, "")
		return strings.Contains(body, `"State":"Disabled"`)
	}, 20*time.Second, 50*time.Millisecond)
	return c.UUID
}

// send makes a request, and returns the status, the code and the body of the answer.
func (a *account) send(method, path, body string) (status int, errorType, answer string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	require.NoError(a.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(a.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(a.t, err)
	return resp.StatusCode, resp.Header.Get("X-Amzn-Errortype"), string(b)
}

// with is the body of a Create with some members other than they should be; nil takes one away.
func with(members ...any) string {
	in := map[string]any{"EventSourceArn": streamARN, "FunctionName": "bill-orders:other", "StartingPosition": "TRIM_HORIZON", "Enabled": false}
	for i := 0; i < len(members); i += 2 {
		in[members[i].(string)] = members[i+1]
		if members[i+1] == nil {
			delete(in, members[i].(string))
		}
	}
	b, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	return string(b)
}

var nothing = invoke.ResponseFunc(func(context.Context, *invoke.Event) (*invoke.Response, error) { return &invoke.Response{}, nil })

// anywhere is a DestinationResolver of queues and topics that take everything.
type anywhere struct{}

func (anywhere) Serves(arn string) bool {
	return strings.HasPrefix(arn, "arn:aws:sqs:") || strings.HasPrefix(arn, "arn:aws:sns:")
}

func (anywhere) Resolve(arn string) (invoke.Destination, error) {
	if strings.HasSuffix(arn, ":nowhere") {
		return nowhere{}, nil
	}
	return invoke.DestinationFunc(func(context.Context, *invoke.Failure) error { return nil }), nil
}

// nowhere is a queue that does not exist.
type nowhere struct{ invoke.Destination }

func (nowhere) Check(context.Context) error {
	return fmt.Errorf("%w: %w", invoke.ErrDestinationMissing, &smithy.GenericAPIError{
		Code: "AWS.SimpleQueueService.NonExistentQueue", Message: "The specified queue does not exist.",
	})
}

// expect makes a request that is refused.
func (a *account) expect(t *testing.T, method, path, body string, status int, code, message string) {
	t.Helper()
	got, errorType, answer := a.send(method, path, body)
	assert.Equal(t, status, got, answer)
	assert.Equal(t, code, errorType)
	var e struct{ Type, Message string } // either spelling of message
	require.NoError(t, json.Unmarshal([]byte(answer), &e))
	wantType := "User"
	if code == registry.CodeValidation {
		wantType = ""
	}
	assert.Equal(t, wantType, e.Type)
	if prefix, ok := strings.CutSuffix(message, "NOW"); ok {
		require.True(t, strings.HasPrefix(e.Message, prefix), e.Message)
		assert.Regexp(t, `^\d{13}$`, strings.TrimPrefix(e.Message, prefix))
		return
	}
	assert.Equal(t, message, e.Message)
}
