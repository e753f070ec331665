package kinesistest_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// fan is a consumer of a stream orders, for the SDK.
type fan struct {
	*kinesis.Client
	service *kinesistest.Service
	orders  *kinesistest.Stream
	arn     string
}

func newFan(t *testing.T, s *kinesistest.Service, server *kinesistest.Server, shards int) fan {
	t.Helper()
	orders, err := s.CreateStream("orders", shards)
	require.NoError(t, err)
	arn, err := orders.RegisterConsumer("billing")
	require.NoError(t, err)
	c := kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} })
	return fan{c, s, orders, arn}
}

// inBubble runs a test with the SDK over pipes, under the fake clock.
func inBubble(t *testing.T, config kinesistest.Config, shards int, test func(t *testing.T, f fan)) {
	synctest.Test(t, func(t *testing.T) {
		s := kinesistest.New(config)
		server := kinesistest.NewPipeServer(s)
		defer server.Close()
		test(t, newFan(t, s, server, shards))
	})
}

// subscribe subscribes to a shard.
func (f fan) subscribe(t *testing.T, shard string, from types.StartingPosition) (*kinesis.SubscribeToShardEventStream, error) {
	t.Helper()
	in := &kinesis.SubscribeToShardInput{ConsumerARN: &f.arn, ShardId: &shard, StartingPosition: &from}
	out, err := f.SubscribeToShard(t.Context(), in, ownProtocol)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { out.GetStream().Close() })
	return out.GetStream(), nil
}

// ownProtocol gives a subscription a protocol of its own: the decoder of events in the client's is not fit for two
// subscriptions at once, in smithy-go 1.28.
func ownProtocol(o *kinesis.Options) { o.Protocol = awsjson.New11(schemas.Kinesis_20131202) }

// opened is subscribe of one that is granted, from the beginning of the shard.
func (f fan) opened(t *testing.T, shard string) *kinesis.SubscribeToShardEventStream {
	t.Helper()
	stream, err := f.subscribe(t, shard, types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon})
	require.NoError(t, err)
	return stream
}

// next returns the next event of a stream.
func next(t *testing.T, stream *kinesis.SubscribeToShardEventStream) *types.SubscribeToShardEvent {
	t.Helper()
	event, ok := <-stream.Events()
	require.True(t, ok, "the stream ended: %v", stream.Err())
	got, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
	require.True(t, ok, "%T", event)
	return &got.Value
}

// ended waits for the end of a stream, and returns its error.
func ended(stream *kinesis.SubscribeToShardEventStream) error {
	for range stream.Events() {
	}
	return stream.Err()
}

// dataIn returns the data of an event's records.
func dataIn(event *types.SubscribeToShardEvent) []string {
	return dataOf(&kinesis.GetRecordsOutput{Records: event.Records})
}

func TestSubscriptionsOverTheNetwork(t *testing.T) {
	for name, start := range map[string]func(*kinesistest.Service) *kinesistest.Server{
		"HTTP/1.1": kinesistest.NewServer, "HTTP/2.0": kinesistest.NewTLSServer,
	} {
		t.Run(name, func(t *testing.T) {
			s := kinesistest.New(kinesistest.Config{})
			server := start(s)
			defer server.Close()
			f := newFan(t, s, server, 1)
			numbers := put(t, f.orders, shard0, "a", "b")
			out, err := f.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
				ConsumerARN: &f.arn, ShardId: new(shard0), StartingPosition: &types.StartingPosition{Type: "TRIM_HORIZON"},
			})
			require.NoError(t, err)
			stream := out.GetStream()
			defer stream.Close()
			response, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response)
			require.True(t, ok)
			assert.Equal(t, name, response.Proto)

			event := next(t, stream)
			assert.Equal(t, []string{"a", "b"}, dataIn(event))
			assert.Equal(t, numbers[1], *event.Records[1].SequenceNumber)
			assert.WithinDuration(t, time.Now(), *event.Records[1].ApproximateArrivalTimestamp, time.Minute)
			assert.Equal(t, numbers[1], *event.ContinuationSequenceNumber)
			assert.Zero(t, *event.MillisBehindLatest)
			assert.Empty(t, event.ChildShards)
			put(t, f.orders, shard0, "c")
			assert.Equal(t, []string{"c"}, dataIn(next(t, stream)), "pushed")

			low, high, err := f.orders.Split(shard0)
			require.NoError(t, err)
			last := next(t, stream)
			assert.Empty(t, last.Records)
			assert.Nil(t, last.ContinuationSequenceNumber)
			require.Len(t, last.ChildShards, 2)
			assert.Equal(t, []string{low, high}, []string{*last.ChildShards[0].ShardId, *last.ChildShards[1].ShardId})
			assert.Equal(t, []string{shard0}, last.ChildShards[0].ParentShards)
			require.NoError(t, ended(stream))
		})
	}
}

