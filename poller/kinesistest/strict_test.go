package kinesistest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// begin is when the stream and the consumer of the strict tests were made.
var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// strict returns a Service with the stream orders, of two shards and with the consumer billing, an hour after begin.
func strict(t *testing.T) *kinesistest.Service {
	t.Helper()
	now := begin
	s := kinesistest.New(kinesistest.Config{NoLimits: true, Now: func() time.Time { return now }})
	orders, err := s.CreateStream("orders", 2)
	require.NoError(t, err)
	_, err = orders.RegisterConsumer("billing")
	require.NoError(t, err)
	_, err = s.CreateStream("others", 1)
	require.NoError(t, err)
	now = begin.Add(time.Hour)
	return s
}

// tokenOf returns a page token of the stream's listing.
func tokenOf(t *testing.T, s *kinesistest.Service) string {
	t.Helper()
	out, err := s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders"), MaxResults: new(int32(1))})
	require.NoError(t, err)
	return *out.NextToken
}

func (r *refusal) request(token string) string { return strings.Replace(r.body, "%s", token, 1) }

func (r *refusal) String() string { return fmt.Sprintf("%s %.200s", r.op, r.body) }

// What AWS refuses is refused, in its words where they are known.
func TestStrictOverHTTP(t *testing.T) {
	s := strict(t)
	token := tokenOf(t, s)
	for _, r := range append(unreadables, refusals...) {
		got := post(s.Handler(), "Kinesis_20131202."+string(r.op), r.request(token))
		require.Equal(t, http.StatusBadRequest, got.Code, "%v: %s", &r, got.Body)
		var answer struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		require.NoError(t, json.Unmarshal(got.Body.Bytes(), &answer), &r)
		require.Equal(t, r.code, answer.Type, "%v: %s", &r, answer.Message)
		require.Contains(t, answer.Message, r.message, &r)
	}
}

// decoded makes a call of the Client with an input that JSON says.
type decoded func(ctx context.Context, body []byte) error

func decodes[I, O any](call func(context.Context, *I, ...func(*kinesis.Options)) (*O, error)) decoded {
	return func(ctx context.Context, body []byte) error {
		in := new(I)
		if err := json.Unmarshal(body, in); err != nil {
			return err
		}
		_, err := call(ctx, in)
		return err
	}
}

func calls(c api) map[kinesistest.Op]decoded {
	return map[kinesistest.Op]decoded{
		kinesistest.CreateStream:                  decodes(c.CreateStream),
		kinesistest.DeleteStream:                  decodes(c.DeleteStream),
		kinesistest.DescribeStream:                decodes(c.DescribeStream),
		kinesistest.DescribeStreamSummary:         decodes(c.DescribeStreamSummary),
		kinesistest.ListStreams:                   decodes(c.ListStreams),
		kinesistest.ListShards:                    decodes(c.ListShards),
		kinesistest.PutRecord:                     decodes(c.PutRecord),
		kinesistest.PutRecords:                    decodes(c.PutRecords),
		kinesistest.GetShardIterator:              decodes(c.GetShardIterator),
		kinesistest.GetRecords:                    decodes(c.GetRecords),
		kinesistest.SplitShard:                    decodes(c.SplitShard),
		kinesistest.MergeShards:                   decodes(c.MergeShards),
		kinesistest.RegisterStreamConsumer:        decodes(c.RegisterStreamConsumer),
		kinesistest.DescribeStreamConsumer:        decodes(c.DescribeStreamConsumer),
		kinesistest.DeregisterStreamConsumer:      decodes(c.DeregisterStreamConsumer),
		kinesistest.ListStreamConsumers:           decodes(c.ListStreamConsumers),
		kinesistest.UpdateShardCount:              decodes(c.UpdateShardCount),
		kinesistest.IncreaseStreamRetentionPeriod: decodes(c.IncreaseStreamRetentionPeriod),
		kinesistest.DecreaseStreamRetentionPeriod: decodes(c.DecreaseStreamRetentionPeriod),
	}
}

var epochs = regexp.MustCompile(`imestamp":(\d+)`)

