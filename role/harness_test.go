package role_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/poller/kinesistest"
	"github.com/shardmill/shardmill/role"
	"github.com/shardmill/shardmill/role/roletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an account with a host, a role, a stream with one shard, and servers for all of them.
type world struct {
	t        *testing.T
	account  *roletest.Account
	service  *kinesistest.Service
	kinesis  *kinesistest.Server
	orders   *kinesistest.Stream
	consumer string // its ARN
	host     aws.Config
}

// newWorld makes a world whose role trusts the host and may do what document says.
func newWorld(t *testing.T, document string) *world {
	t.Helper()
	w := &world{t: t, account: roletest.New(roletest.Config{})}
	require.NoError(t, w.account.SetUser("AKIDHOST", hostARN))
	w.setRole(document)
	w.service = kinesistest.New(modeltest.Watch(t, kinesistest.Config{
		Principal: w.account.Principal, Authorize: w.account.Authorize, NoLimits: true,
	}))
	var err error
	w.orders, err = w.service.CreateStream("orders", 1)
	require.NoError(t, err)
	w.consumer, err = w.orders.RegisterConsumer("shipping")
	require.NoError(t, err)
	server := httptest.NewServer(modeltest.WatchRequests(t, w.account.Handler()))
	w.kinesis = kinesistest.NewServer(w.service)
	t.Cleanup(func() { w.kinesis.Close(); server.Close() })
	w.host = w.kinesis.Config()
	w.host.BaseEndpoint = aws.String(server.URL)
	w.host.Credentials = credentials.NewStaticCredentialsProvider("AKIDHOST", "secret", "")
	return w
}

// setRole gives the role one policy, or none.
func (w *world) setRole(document string) {
	w.t.Helper()
	trust, err := role.TrustPolicy(role.Trust{Principals: []string{hostARN}})
	require.NoError(w.t, err)
	r := roletest.Role{ARN: shipARN, Trust: string(trust)}
	if document != "" {
		r.Policies = []string{document}
	}
	require.NoError(w.t, w.account.SetRole(r))
}

// provider returns a session of r, of the world's role if it names none.
func (w *world) provider(r role.Role) *role.Provider {
	w.t.Helper()
	if r.ARN == "" {
		r.ARN = shipARN
	}
	r.Logger = slog.New(slog.DiscardHandler)
	p, err := r.Provider(sts.NewFromConfig(w.host))
	require.NoError(w.t, err)
	return p
}

// client returns a client of the streams that acts as the role.
func (w *world) client(r role.Role) *kinesis.Client {
	w.t.Helper()
	cfg := w.kinesis.Config()
	cfg.Credentials = w.provider(r)
	return kinesis.NewFromConfig(cfg)
}

// document returns the least that needs need.
func document(t *testing.T, needs role.Needs) string {
	t.Helper()
	d, err := role.PolicyDocument(needs)
	require.NoError(t, err)
	return string(d)
}
