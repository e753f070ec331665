package poller_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

func TestHostIsTheOneThatListingsGoTo(t *testing.T) {
	sdk := func(change func(*kinesis.Options)) poller.Client {
		return kinesis.New(kinesis.Options{Region: "eu-west-1"}, change)
	}
	for name, c := range map[string]struct {
		client poller.Client
		want   string
	}{
		"of the account":  {sdk(func(*kinesis.Options) {}), "123456789012.control-kinesis.eu-west-1.amazonaws.com"},
		"of the user":     {sdk(func(o *kinesis.Options) { o.BaseEndpoint = aws.String("http://localhost:4566/") }), "localhost:4566"},
		"no region":       {sdk(func(o *kinesis.Options) { o.Region = "" }), ""},
		"another Client":  {&fake{}, ""},
		"a wrapped SDK's": {struct{ poller.Client }{sdk(func(*kinesis.Options) {})}, ""},
	} {
		p, err := poller.New(poller.Config{Client: c.client, StreamARN: "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"})
		require.NoError(t, err)
		assert.Equal(t, c.want, p.Host(), name)
	}
}
