package kinesistest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestClosedShardEndsItsSubscription(t *testing.T) {
	for _, endWithRecords := range []bool{false, true} {
		inBubble(t, kinesistest.Config{EndWithRecords: endWithRecords}, 2, func(t *testing.T, f fan) {
			put(t, f.orders, shard0, "a", "b")
			child, err := f.orders.Merge(shard0, shard1)
			require.NoError(t, err)
			stream := f.opened(t, shard0)
			event := next(t, stream)
			assert.Equal(t, []string{"a", "b"}, dataIn(event))
			if !endWithRecords {
				assert.NotNil(t, event.ContinuationSequenceNumber)
				event = next(t, stream)
				assert.Empty(t, event.Records)
			}
			assert.Nil(t, event.ContinuationSequenceNumber)
			require.Len(t, event.ChildShards, 1)
			assert.Equal(t, child, *event.ChildShards[0].ShardId)
			assert.Equal(t, []string{shard0, shard1}, event.ChildShards[0].ParentShards)
			require.NoError(t, ended(stream))
		})
	}
}

func TestSubscriberThatDoesNotReadIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{}, 1)
		server := kinesistest.NewPipeServer(s)
		defer server.Close()
		arn, err := orders.RegisterConsumer("billing")
		require.NoError(t, err)
		put(t, orders, shard0, strings.Repeat("x", 1000))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(
			`{"ConsumerARN":"`+arn+`","ShardId":"0","StartingPosition":{"Type":"TRIM_HORIZON"}}`))
		require.NoError(t, err)
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
		w, err := server.Config().HTTPClient.Do(r)
		require.NoError(t, err)
		defer w.Body.Close()
		put(t, orders, shard0, strings.Repeat("x", 1<<20-100)) // more than the client's buffer takes
		sleep(t.Context(), 10*time.Minute)
		_, err = io.ReadAll(w.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

func TestWhatEndsASubscription(t *testing.T) {
	for name, end := range map[string]func(f fan) error{
		"Consumer billing": func(f fan) error { return f.orders.DeregisterConsumer("billing") },
		"Stream orders": func(f fan) error {
			_, err := f.service.Client().DeleteStream(context.Background(), &kinesis.DeleteStreamInput{
				StreamName: new("orders"), EnforceConsumerDeletion: new(true),
			})
			return err
		},
	} {
		inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
			stream, before := f.opened(t, shard0), time.Now()
			require.NoError(t, end(f))
			err := ended(stream)
			var gone *types.ResourceNotFoundException
			require.ErrorAs(t, err, &gone)
			assert.Contains(t, *gone.Message, name)
			assert.Equal(t, before, time.Now())
		})
	}
}

func TestTrimmedRecordsAreSkipped(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		numbers := put(t, f.orders, shard0, "a")
		sleep(t.Context(), 25*time.Hour)
		put(t, f.orders, shard0, "b")
		stream, err := f.subscribe(t, shard0, types.StartingPosition{Type: "AT_SEQUENCE_NUMBER", SequenceNumber: &numbers[0]})
		require.NoError(t, err)
		assert.Equal(t, []string{"b"}, dataIn(next(t, stream)))
	})
}

func TestRecordsThatAreTrimmedDuringASubscriptionAreSkipped(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		for range 10 {
			put(t, f.orders, shard0, strings.Repeat("x", 1<<20-100))
		}
		sleep(t.Context(), 24*time.Hour-time.Second)
		put(t, f.orders, shard0, "new")
		stream, old, young := f.opened(t, shard0), 0, 0
		for young == 0 {
			for _, data := range dataIn(next(t, stream)) {
				if data == "new" {
					young++
				} else {
					old++
				}
			}
		}
		assert.Less(t, old, 8, "the pace is too slow for all of them")
		assert.Empty(t, next(t, stream).Records)
	})
}

func TestAtSequenceNumberOfAHeartbeatRepeatsNothing(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		put(t, f.orders, shard0, "a")
		stream := f.opened(t, shard0)
		assert.Equal(t, []string{"a"}, dataIn(next(t, stream)))
		number := next(t, stream).ContinuationSequenceNumber
		put(t, f.orders, shard0, "b")
		again, err := f.subscribe(t, shard0, types.StartingPosition{Type: "AT_SEQUENCE_NUMBER", SequenceNumber: number})
		require.NoError(t, err)
		assert.Equal(t, []string{"b"}, dataIn(next(t, again)))
	})
}

func TestConsumerHasToBeActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := kinesistest.New(kinesistest.Config{TransitionTime: time.Minute})
		server := kinesistest.NewPipeServer(s)
		defer server.Close()
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		sleep(t.Context(), time.Minute)
		arn, err := orders.RegisterConsumer("billing")
		require.NoError(t, err)
		f := fan{server.Client(), s, orders, arn}
		_, err = f.subscribe(t, shard0, types.StartingPosition{Type: "LATEST"})
		requireAPIError(t, err, "ResourceInUseException", "not ACTIVE, instead in state CREATING")
		sleep(t.Context(), time.Minute)
		f.opened(t, shard0)
	})
}