func TestSubscriptionLivesFiveMinutes(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		start := time.Now()
		stream := f.opened(t, shard0)
		var last string
		for i := range 59 {
			event := next(t, stream)
			assert.Equal(t, time.Duration(i+1)*5*time.Second, time.Since(start), "a heartbeat every 5 s")
			assert.Empty(t, event.Records)
			assert.Zero(t, *event.MillisBehindLatest)
			assert.Greater(t, *event.ContinuationSequenceNumber, last)
			last = *event.ContinuationSequenceNumber
		}
		require.NoError(t, ended(stream))
		assert.Equal(t, 5*time.Minute, time.Since(start))
		put(t, f.orders, shard0, "a")

		for _, kind := range []types.ShardIteratorType{"AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER"} {
			again, err := f.subscribe(t, shard0, types.StartingPosition{Type: kind, SequenceNumber: &last})
			require.NoError(t, err)
			assert.Equal(t, []string{"a"}, dataIn(next(t, again)))
			sleep(t.Context(), 5*time.Second)
		}
	})
}

func TestSubscriptionPushesAtOnce(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		stream := f.opened(t, shard0)
		for i := range 20 {
			sleep(t.Context(), 3*time.Second)
			put(t, f.orders, shard0, fmt.Sprint(i))
			before := time.Now()
			assert.Equal(t, []string{fmt.Sprint(i)}, dataIn(next(t, stream)), "no heartbeat comes between")
			assert.Equal(t, before, time.Now())
		}
	})
}

func TestContinuationsLoseAndRepeatNothing(t *testing.T) {
	inBubble(t, kinesistest.Config{SubscribeAtOnce: true, MaxRecordsPerRead: 2}, 1, func(t *testing.T, f fan) {
		var got []string
		want := []string{}
		from := types.StartingPosition{Type: "TRIM_HORIZON"}
		for i := range 20 {
			want = append(want, fmt.Sprint(i))
			put(t, f.orders, shard0, fmt.Sprint(i))
			sleep(t.Context(), time.Duration(i)*time.Second)
			stream, err := f.subscribe(t, shard0, from)
			require.NoError(t, err)
			for range i % 3 {
				event := next(t, stream)
				got = append(got, dataIn(event)...)
				from = types.StartingPosition{Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: event.ContinuationSequenceNumber}
			}
			require.NoError(t, stream.Close())
		}
		stream, err := f.subscribe(t, shard0, from)
		require.NoError(t, err)
		for len(got) < len(want) {
			got = append(got, dataIn(next(t, stream))...)
		}
		assert.Equal(t, want, got)
	})
}

func TestStartingPositions(t *testing.T) {
	inBubble(t, kinesistest.Config{SubscribeAtOnce: true}, 1, func(t *testing.T, f fan) {
		numbers := put(t, f.orders, shard0, "a", "b")
		sleep(t.Context(), time.Minute)
		at := time.Now()
		put(t, f.orders, shard0, "c")
		for _, tt := range []struct {
			from types.StartingPosition
			want []string
		}{
			{types.StartingPosition{Type: "TRIM_HORIZON"}, []string{"a", "b", "c"}},
			{types.StartingPosition{Type: "AT_SEQUENCE_NUMBER", SequenceNumber: &numbers[1]}, []string{"b", "c"}},
			{types.StartingPosition{Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: &numbers[1]}, []string{"c"}},
			{types.StartingPosition{Type: "AT_TIMESTAMP", Timestamp: &at}, []string{"c"}},
			{types.StartingPosition{Type: "AT_TIMESTAMP", Timestamp: new(at.Add(-time.Second))}, []string{"c"}},
			{types.StartingPosition{Type: "LATEST"}, []string{"later"}},
		} {
			stream, err := f.subscribe(t, shard0, tt.from)
			require.NoError(t, err)
			if tt.from.Type == types.ShardIteratorTypeLatest {
				put(t, f.orders, shard0, "later")
			}
			assert.Equal(t, tt.want, dataIn(next(t, stream)), tt.from.Type)
		}
	})
}

