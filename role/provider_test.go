package role_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
	"github.com/shardmill/shardmill/role"
	"github.com/shardmill/shardmill/role/roletest"
)

var (
	_ role.Client             = (*sts.Client)(nil)
	_ role.SourceClient       = (*kinesis.Client)(nil)
	_ role.SubscribeClient    = (*kinesis.Client)(nil)
	_ aws.CredentialsProvider = (*role.Provider)(nil)
)

func TestClientsActAsTheRole(t *testing.T) {
	w := newWorld(t, allow(t, "kinesis:ListShards"))
	cfg, err := role.Role{ARN: shipARN}.Config(w.host)
	require.NoError(t, err)
	cfg.BaseEndpoint = aws.String(w.kinesis.URL)
	list := &kinesis.ListShardsInput{StreamARN: new(w.orders.ARN())}
	for range 3 {
		_, err = kinesis.NewFromConfig(cfg).ListShards(t.Context(), list)
		require.NoError(t, err)
	}
	sessions := w.account.Sessions()
	require.Len(t, sessions, 1, "one session for all clients of one configuration")
	assert.Regexp(t, `^arn:aws:sts::123456789012:assumed-role/ship-orders/awslambda_\d+_\d{17}$`, sessions[0].ARN)
	assert.Equal(t, time.Hour, sessions[0].Expires.Sub(sessions[0].Start))

	same, err := role.Role{}.Config(w.host)
	require.NoError(t, err)
	assert.Equal(t, w.host.Credentials, same.Credentials, "no role: the ambient credentials")
	_, err = kinesis.NewFromConfig(w.kinesis.Config(), func(o *kinesis.Options) { o.Credentials = same.Credentials }).ListShards(t.Context(), list)
	require.ErrorContains(t, err, "User: "+hostARN+" is not authorized to perform: kinesis:ListShards")
}

func TestSessionIsAsTheRoleSays(t *testing.T) {
	w := newWorld(t, "")
	trust, err := role.TrustPolicy(role.Trust{Principals: []string{hostARN}, ExternalID: "orders-7", SetSourceIdentity: true, TagSession: true})
	require.NoError(t, err)
	require.NoError(t, w.account.SetRole(roletest.Role{ARN: shipARN, Trust: string(trust), Policies: []string{allow(t, "kinesis:*")}}))
	r := role.Role{
		ExternalID: "orders-7", SessionName: "ship-orders-1", SourceIdentity: "ada", Duration: 30 * time.Minute,
		Tags: map[string]string{"team": "shipping"}, SessionPolicy: document(t, role.Needs{Stream: w.orders.ARN()}),
	}
	p := w.provider(r)
	_, err = p.Retrieve(t.Context())
	require.NoError(t, err)
	got := w.account.Sessions()[0]
	assert.Equal(t, []string{"orders-7", "ship-orders-1", "ada"}, []string{got.ExternalID, got.Name, got.SourceIdentity})
	assert.Equal(t, 30*time.Minute, got.Expires.Sub(got.Start))
	assert.Equal(t, shipARN, p.ARN())
	assert.Equal(t, "ship-orders-1", p.SessionName())

	require.NoError(t, role.CheckSource(t.Context(), w.client(r), role.Needs{Stream: w.orders.ARN()}))
	err = role.CheckSource(t.Context(), w.client(r), role.Needs{Consumer: w.consumer})
	require.ErrorContains(t, err, "because no session policy allows the kinesis:SubscribeToShard action")
}

func TestRoleThatCannotBeAssumedIsNamedInAWSsWords(t *testing.T) {
	w := newWorld(t, "")
	others, err := role.TrustPolicy(role.Trust{})
	require.NoError(t, err)
	external, err := role.TrustPolicy(role.Trust{Principals: []string{hostARN}, ExternalID: "orders-7"})
	require.NoError(t, err)
	account, err := role.TrustPolicy(role.Trust{Principals: []string{"123456789012"}})
	require.NoError(t, err)
	const missingARN, user = "arn:aws:iam::123456789012:role/missing", "User: " + hostARN + " is not authorized to perform: sts:AssumeRole "
	for name, c := range map[string]struct {
		trust  []byte
		role   role.Role
		detail string
	}{
		"unknown role":      {nil, role.Role{ARN: missingARN}, user + "on resource: " + missingARN},
		"trust of others":   {others, role.Role{}, user + "because no role trust policy allows the sts:AssumeRole action"},
		"no external ID":    {external, role.Role{}, "because no role trust policy allows"},
		"other external ID": {external, role.Role{ExternalID: "orders-8"}, "because no role trust policy allows"},
		"tags":              {external, role.Role{ExternalID: "orders-7", Tags: map[string]string{"team": "x"}}, "perform: sts:TagSession because no role trust policy"},
		"host may not":      {account, role.Role{}, user + "on resource: " + shipARN + " because no identity-based policy allows"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.trust != nil {
				require.NoError(t, w.account.SetRole(roletest.Role{ARN: shipARN, Trust: string(c.trust)}))
			}
			if c.role.ARN == "" {
				c.role.ARN = shipARN
			}
			_, err := w.provider(c.role).Retrieve(t.Context())
			denied := new(role.AccessError)
			require.ErrorAs(t, err, &denied)
			assert.Equal(t, "Please add Lambda as a Trusted Entity for "+c.role.ARN, denied.Message)
			require.ErrorContains(t, err, c.detail)

			_, err = w.client(c.role).ListShards(t.Context(), &kinesis.ListShardsInput{StreamARN: new(w.orders.ARN())})
			require.ErrorAs(t, err, new(*role.AccessError), "through a client")
			assert.Equal(t, poller.Denied, poller.Classify(err))
			err = role.CheckSource(t.Context(), w.client(c.role), role.Needs{Stream: w.orders.ARN()})
			require.ErrorAs(t, err, &denied)
			assert.Equal(t, "Please add Lambda as a Trusted Entity for "+c.role.ARN, denied.Message, "the role goes before the stream")
		})
	}
}

