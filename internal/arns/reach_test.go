package arns_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/arns"
)

func TestClientsOfAnotherRegion(t *testing.T) {
	for name, tt := range map[string]struct {
		reach arns.Reach
		want  bool
	}{
		"another region":              {arns.Reach{Region: "us-east-1"}, true},
		"the same region":             {arns.Reach{Region: "eu-west-1"}, false},
		"no region":                   {arns.Reach{}, false},
		"an emulator of another":      {arns.Reach{Region: "us-east-1", Endpoint: "http://127.0.0.1:4566"}, true},
		"an emulator":                 {arns.Reach{Region: "eu-west-1", Endpoint: "http://127.0.0.1:4566"}, false},
		"a VPC endpoint":              {arns.Reach{Region: "us-east-1", Endpoint: "https://vpce-1-a.kinesis.us-east-1.vpce.amazonaws.com"}, true},
		"the VPC endpoint that is it": {arns.Reach{Region: "eu-west-1", Endpoint: "https://vpce-1-a.kinesis.eu-west-1.vpce.amazonaws.com"}, false},
	} {
		assert.Equal(t, tt.want, tt.reach.Misses("eu-west-1"), name)
	}
}

func TestReachOfAClient(t *testing.T) {
	assert.Equal(t, arns.Reach{Region: "us-east-1"}, arns.ReachOf("us-east-1", nil))
	assert.Equal(t, arns.Reach{Region: "us-east-1"}, arns.ReachOf("fips-us-east-1", nil))
	assert.Equal(t, arns.Reach{Region: "us-east-1", Endpoint: "http://x"}, arns.ReachOf("us-east-1-fips", new("http://x")))
}

func TestClientsThatCallTheRegionOfEachARN(t *testing.T) {
	a, err := arns.Queue.Parse("arn:aws:sqs:eu-west-1:123456789012:lost-orders")
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		reach arns.Reach
		want  string
	}{
		"another region":            {arns.Reach{Region: "us-east-1"}, ""},
		"no region":                 {arns.Reach{}, ""},
		"another partition":         {arns.Reach{Region: "cn-north-1"}, "lies in the partition aws, but the client is for the region cn-north-1 in aws-cn"},
		"an emulator":               {arns.Reach{Region: "us-east-1", Endpoint: "http://127.0.0.1:1"}, ""},
		"a VPC endpoint":            {arns.Reach{Region: "us-east-1", Endpoint: "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com"}, "lies in eu-west-1, but the client calls https://vpce-1.sqs.us-east-1.vpce.amazonaws.com in us-east-1"},
		"the VPC endpoint of it":    {arns.Reach{Region: "us-east-1", Endpoint: "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com"}, ""},
		"a host without its region": {arns.Reach{Region: "us-east-1", Endpoint: "https://queue.amazonaws.com"}, ""},
	} {
		if err := tt.reach.CheckOwnRegion(a); tt.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.EqualError(t, err, tt.want, name)
		}
	}
	a.Partition = "aws-next"
	assert.NoError(t, arns.Reach{Region: "cn-north-1"}.CheckOwnRegion(a), "a partition that nobody knows")
}

func TestRegionOfAHost(t *testing.T) {
	for host, want := range map[string]string{
		"sqs.us-east-1.amazonaws.com": "us-east-1", "eu-west-1.queue.amazonaws.com": "eu-west-1", "SQS.CN-NORTH-1.amazonaws.com.cn": "cn-north-1",
		"sqs.eusc-de-east-1.amazonaws.eu": "eusc-de-east-1", "queue.amazonaws.com": "", "sqs.us-east-1.example.com": "", "": "",
	} {
		got, ok := arns.HostRegion(host)
		assert.Equal(t, want, got, host)
		assert.Equal(t, want != "", ok, host)
	}
}