// asGo writes the times of a request as Go's JSON has them.
func asGo(body string) string {
	return epochs.ReplaceAllStringFunc(body, func(s string) string {
		seconds, _ := strconv.ParseInt(epochs.FindStringSubmatch(s)[1], 10, 64)
		return `imestamp":"` + time.Unix(seconds, 0).UTC().Format(time.RFC3339) + `"`
	})
}

// The Client refuses what the Server does.
func TestStrictInProcess(t *testing.T) {
	s := strict(t)
	token := tokenOf(t, s)
	all := calls(s.Client())
	for _, r := range refusals {
		call := all[r.op]
		if call == nil || strings.Contains(r.body, `"streamName"`) || strings.Contains(r.body, "99999999999") {
			continue // Go's JSON goes by names in any case, and its numbers have 32 bits
		}
		err := call(t.Context(), []byte(asGo(r.request(token))))
		require.Error(t, err, &r)
		requireAPIError(t, err, r.code, r.message)
	}
}

// What AWS takes is taken, at the bounds too.
func TestStrictTakesWhatIsLegal(t *testing.T) {
	name := strings.Repeat("n", 128)
	for _, r := range []refusal{
		{op: kinesistest.CreateStream, body: `{"StreamName":"` + name + `","ShardCount":10000,"MaxRecordSizeInKiB":10240,"Tags":{"` + name + `":"` + strings.Repeat("v", 256) + `"}}`},
		{op: kinesistest.CreateStream, body: `{"StreamName":"Az09_.-","StreamModeDetails":{"StreamMode":"ON_DEMAND"},"RecordDistributionStrategy":"AUTO","Unknown":{"a":[1]}}`},
		{op: kinesistest.DescribeStream, body: `{"StreamName":"orders","StreamARN":"` + ordersARN + `","Limit":10000,"ExclusiveStartShardId":"shardId-000000000000"}`},
		{op: kinesistest.ListStreams, body: `{"Limit":10000,"ExclusiveStartStreamName":"` + name + `"}`},
		{op: kinesistest.ListStreams, body: `{"Limit":1,"NextToken":null}`},
		{op: kinesistest.ListShards, body: `{"StreamName":"orders","MaxResults":10000,"StreamCreationTimestamp":1767225600}`},
		{op: kinesistest.ListShards, body: `{"StreamARN":"` + ordersARN + `","MaxResults":1}`},
		{op: kinesistest.ListShards, body: `{"NextToken":"%s","MaxResults":10000}`},
		{op: kinesistest.ListShards, body: `{"StreamName":"orders","ShardFilter":{"Type":"AT_TIMESTAMP","Timestamp":1767225600}}`},
		{op: kinesistest.PutRecord, body: `{"StreamName":"orders","Data":"","PartitionKey":"` + strings.Repeat("ü", 256) + `"}`},
		{op: kinesistest.PutRecord, body: `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","ExplicitHashKey":"0"}`},
		{op: kinesistest.PutRecord, body: `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","ExplicitHashKey":"340282366920938463463374607431768211455"}`},
		{op: kinesistest.PutRecords, body: `{"StreamARN":"` + ordersARN + `","Records":[` + strings.Repeat(`{"Data":"","PartitionKey":"k"},`, 499) + `{"Data":"","PartitionKey":"k"}]}`},
		{op: kinesistest.GetShardIterator, body: `{"StreamName":"orders","ShardId":"shardId-000000000001","ShardIteratorType":"AT_TIMESTAMP","Timestamp":0}`},
		{op: kinesistest.DescribeStreamConsumer, body: `{"ConsumerARN":"` + billingARN + `","StreamARN":"` + ordersARN + `","ConsumerName":"billing"}`},
		{op: kinesistest.ListStreamConsumers, body: `{"StreamARN":"` + ordersARN + `","MaxResults":10000,"StreamCreationTimestamp":1767225600}`},
		{op: kinesistest.RegisterStreamConsumer, body: `{"StreamARN":"` + ordersARN + `","ConsumerName":"` + name + `"}`},
		{op: kinesistest.UpdateShardCount, body: `{"StreamName":"others","ScalingType":"UNIFORM_SCALING","TargetShardCount":1}`},
		{op: kinesistest.IncreaseStreamRetentionPeriod, body: `{"StreamName":"orders","RetentionPeriodHours":8760}`},
		{op: kinesistest.DecreaseStreamRetentionPeriod, body: `{"StreamName":"orders","RetentionPeriodHours":24}`},
		{op: kinesistest.SplitShard, body: `{"StreamName":"orders","ShardToSplit":"0","NewStartingHashKey":"2"}`},
		{op: kinesistest.DeleteStream, body: `{"StreamName":"orders","EnforceConsumerDeletion":true}`},
	} {
		s := strict(t)
		got := post(s.Handler(), "Kinesis_20131202."+string(r.op), r.request(tokenOf(t, s)))
		assert.Equal(t, http.StatusOK, got.Code, "%v: %.500s", &r, got.Body)

		s = strict(t)
		call := calls(s.Client())[r.op]
		assert.NoError(t, call(t.Context(), []byte(asGo(r.request(tokenOf(t, s))))), &r)
	}
}