func TestBadRolesAreReportedAllAtOnce(t *testing.T) {
	_, err := role.Role{
		ARN: "ship-orders", ExternalID: "x", SessionName: "a b", SourceIdentity: "é", Duration: time.Minute, RenewBefore: 2 * time.Hour,
		SessionPolicy: strings.Repeat("x", 2049),
	}.Provider(nil)
	for _, field := range []string{"client", "ARN", "ExternalID", "SessionName", "SourceIdentity", "Duration", "RenewBefore", "SessionPolicy"} {
		require.ErrorContains(t, err, "role: "+field+" is")
	}
	_, err = role.Role{ARN: "ship-orders"}.Config(aws.Config{})
	require.ErrorContains(t, err, "role: ARN is")
}

// What STS would refuse of a Role is refused when it is made, and not when its first session is needed.
func TestRolesThatSTSWouldRefuse(t *testing.T) {
	for want, change := range map[string]func(*role.Role){
		`role: ARN is "` + shipARN + `\n", must be arn:PARTITION:iam::ACCOUNT:role/NAME (the role name is "service/ship-orders\n"`: func(r *role.Role) { r.ARN = shipARN + "\n" },
		`the account is "12345", must be 12 digits`:                                                        func(r *role.Role) { r.ARN = "arn:aws:iam::12345:role/ship" },
		`role: ARN is "arn:aws:iam::123456789012:user/ship", must be arn:PARTITION:iam::ACCOUNT:role/NAME`: func(r *role.Role) { r.ARN = "arn:aws:iam::123456789012:user/ship" },
		`role: SourceIdentity is "`:                                                                        func(r *role.Role) { r.SourceIdentity = strings.Repeat("i", 257) },
		`role: SessionPolicy is of other characters, must be Latin-1 text`:                                 func(r *role.Role) { r.SessionPolicy = `{"世":1}` },
		`role: Tags is 51 tags, must be at most 50`: func(r *role.Role) {
			for i := range 51 {
				r.Tags[fmt.Sprint(i)] = ""
			}
		},
		`role: Tags is of the key "", must be of keys of 1 to 128`:                                         func(r *role.Role) { r.Tags[""] = "x" },
		`role: Tags is of the key "a*b"`:                                                                   func(r *role.Role) { r.Tags["a*b"] = "x" },
		`role: Tags is of the key "Aws:team"`:                                                              func(r *role.Role) { r.Tags["Aws:team"] = "x" },
		`role: Tags is "a\nb" for the key "team", must be up to 256`:                                       func(r *role.Role) { r.Tags["team"] = "a\nb" },
		`role: Tags is of the keys "Team" and "team", must be of keys that differ in more than their case`: func(r *role.Role) { r.Tags["team"], r.Tags["Team"] = "x", "y" },
	} {
		r := role.Role{ARN: shipARN, Tags: map[string]string{}}
		change(&r)
		_, err := r.Config(aws.Config{})
		require.ErrorContains(t, err, want)
	}
	_, err := role.Role{
		ARN: "arn:aws:iam::123456789012:role/a/path/" + strings.Repeat("r", 64), SourceIdentity: strings.Repeat("i", 256),
		Tags: map[string]string{strings.Repeat("ü", 128): strings.Repeat("世", 256)}, SessionPolicy: strings.Repeat("ü", 2048),
	}.Config(aws.Config{})
	require.NoError(t, err)
}

// inBubble makes an account whose STS is reached without a network, and the streams of the same account.
func inBubble(t *testing.T) (*roletest.Account, *kinesistest.Server, role.Client) {
	t.Helper()
	account := roletest.New(roletest.Config{})
	require.NoError(t, account.SetUser("AKIDHOST", hostARN))
	trust, err := role.TrustPolicy(role.Trust{Principals: []string{hostARN}})
	require.NoError(t, err)
	require.NoError(t, account.SetRole(roletest.Role{ARN: shipARN, Trust: string(trust), Policies: []string{allow(t, "kinesis:*")}}))
	service := kinesistest.New(kinesistest.Config{Principal: account.Principal, Authorize: account.Authorize, NoLimits: true})
	_, err = service.CreateStream("orders", 1)
	require.NoError(t, err)
	return account, kinesistest.NewPipeServer(service), sts.New(sts.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://sts.invalid"), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDHOST", "secret", ""),
		HTTPClient:  handlerClient{account.Handler()},
	})
}