func TestSubscriptionsThatAreRefused(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		horizon := &types.StartingPosition{Type: "TRIM_HORIZON"}
		tests := []struct {
			name          string
			in            kinesis.SubscribeToShardInput
			code, message string
		}{
			{"stream ARN", kinesis.SubscribeToShardInput{ConsumerARN: new(f.orders.ARN()), StartingPosition: horizon}, "ValidationException", "consumerARN"},
			{"no consumer", kinesis.SubscribeToShardInput{ConsumerARN: new(f.arn + "0"), StartingPosition: horizon}, "ResourceNotFoundException", "Consumer billing"},
			{"no shard", kinesis.SubscribeToShardInput{ShardId: new(shard1), StartingPosition: horizon}, "ResourceNotFoundException", shard1},
			{"no such type", kinesis.SubscribeToShardInput{StartingPosition: &types.StartingPosition{Type: "NEWEST"}}, "ValidationException", "startingPosition.type"},
			{"no number", kinesis.SubscribeToShardInput{StartingPosition: &types.StartingPosition{Type: "AT_SEQUENCE_NUMBER"}}, "InvalidArgumentException", "no StartingSequenceNumber"},
			{"no sequence number", kinesis.SubscribeToShardInput{StartingPosition: &types.StartingPosition{Type: "AT_SEQUENCE_NUMBER", SequenceNumber: new("4711")}}, "InvalidArgumentException", "used in SubscribeToShard"},
			{"no time", kinesis.SubscribeToShardInput{StartingPosition: &types.StartingPosition{Type: "AT_TIMESTAMP"}}, "InvalidArgumentException", "timestamp"},
			{"time to come", kinesis.SubscribeToShardInput{StartingPosition: &types.StartingPosition{Type: "AT_TIMESTAMP", Timestamp: new(time.Now().Add(time.Minute))}}, "InvalidArgumentException", "greater than"},
			{"dry run", kinesis.SubscribeToShardInput{StartingPosition: horizon, DryRun: new(true)}, "DryRunOperationException", "would have succeeded"},
		}
		for _, tt := range tests {
			tt.in.ConsumerARN = cmp.Or(tt.in.ConsumerARN, &f.arn)
			tt.in.ShardId = cmp.Or(tt.in.ShardId, new(shard0))
			_, err := f.SubscribeToShard(t.Context(), &tt.in)
			require.Error(t, err, tt.name)
			requireAPIError(t, err, tt.code, tt.message)
		}
		f.opened(t, shard0)
		calls := f.service.Calls(kinesistest.SubscribeToShard)
		require.Len(t, calls, len(tests)+1, "a refused call does not count for the 5 seconds")
		assert.Equal(t, kinesistest.Call{Op: kinesistest.SubscribeToShard, Stream: "orders", Shard: shard0, Time: time.Now()}, calls[len(tests)])
	})
}

func TestFiveSecondsBetweenSubscriptions(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 2, func(t *testing.T, f fan) {
		first := f.opened(t, shard0)
		f.opened(t, shard1)
		require.NoError(t, first.Close())
		sleep(t.Context(), 5*time.Second-time.Millisecond)
		_, err := f.subscribe(t, shard0, types.StartingPosition{Type: "LATEST"})
		requireAPIError(t, err, "ResourceInUseException", "Another active subscription exists for this consumer")
		sleep(t.Context(), time.Millisecond)
		second := f.opened(t, shard0)

		sleep(t.Context(), 5*time.Second)
		third, before := f.opened(t, shard0), time.Now()
		var inUse *types.ResourceInUseException
		require.ErrorAs(t, ended(second), &inUse)
		assert.Equal(t, before, time.Now(), "the old one ends at once")
		put(t, f.orders, shard0, "a")
		assert.Equal(t, []string{"a"}, dataIn(next(t, third)))
	})
}

func TestConsumersDoNotDisturbEachOther(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		other := f
		var err error
		other.arn, err = f.orders.RegisterConsumer("audit")
		require.NoError(t, err)
		one, two := f.opened(t, shard0), other.opened(t, shard0)
		put(t, f.orders, shard0, "a")
		assert.Equal(t, []string{"a"}, dataIn(next(t, one)))
		assert.Equal(t, []string{"a"}, dataIn(next(t, two)))
	})
}

func TestSubscriptionReadsTwoMiBASecond(t *testing.T) {
	for _, noLimits := range []bool{false, true} {
		inBubble(t, kinesistest.Config{NoLimits: noLimits}, 1, func(t *testing.T, f fan) {
			const records = 40
			for range records {
				put(t, f.orders, shard0, strings.Repeat("x", 512<<10-len("k")))
			}
			start := time.Now()
			stream := f.opened(t, shard0)
			for got := 0; got < records; {
				event := next(t, stream)
				got += len(event.Records)
				require.LessOrEqual(t, len(event.Records), 2, "an event has a MiB at most")
			}
			if noLimits {
				assert.Zero(t, time.Since(start))
			} else {
				assert.InDelta(t, 10, time.Since(start).Seconds(), 1.5, "20 MiB")
			}
		})
	}
}
