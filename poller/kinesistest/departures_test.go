package kinesistest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// AWS's model wants at least one metric and at least one failed record. The examples of the API reference have neither, and
// clients read both as they read the examples.
func TestAnswersAreAsTheExamplesOfTheAPIReferenceWhereTheModelDiffers(t *testing.T) {
	s := kinesistest.New(kinesistest.Config{})
	_, err := s.CreateStream("orders", 1)
	require.NoError(t, err)
	for request, want := range map[[2]string]string{
		{"DescribeStream", `{"StreamName":"orders"}`}:                                            `"EnhancedMonitoring":[{"ShardLevelMetrics":[]}]`,
		{"DescribeStreamSummary", `{"StreamName":"orders"}`}:                                     `"EnhancedMonitoring":[{"ShardLevelMetrics":[]}]`,
		{"PutRecords", `{"StreamName":"orders","Records":[{"Data":"eA==","PartitionKey":"k"}]}`}: `"FailedRecordCount":0`,
	} {
		got := post(s.Handler(), "Kinesis_20131202."+request[0], request[1])
		assert.Equal(t, 200, got.Code, request)
		assert.Contains(t, got.Body.String(), want, request)
	}
}
