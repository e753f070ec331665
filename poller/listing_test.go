package poller_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// A token names its stream: AWS refuses a request that names the stream as well.
func TestThePagesOfAListingAreAskedForByTheirTokenAlone(t *testing.T) {
	service := kinesistest.New(kinesistest.Config{})
	_, err := service.CreateStream("orders", 2100)
	require.NoError(t, err)
	for name, client := range map[string]poller.Client{"in process": service.Client(), "over HTTP": serve(t, service)} {
		shards, err := newPoller(t, client, poller.Config{}).Shards(t.Context())
		require.NoError(t, err, name)
		require.Len(t, shards, 2100, name)
	}
}

// roundTripper is an http.RoundTripper made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The SDK derives the host of a request from the stream's ARN, so pages that are asked for by token go to the region's
// host. They are signed for the same region and service.
func TestTheFirstPageGoesToTheAccountsHostAndTheOthersToTheRegions(t *testing.T) {
	var hosts []string
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, r.URL.Host)
		require.Contains(t, r.Header.Get("Authorization"), "/us-east-1/kinesis/aws4_request")
		answer := `{"Shards":[{"ShardId":"shardId-000000000000"}],"NextToken":"more"}`
		switch string(body) {
		case `{"StreamARN":"` + ordersARN + `"}`:
		case `{"NextToken":"more"}`:
			answer = `{"Shards":[{"ShardId":"shardId-000000000001"}]}`
		default:
			return nil, errors.New("unexpected request " + string(body))
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
	})
	client := kinesis.NewFromConfig(aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		HTTPClient:  &http.Client{Transport: transport},
	})
	shards, err := newPoller(t, client, poller.Config{}).Shards(t.Context())
	require.NoError(t, err)
	require.Len(t, shards, 2)
	require.Equal(t, []string{"123456789012.control-kinesis.us-east-1.amazonaws.com", "kinesis.us-east-1.amazonaws.com"}, hosts)
}
