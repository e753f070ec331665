package kinesistest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestHalfOpenSubscription(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		f.service.HalfOpen(1)
		put(t, f.orders, shard0, "a")
		stream := f.opened(t, shard0)
		select {
		case event, ok := <-stream.Events():
			t.Fatalf("got %v, %v, want silence", event, ok)
		case <-time.After(time.Hour):
		}
		require.NoError(t, stream.Close())
		assert.Equal(t, []string{"a"}, dataIn(next(t, f.opened(t, shard0))))
	})
}

func TestSubscriptionFaults(t *testing.T) {
	exception := &types.InternalFailureException{Message: new("oops")}
	other := &smithy.GenericAPIError{Code: "ThrottlingException", Message: "slow down"}
	tests := []struct {
		name  string
		fault kinesistest.Fault
		sent  int
		check func(t *testing.T, err error)
	}{
		{"end at once", kinesistest.Fault{End: true}, 0, func(t *testing.T, err error) { require.NoError(t, err) }},
		{"end later", kinesistest.Fault{End: true, After: 2, MaxRecords: 1}, 2, func(t *testing.T, err error) { require.NoError(t, err) }},
		{"exception", kinesistest.Fault{EventErr: exception, After: 1, MaxRecords: 1}, 1, func(t *testing.T, err error) {
			var got *types.InternalFailureException
			require.ErrorAs(t, err, &got)
			assert.Equal(t, "oops", *got.Message)
		}},
		{"error", kinesistest.Fault{EventErr: other}, 0, func(t *testing.T, err error) {
			var got smithy.APIError
			require.ErrorAs(t, err, &got)
			assert.Equal(t, "ThrottlingException", got.ErrorCode())
			assert.Equal(t, "slow down", got.ErrorMessage())
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
				put(t, f.orders, shard0, "a", "b", "c")
				tt.fault.Op = kinesistest.SubscribeToShard
				f.service.Inject(tt.fault)
				stream := f.opened(t, shard0)
				for i := range tt.sent {
					assert.Equal(t, []string{string(rune('a' + i))}, dataIn(next(t, stream)))
				}
				_, more := <-stream.Events()
				assert.False(t, more)
				tt.check(t, stream.Err())
			})
		})
	}
}

func TestSubscriptionsCanBeThrottledAndFail(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		f.service.Throttle(kinesistest.SubscribeToShard, 1)
		_, err := f.subscribe(t, shard0, types.StartingPosition{Type: "LATEST"})
		requireAPIError(t, err, "LimitExceededException", "Rate exceeded for stream orders")
		f.service.Fail(kinesistest.SubscribeToShard, errors.New("cable cut"), 1)
		_, err = f.subscribe(t, shard0, types.StartingPosition{Type: "LATEST"})
		requireAPIError(t, err, "InternalFailure", "cable cut")
		f.service.Delay(kinesistest.SubscribeToShard, time.Minute, 1)
		start := time.Now()
		f.opened(t, shard0)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestBrokenConnectionEndsTheStream(t *testing.T) {
	for name, start := range map[string]func(*kinesistest.Service) *kinesistest.Server{
		"HTTP/1.1": kinesistest.NewServer, "HTTP/2": kinesistest.NewTLSServer,
	} {
		t.Run(name, func(t *testing.T) {
			s := kinesistest.New(kinesistest.Config{SubscribeAtOnce: true})
			server := start(s)
			f := newFan(t, s, server, 1)
			put(t, f.orders, shard0, "a")
			s.Inject(kinesistest.Fault{Op: kinesistest.SubscribeToShard, EventErr: errors.New("cable cut"), After: 1})
			stream := f.opened(t, shard0)
			assert.Equal(t, []string{"a"}, dataIn(next(t, stream)))
			_ = ended(stream) // which of the connection's errors the SDK passes on is its own affair

			stream = f.opened(t, shard0)
			next(t, stream)
			s.HalfOpen(1)
			silent, err := f.subscribe(t, shard0, types.StartingPosition{Type: "LATEST"})
			require.NoError(t, err)
			server.Close()
			_ = ended(stream)
			_ = ended(silent)
		})
	}
}

func TestCertificate(t *testing.T) {
	server := kinesistest.NewTLSServer(kinesistest.New(kinesistest.Config{}))
	defer server.Close()
	assert.True(t, strings.HasPrefix(server.URL, "https://127.0.0.1:"), server.URL)
	require.NoError(t, server.Certificate().VerifyHostname("127.0.0.1"))
	assert.True(t, time.Now().Before(server.Certificate().NotAfter))
	plain := kinesistest.NewServer(kinesistest.New(kinesistest.Config{}))
	defer plain.Close()
	assert.Nil(t, plain.Certificate())
}

func TestPipeServerServesOtherCallsToo(t *testing.T) {
	inBubble(t, kinesistest.Config{}, 1, func(t *testing.T, f fan) {
		put(t, f.orders, shard0, "a")
		assert.Equal(t, []string{"a"}, dataOf(read(t, f, horizonOf(t, f, shard0))))
		f.service.Inject(kinesistest.Fault{Op: kinesistest.ListShards, Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := f.ListShards(ctx, &kinesis.ListShardsInput{StreamName: new("orders")})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