// Tokens of ListStreams live as long as those of other listings.
func TestStrictTokensOfStreamsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newOrders(t, kinesistest.Config{}, 1)
		_, err := s.CreateStream("others", 1)
		require.NoError(t, err)
		out, err := s.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{Limit: new(int32(1))})
		require.NoError(t, err)
		sleep(t.Context(), 300*time.Second)
		_, err = s.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{NextToken: out.NextToken})
		require.NoError(t, err)
		sleep(t.Context(), time.Second)
		_, err = s.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{NextToken: out.NextToken})
		requireAPIError(t, err, "ExpiredNextTokenException", "")
	})
}

// A token and an iterator are good for the stream that they came from alone, whatever came to have its name.
func TestStrictTokensBelongToTheirStream(t *testing.T) {
	s := strict(t)
	c := s.Client()
	token, iterator := tokenOf(t, s), horizonOf(t, c, shard0)
	_, err := s.Stream("orders").RegisterConsumer("shipping")
	require.NoError(t, err)
	out, err := c.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: new(ordersARN), MaxResults: new(int32(1))})
	require.NoError(t, err)
	_, err = c.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: new(s.Stream("others").ARN()), NextToken: out.NextToken})
	requireAPIError(t, err, argument, "Invalid NextToken.")
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator, StreamARN: new(s.Stream("others").ARN())})
	requireAPIError(t, err, argument, "does not belong to the ShardIterator")
	_, err = c.ListStreams(t.Context(), &kinesis.ListStreamsInput{NextToken: &token})
	requireAPIError(t, err, argument, "Invalid NextToken.")

	_, err = c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders"), EnforceConsumerDeletion: new(true)})
	require.NoError(t, err)
	_, err = s.CreateStream("orders", 2)
	require.NoError(t, err)
	_, err = c.ListShards(t.Context(), &kinesis.ListShardsInput{NextToken: &token})
	requireAPIError(t, err, argument, "Invalid NextToken.")
	_, err = c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator})
	requireAPIError(t, err, notFound, "")
}

// The stream's own hand obeys the model as well: a test can't make what AWS has not.
func TestStrictHandle(t *testing.T) {
	s := strict(t)
	_, _, err := s.Stream("orders").Put(long257, nil)
	require.ErrorContains(t, err, "'partitionKey'"+shorter+"256")
	_, err = s.Stream("orders").RegisterConsumer("a b")
	require.ErrorContains(t, err, "'consumerName'"+namePat)
	_, err = s.CreateStream("a b", 1)
	require.ErrorContains(t, err, "'streamName'"+namePat)
	require.ErrorContains(t, s.Stream("orders").UpdateShardCount(0), "'targetShardCount'"+atLeast1)
	_, err = kinesistest.New(kinesistest.Config{Region: "cn-north-1"}).CreateStream("orders", 1)
	require.NoError(t, err)
	assert.Equal(t, "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/orders",
		kinesistest.New(kinesistest.Config{Region: "cn-north-1"}).Stream("orders").ARN(), "a region's own partition")
}

// A request that is refused uses up no fault.
func TestStrictRefusalsLeaveFaultsAlone(t *testing.T) {
	s := strict(t)
	s.Throttle(kinesistest.ListShards, 1)
	_, err := s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("a b")})
	requireAPIError(t, err, validation, "'streamName'"+namePat)
	_, err = s.Client().ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
	requireAPIError(t, err, "LimitExceededException", "")
}
