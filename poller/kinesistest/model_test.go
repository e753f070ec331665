package kinesistest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/servicemodel"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// goodRequests are requests that AWS takes, with all members that they may have together. Those of Shape vary them.
var goodRequests = []struct {
	op   kinesistest.Op
	body string
}{
	{kinesistest.CreateStream, `{"StreamName":"new","ShardCount":1,"StreamModeDetails":{"StreamMode":"PROVISIONED"},"MaxRecordSizeInKiB":1024,"Tags":{"a":"b"}}`},
	{kinesistest.DeleteStream, `{"StreamName":"others"}`},
	{kinesistest.DescribeStream, `{"StreamName":"orders","Limit":10,"ExclusiveStartShardId":"shardId-000000000000"}`},
	{kinesistest.DescribeStreamSummary, `{"StreamName":"orders","StreamARN":"` + ordersARN + `"}`},
	{kinesistest.ListStreams, `{"Limit":10,"ExclusiveStartStreamName":"a"}`},
	{kinesistest.ListShards, `{"StreamName":"orders","MaxResults":10,"ExclusiveStartShardId":"shardId-000000000000","ShardFilter":{"Type":"AT_LATEST"}}`},
	{kinesistest.ListShards, `{"NextToken":"%s"}`},
	{kinesistest.PutRecord, `{"StreamName":"orders","Data":"eA==","PartitionKey":"k","ExplicitHashKey":"0"}`},
	{kinesistest.PutRecords, `{"StreamName":"orders","Records":[{"Data":"eA==","PartitionKey":"k","ExplicitHashKey":"0"}]}`},
	{kinesistest.GetShardIterator, `{"StreamName":"orders","ShardId":"shardId-000000000000","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1767225600}`},
	{kinesistest.GetRecords, `{"ShardIterator":"%i","Limit":10,"StreamARN":"` + ordersARN + `"}`},
	{kinesistest.SplitShard, `{"StreamName":"orders","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"1000"}`},
	{kinesistest.MergeShards, `{"StreamName":"orders","ShardToMerge":"shardId-000000000000","AdjacentShardToMerge":"shardId-000000000001"}`},
	{kinesistest.RegisterStreamConsumer, `{"StreamARN":"` + ordersARN + `","ConsumerName":"a","Tags":{"a":"b"}}`},
	{kinesistest.DescribeStreamConsumer, `{"StreamARN":"` + ordersARN + `","ConsumerName":"billing"}`},
	{kinesistest.DescribeStreamConsumer, `{"ConsumerARN":"` + billingARN + `"}`},
	{kinesistest.DeregisterStreamConsumer, `{"StreamARN":"` + ordersARN + `","ConsumerName":"billing"}`},
	{kinesistest.ListStreamConsumers, `{"StreamARN":"` + ordersARN + `","MaxResults":10}`},
	{kinesistest.UpdateShardCount, `{"StreamName":"orders","TargetShardCount":2,"ScalingType":"UNIFORM_SCALING"}`},
	{kinesistest.IncreaseStreamRetentionPeriod, `{"StreamName":"orders","RetentionPeriodHours":48}`},
	{kinesistest.DecreaseStreamRetentionPeriod, `{"StreamName":"orders","RetentionPeriodHours":24}`},
}

