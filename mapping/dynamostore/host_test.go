package dynamostore_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

var _ driver.Remote = (*dynamostore.FleetStore)(nil)

func TestHostIsTheOneThatTheClientCalls(t *testing.T) {
	for endpoint, want := range map[string]string{"": "dynamodb.eu-west-1.amazonaws.com", "http://localhost:8000": "localhost:8000"} {
		o := dynamodb.Options{Region: "eu-west-1"}
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		s, err := dynamostore.New(dynamostore.Options{Client: dynamodb.New(o)})
		require.NoError(t, err)
		assert.Equal(t, want, s.Host())
		s, err = dynamostore.New(dynamostore.Options{Client: struct{ dynamostore.Client }{dynamodb.New(o)}})
		require.NoError(t, err)
		assert.Empty(t, s.Host(), "it does not say")
	}
}
