package kinesistest_test

import (
	"context"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestMischiefOfEvents(t *testing.T) {
	type event = types.SubscribeToShardEvent
	tests := map[kinesistest.Kind]func(t *testing.T, e *event, last string){
		kinesistest.EmptyEvent: func(t *testing.T, e *event, _ string) { assert.Equal(t, &event{}, e) },
		kinesistest.NullMembers: func(t *testing.T, e *event, _ string) {
			whole := e.Records != nil && e.ContinuationSequenceNumber != nil && e.MillisBehindLatest != nil && e.ChildShards != nil
			assert.False(t, whole)
		},
		kinesistest.NoContinuation:   func(t *testing.T, e *event, _ string) { assert.Nil(t, e.ContinuationSequenceNumber) },
		kinesistest.ZeroContinuation: func(t *testing.T, e *event, _ string) { assert.Equal(t, "0", *e.ContinuationSequenceNumber) },
		kinesistest.RefusedContinuation: func(t *testing.T, e *event, last string) {
			given, ok := new(big.Int).SetString(*e.ContinuationSequenceNumber, 10)
			require.True(t, ok)
			before, ok := new(big.Int).SetString(last, 10)
			require.True(t, ok)
			assert.Positive(t, given.Cmp(before))
		},
		kinesistest.RepeatedRecord: func(t *testing.T, e *event, _ string) { assert.Len(t, e.Records, 4) },
		kinesistest.OddLag:         func(t *testing.T, e *event, _ string) { assert.NotZero(t, *e.MillisBehindLatest) },
		kinesistest.BehindForEver:  func(t *testing.T, e *event, _ string) { assert.Positive(t, *e.MillisBehindLatest) },
	}
	for kind, check := range tests {
		t.Run(string(kind), func(t *testing.T) {
			inBubble(t, kinesistest.Config{SubscribeAtOnce: true}, 1, func(t *testing.T, f fan) {
				numbers := put(t, f.orders, shard0, "a", "b", "c")
				m := rude(f.service, kind)
				stream := f.opened(t, shard0)
				e := next(t, stream)
				check(t, e, numbers[2])
				assert.Equal(t, map[kinesistest.Kind]int{kind: 1}, m.Counts())
				m.Stop()
				assert.Empty(t, next(t, stream).Records, "the records are passed")
				if kind == kinesistest.RefusedContinuation {
					_, err := f.subscribe(t, shard0, types.StartingPosition{Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: e.ContinuationSequenceNumber})
					requireAPIError(t, err, "InvalidArgumentException", *e.ContinuationSequenceNumber)
				}
			})
		})
	}
}

func TestMischiefOfSubscriptions(t *testing.T) {
	tests := map[kinesistest.Kind]func(t *testing.T, stream *kinesis.SubscribeToShardEventStream, took time.Duration){
		kinesistest.EarlyEnd: func(t *testing.T, stream *kinesis.SubscribeToShardEventStream, took time.Duration) {
			require.NoError(t, stream.Err())
			assert.Less(t, took, time.Minute)
		},
		// Which of a connection's errors the SDK passes on, if any, is its own affair.
		kinesistest.BrokenSubscription: func(t *testing.T, _ *kinesis.SubscribeToShardEventStream, took time.Duration) {
			assert.Less(t, took, time.Minute)
		},
		kinesistest.CutBody: func(t *testing.T, _ *kinesis.SubscribeToShardEventStream, took time.Duration) {
			assert.Less(t, took, time.Minute)
		},
		kinesistest.Trickle: func(t *testing.T, _ *kinesis.SubscribeToShardEventStream, took time.Duration) {
			assert.GreaterOrEqual(t, took, 5*time.Minute)
		},
		kinesistest.RepeatedPage: func(t *testing.T, _ *kinesis.SubscribeToShardEventStream, took time.Duration) {
			assert.Equal(t, 5*time.Minute, took)
		},
	}
	for kind, check := range tests {
		t.Run(string(kind), func(t *testing.T) {
			inBubble(t, kinesistest.Config{SubscribeAtOnce: true}, 1, func(t *testing.T, f fan) {
				numbers := put(t, f.orders, shard0, "a", "b", "c")
				plan := kinesistest.Mischief{Seed: 3, Kinds: []kinesistest.Kind{kind}, Rate: 1}
				if kind == kinesistest.CutBody {
					plan.Ops = []kinesistest.Op{kinesistest.SubscribeToShardEvent}
				}
				m, began := f.service.Misbehave(plan), time.Now()
				stream, err := f.subscribe(t, shard0, types.StartingPosition{Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: &numbers[1]})
				require.NoError(t, err)
				var data []string
				for e := range stream.Events() {
					got, ok := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
					require.True(t, ok, "%T", e)
					data = append(data, dataIn(&got.Value)...)
				}
				if kind == kinesistest.RepeatedPage {
					assert.Subset(t, data, []string{"b", "c"})
				}
				check(t, stream, time.Since(began))
				assert.Positive(t, m.Counts()[kind])
			})
		})
	}
}

func TestSubscriptionThatIsNone(t *testing.T) {
	for _, kind := range []kinesistest.Kind{
		kinesistest.ErrorDocument, kinesistest.HTMLPage, kinesistest.EmptyBody, kinesistest.ConnectionReset, kinesistest.BareServerError,
	} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, orders := newOrders(t, kinesistest.Config{}, 1)
				server := kinesistest.NewPipeServer(s)
				defer server.Close()
				arn, err := orders.RegisterConsumer("billing")
				require.NoError(t, err)
				rude(s, kind)
				answer, err := raw(t, server, "SubscribeToShard", "", `{"ConsumerARN":"`+arn+`","ShardId":"0","StartingPosition":{"Type":"LATEST"}}`)
				switch kind {
				case kinesistest.ConnectionReset:
					require.ErrorIs(t, err, io.EOF)
				case kinesistest.BareServerError:
					assert.GreaterOrEqual(t, answer.status, 500)
				default:
					require.NoError(t, err)
					assert.Less(t, answer.status, 300)
					assert.NotEqual(t, "application/vnd.amazon.eventstream", answer.contentType)
				}
			})
		})
	}
}