// requestBody returns a request's body for a Service, with its tokens.
func requestBody(t *testing.T, s *kinesistest.Service, body string) string {
	t.Helper()
	body = strings.Replace(body, "%s", tokenOf(t, s), 1)
	it := iteratorOf(t, s.Client(), kinesis.GetShardIteratorInput{
		StreamName: new("orders"), ShardId: new(shard0), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	return strings.Replace(body, "%i", *it, 1)
}

// The strictness of a Service is that of AWS's model: whatever the model refuses is refused, with the same kind of error, and
// what it lets pass is not refused for its form. The requests are made from the model, at and beyond each of its rules.
func TestStrictnessIsThatOfAWSsModel(t *testing.T) {
	model := modeltest.Kinesis(t).Model()
	refused, passed := 0, 0
	for _, r := range goodRequests {
		s := strict(t)
		checker := modeltest.Kinesis(t)
		body := requestBody(t, s, r.body)
		base := decodeJSON(t, body)
		require.Empty(t, model.Input(string(r.op), base).String(), r.op)
		require.Equal(t, http.StatusOK, post(s.Handler(), "Kinesis_20131202."+string(r.op), body).Code, r.op)
		for _, v := range model.Variants(string(r.op), base) {
			text, err := json.Marshal(v.Tree)
			require.NoError(t, err)
			want := expected(v.Report)
			answer := postChecked(checker, strict(t), r.op, string(text))
			if code := formCode(answer); code != want && !ownRule.MatchString(v.Path) {
				assert.Failf(t, "another strictness", "%s: the model: %q %s; the Service: %d %s", v.Path, want, v.Report, answer.Code, answer.Body)
			}
			if want == "" {
				passed++
			} else {
				refused++
			}
		}
	}
	t.Logf("%d requests that the model refuses, %d that it lets pass", refused, passed)
}

// ownRule are the variants that the model lets pass and a Service refuses all the same: a stream whose producers choose the
// keys takes no record without one. Source: the API reference, "a partition key is required". Which error it is, is ours.
var ownRule = regexp.MustCompile(`^PutRecords?(\.Records\[0\])?\.PartitionKey left out$`)

// expected returns the code of the error that the service has for a request: for a wrong type before all others.
func expected(r servicemodel.Report) string {
	code := ""
	for _, p := range r.Problems {
		if p.Rule == servicemodel.Type {
			return unreadable
		}
		code = validation
	}
	return code
}

// formCode returns the code of an answer that refuses the form of a request, and an empty string for others.
func formCode(answer *httptest.ResponseRecorder) string {
	var body struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(answer.Body.Bytes(), &body) // an answer without a body has no code
	if body.Type == validation || body.Type == unreadable {
		return body.Type
	}
	return ""
}

// postChecked makes a call whose answer the checker looks at.
func postChecked(c *modeltest.Checker, s *kinesistest.Service, op kinesistest.Op, body string) *httptest.ResponseRecorder {
	w := post(s.Handler(), "Kinesis_20131202."+string(op), body)
	c.Answered(string(op), servicemodel.Answer{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()})
	return w
}

func decodeJSON(t *testing.T, text string) any {
	t.Helper()
	var tree any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	require.NoError(t, d.Decode(&tree))
	return tree
}

// Every refusal of the tables has the form of one of the operation's errors.
func TestRefusalsAreAsAWSsModelHasThem(t *testing.T) {
	checker := modeltest.Kinesis(t)
	s := strict(t)
	token := tokenOf(t, s)
	for _, r := range append(unreadables, refusals...) {
		w := postChecked(checker, s, r.op, r.request(token))
		if (r.code == validation || r.code == unreadable) && r.message != "Value null at 'partitionKey'"+null {
			_, report := checker.Model().Request(servicemodel.Request{
				Method: http.MethodPost, Path: "/", Body: []byte(r.request(token)),
				Header: http.Header{"X-Amz-Target": {"Kinesis_20131202." + string(r.op)}, "Content-Type": {"application/x-amz-json-1.1"}},
			})
			assert.NotEmpty(t, report.Problems, "the model lets %v pass: %s", &r, w.Body)
		}
	}
	t.Log(checker.Summary())
}

// Every operation's answer, and every event, through Amazon's own client.
func TestEveryAnswerIsAsAWSsModelHasIt(t *testing.T) {
	checker := modeltest.Kinesis(t)
	s, orders := newOrders(t, kinesistest.Config{NoLimits: true, EndWithRecords: true}, 2)
	_, err := s.CreateStream("others", 1)
	require.NoError(t, err)
	server := kinesistest.NewServer(s)
	defer server.Close()
	config := server.Config()
	client := kinesis.NewFromConfig(config, func(o *kinesis.Options) {
		o.HTTPClient = &http.Client{Transport: checker.CheckAnswers(config.HTTPClient.(*http.Client).Transport)}
	})
	ctx, name, arn := t.Context(), new("orders"), new(orders.ARN())
	billing, err := orders.RegisterConsumer("billing")
	require.NoError(t, err)

	_, err = client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: name, Records: []types.PutRecordsRequestEntry{
		{Data: []byte("a"), PartitionKey: new("k"), ExplicitHashKey: new("0")}, {Data: []byte{}, PartitionKey: new("é")},
	}})
	require.NoError(t, err)
	s.Throttle(kinesistest.PutRecords, 1)
	out, err := client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: name, Records: []types.PutRecordsRequestEntry{{Data: []byte("a"), PartitionKey: new("k")}}})
	require.NoError(t, err)
	require.EqualValues(t, 1, *out.FailedRecordCount)
	_, err = client.PutRecord(ctx, &kinesis.PutRecordInput{StreamARN: arn, Data: []byte("b"), PartitionKey: new("k"), ExplicitHashKey: new("0")})
	require.NoError(t, err)
	it := iteratorOf(t, client, kinesis.GetShardIteratorInput{ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	_, err = client.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: new(shard0), NewStartingHashKey: new("1000")})
	require.NoError(t, err)
	_, err = client.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: new("shardId-000000000003"), AdjacentShardToMerge: new(shard1)})
	require.NoError(t, err)
	page, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it})
	require.NoError(t, err)
	require.Len(t, page.ChildShards, 2)
	events, err := client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &billing, ShardId: new(shard0), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	require.NoError(t, err)
	n := 0
	for range events.GetStream().Events() {
		n++
	}
	require.NoError(t, events.GetStream().Close())
	require.Equal(t, 1, n, "one event, with the children")

	send := calls(client)
	for _, r := range goodRequests {
		if checker.Answers()[string(r.op)] == 0 {
			require.NoError(t, send[r.op](ctx, []byte(asGo(requestBody(t, s, r.body)))), r.op)
		}
	}
	for op := range send {
		assert.NotZero(t, checker.Answers()[string(op)], "%s was not answered", op)
	}
	t.Log(checker.Summary())
}