// handlerClient calls a handler in place of the network, after some time.
type handlerClient struct{ handler http.Handler }

func (c handlerClient) Do(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestCredentialsAreRenewedUnderLoadBeforeTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account, server, client := inBubble(t)
		defer server.Close()
		p, err := role.Role{ARN: shipARN, Duration: 15 * time.Minute, RenewBefore: 2 * time.Minute}.Provider(client)
		require.NoError(t, err)
		cfg := server.Config()
		cfg.Credentials = p
		streams := kinesis.NewFromConfig(cfg)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		var workers sync.WaitGroup
		var calls [6]int
		for i := range calls {
			workers.Go(func() {
				tick := time.NewTicker(10 * time.Second)
				defer tick.Stop()
				for ; ctx.Err() == nil; <-tick.C {
					_, err := streams.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
					if !assert.NoError(t, err, "at %s", time.Now()) {
						return
					}
					calls[i]++
				}
			})
		}
		workers.Wait()
		for _, n := range calls {
			assert.Greater(t, n, 700)
		}
		sessions := account.Sessions()
		assert.InDelta(t, 120/13, len(sessions), 1, "one call of STS for each renewal, for all callers")
		for i, s := range sessions {
			assert.Equal(t, sessions[0].Name, s.Name)
			if i > 0 {
				left := sessions[i-1].Expires.Sub(s.Start)
				assert.True(t, left > time.Minute && left <= 2*time.Minute, "renewed %s before the end", left)
			}
		}
	})
}

func TestOldCredentialsAreUsedWhileSTSIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account, server, client := inBubble(t)
		defer server.Close()
		var log bytes.Buffer
		p, err := role.Role{ARN: shipARN, Logger: slog.New(slog.NewTextHandler(&log, nil))}.Provider(client)
		require.NoError(t, err)
		first, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		down := errors.New("out of order")
		account.Fail(down, 1<<16)
		time.Sleep(54 * time.Minute)
		got, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, first.AccessKeyID, got.AccessKeyID, "not yet due")
		for range 4 * 60 { // from 5 minutes before the end to 1 before it
			time.Sleep(time.Second)
			got, err = p.Retrieve(t.Context())
			require.NoError(t, err)
			assert.Equal(t, first.AccessKeyID, got.AccessKeyID)
		}
		assert.Equal(t, 1, strings.Count(log.String(), "unable to renew credentials"), "one line for a change of state")
		time.Sleep(2*time.Minute + 10*time.Second)
		_, err = p.Retrieve(t.Context())
		require.Error(t, err, "they have ended")
		_, denied := role.FromError(err)
		assert.False(t, denied, "an outage is no denial: %v", err)

		account.ClearFailures()
		time.Sleep(2 * time.Second)
		got, err = p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, first.AccessKeyID, got.AccessKeyID)
		assert.Equal(t, 1, strings.Count(log.String(), "credentials renewed again"))
	})
}

func TestFailureIsRepeatedToAllForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account, server, client := inBubble(t)
		defer server.Close()
		counted := &counting{client: client}
		p, err := role.Role{ARN: shipARN}.Provider(counted)
		require.NoError(t, err)
		account.Fail(&smithy.GenericAPIError{Code: "Throttling"}, 1)
		for range 100 {
			_, err := p.Retrieve(t.Context())
			require.Error(t, err)
		}
		assert.Equal(t, 1, counted.calls)
		time.Sleep(time.Second)
		_, err = p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, counted.calls)
	})
}

func TestOneWhoGivesUpDoesNotSpoilItForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server, client := inBubble(t)
		defer server.Close()
		p, err := role.Role{ARN: shipARN}.Provider(client)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = p.Retrieve(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = p.Retrieve(t.Context())
		require.NoError(t, err)
	})
}

// hanging is a network that never answers.
type hanging struct{}

func (hanging) Do(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestSTSThatDoesNotAnswerIsNotTheEndOfTheCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := sts.New(sts.Options{
			Region: "us-east-1", HTTPClient: hanging{}, Credentials: credentials.NewStaticCredentialsProvider("AKIDHOST", "secret", ""),
		})
		p, err := role.Role{ARN: shipARN}.Provider(client)
		require.NoError(t, err)
		start := time.Now()
		_, err = p.Retrieve(t.Context())
		require.ErrorContains(t, err, "no answer within 30s")
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}

// counting counts calls.
type counting struct {
	client role.Client
	calls  int
}

func (c *counting) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, opts ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	c.calls++
	return c.client.AssumeRole(ctx, in, opts...)
}