func TestHalfOpenByKind(t *testing.T) {
	inBubble(t, kinesistest.Config{SubscribeAtOnce: true}, 1, func(t *testing.T, f fan) {
		f.service.Inject(kinesistest.Fault{Kind: kinesistest.HalfOpenSubscription, Seed: 4})
		stream := f.opened(t, shard0)
		n := 0
		for ended := false; !ended; {
			select {
			case _, ok := <-stream.Events():
				require.True(t, ok)
				n++
			case <-time.After(time.Hour):
				ended = true
			}
		}
		assert.Less(t, n, 4)
		require.NoError(t, stream.Close())
	})
}

func TestEndlessShardOfASubscription(t *testing.T) {
	inBubble(t, kinesistest.Config{SubscribeAtOnce: true}, 1, func(t *testing.T, f fan) {
		put(t, f.orders, shard0, "a")
		_, _, err := f.orders.Split(shard0)
		require.NoError(t, err)
		m := rude(f.service, kinesistest.EndlessShard)
		stream, began := f.opened(t, shard0), time.Now()
		for range 5 {
			e := next(t, stream)
			assert.NotNil(t, e.ContinuationSequenceNumber)
			assert.Nil(t, e.ChildShards)
		}
		assert.Equal(t, 20*time.Second, time.Since(began), "at the pace of heartbeats")
		m.Stop()
		assert.Len(t, next(t, stream).ChildShards, 2)
	})
}

// rawAnswer is an answer as HTTP has it.
type rawAnswer struct {
	status      int
	contentType string
	body        []byte
}

// raw calls an operation without the SDK.
func raw(t *testing.T, server *kinesistest.Server, op, contentType, body string) (rawAnswer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	r.Header.Set("Content-Type", contentType)
	w, err := server.Config().HTTPClient.Do(r)
	if err != nil {
		return rawAnswer{}, err
	}
	defer w.Body.Close()
	got, err := io.ReadAll(w.Body)
	return rawAnswer{w.StatusCode, w.Header.Get("Content-Type"), got}, err
}

func TestOddTimestampsOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
		server := kinesistest.NewPipeServer(s)
		defer server.Close()
		put(t, orders, shard0, "a")
		it := *horizonOf(t, s.Client(), shard0)
		rude(s, kinesistest.OddTimestamp)
		seen := map[string]bool{}
		for range 60 {
			answer, err := raw(t, server, "GetRecords", "application/x-amz-json-1.1", `{"ShardIterator":"`+it+`"}`)
			require.NoError(t, err)
			var page struct {
				Records []struct{ ApproximateArrivalTimestamp json.RawMessage }
			}
			require.NoError(t, json.Unmarshal(answer.body, &page))
			seen[string(page.Records[0].ApproximateArrivalTimestamp)] = true
		}
		assert.Equal(t, map[string]bool{
			`"NaN"`: true, `"Infinity"`: true, `"-Infinity"`: true, `1e+300`: true, `1`: true, `-1`: true, `946684800000.000`: true,
		}, seen)

		request, err := cbor.Marshal(map[string]any{"ShardIterator": it})
		require.NoError(t, err)
		for range 20 {
			answer, err := raw(t, server, "GetRecords", cborType, string(request))
			require.NoError(t, err)
			require.NoError(t, cbor.Wellformed(answer.body))
		}
	})
}

func TestNullsOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, orders := newOrders(t, kinesistest.Config{NoLimits: true}, 1)
		server := kinesistest.NewPipeServer(s)
		defer server.Close()
		put(t, orders, shard0, "a")
		it := *horizonOf(t, s.Client(), shard0)
		request, err := cbor.Marshal(map[string]any{"ShardIterator": it})
		require.NoError(t, err)
		m := rude(s, kinesistest.NullMembers)
		for range 20 {
			answer, err := raw(t, server, "GetRecords", "application/x-amz-json-1.1", `{"ShardIterator":"`+it+`"}`)
			require.NoError(t, err)
			assert.Contains(t, string(answer.body), "null")
			assert.True(t, json.Valid(answer.body))
			answer, err = raw(t, server, "GetRecords", cborType, string(request))
			require.NoError(t, err)
			var page map[string]any
			require.NoError(t, cbor.Unmarshal(answer.body, &page))
			assert.NotEmpty(t, page)
		}
		m.Stop()
		rude(s, kinesistest.AbsentMembers)
		answer, err := raw(t, server, "GetShardIterator", "", `{"StreamName":"orders","ShardId":"0","ShardIteratorType":"LATEST"}`)
		require.NoError(t, err)
		assert.Equal(t, `{}`, string(answer.body))
	})
}
