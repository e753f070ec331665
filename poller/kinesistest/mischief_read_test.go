package kinesistest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// inBothFaces runs a test against the Client, and against the SDK over pipes, under the fake clock.
func inBothFaces(t *testing.T, config kinesistest.Config, test func(t *testing.T, s *kinesistest.Service, c api)) {
	t.Helper()
	t.Run("Client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := kinesistest.New(config)
			test(t, s, s.Client())
		})
	})
	t.Run("Server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := kinesistest.New(config)
			server := kinesistest.NewPipeServer(s)
			defer server.Close()
			test(t, s, kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }))
		})
	})
}

func withTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// readsOf reads a shard with the records a to e, 10 s after they were put, from its begin and under a mischief.
func readsOf(t *testing.T, kind kinesistest.Kind, check func(t *testing.T, out *kinesis.GetRecordsOutput, err error, took time.Duration)) {
	t.Helper()
	t.Run(string(kind), func(t *testing.T) {
		inBothFaces(t, kinesistest.Config{NoLimits: true}, func(t *testing.T, s *kinesistest.Service, c api) {
			orders, err := s.CreateStream("orders", 1)
			require.NoError(t, err)
			numbers := put(t, orders, shard0, "a", "b", "c", "d", "e")
			sleep(t.Context(), 10*time.Second)
			m := s.Misbehave(kinesistest.Mischief{
				Seed: 1, Kinds: []kinesistest.Kind{kind}, Ops: []kinesistest.Op{kinesistest.GetRecords}, Rate: 1, Calls: 20,
			})
			behindB := kinesis.GetShardIteratorInput{
				ShardId: new(shard0), ShardIteratorType: types.ShardIteratorTypeAfterSequenceNumber, StartingSequenceNumber: &numbers[1],
			}
			for range 20 {
				it, began := iteratorOf(t, c, behindB), time.Now()
				out, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
				check(t, out, err, time.Since(began))
			}
			assert.Positive(t, m.Counts()[kind])
			assert.Len(t, m.Pranks(), m.Counts()[kind])
			m.Stop()
			assert.Equal(t, []string{"c", "d", "e"}, dataOf(read(t, c, iteratorOf(t, c, behindB))), "it is over")
		})
	})
}

func TestMischiefOfReads(t *testing.T) {
	type out = kinesis.GetRecordsOutput
	nothing := func(t *testing.T, out *out, err error, _ time.Duration) {
		require.NoError(t, err)
		assert.Nil(t, out.Records)
		assert.Nil(t, out.NextShardIterator)
		assert.Nil(t, out.MillisBehindLatest)
	}
	readsOf(t, kinesistest.ErrorDocument, nothing)
	readsOf(t, kinesistest.EmptyBody, nothing)
	lacks := func(t *testing.T, out *out, err error, _ time.Duration) {
		require.NoError(t, err)
		whole := out.Records != nil && out.NextShardIterator != nil && out.MillisBehindLatest != nil
		for _, r := range out.Records {
			assert.NotNil(t, r.PartitionKey)
			whole = whole && r.SequenceNumber != nil && r.ApproximateArrivalTimestamp != nil && r.Data != nil
		}
		assert.False(t, whole && out.ChildShards != nil)
	}
	readsOf(t, kinesistest.AbsentMembers, lacks)
	readsOf(t, kinesistest.NullMembers, lacks)
	unread := func(t *testing.T, _ *out, err error, _ time.Duration) {
		_, ok := errors.AsType[*smithy.DeserializationError](err)
		assert.True(t, ok, "%v", err)
		response, ok := errors.AsType[*awshttp.ResponseError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, http.StatusOK, response.HTTPStatusCode())
	}
	readsOf(t, kinesistest.HTMLPage, unread)
	readsOf(t, kinesistest.CutBody, func(t *testing.T, out *out, err error, took time.Duration) {
		unread(t, out, err, took)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
	readsOf(t, kinesistest.ConnectionReset, func(t *testing.T, _ *out, err error, _ time.Duration) {
		var broken interface{ ConnectionError() bool }
		require.ErrorAs(t, err, &broken)
	})
	readsOf(t, kinesistest.Trickle, func(t *testing.T, out *out, err error, took time.Duration) {
		require.NoError(t, err)
		assert.Equal(t, []string{"c", "d", "e"}, dataOf(out))
		assert.Greater(t, took, 90*time.Millisecond)
		assert.Less(t, took, 2*time.Minute)
	})
	readsOf(t, kinesistest.Throttled, func(t *testing.T, _ *out, err error, _ time.Duration) {
		requireAPIError(t, err, "ProvisionedThroughputExceededException", shard0)
	})
	readsOf(t, kinesistest.ExpiredIterator, func(t *testing.T, _ *out, err error, _ time.Duration) {
		requireAPIError(t, err, "ExpiredIteratorException", "Iterator expired.")
	})
	readsOf(t, kinesistest.EmptyPage, func(t *testing.T, out *out, err error, _ time.Duration) {
		require.NoError(t, err)
		assert.Empty(t, out.Records)
		assert.Positive(t, *out.MillisBehindLatest)
		assert.NotNil(t, out.NextShardIterator)
	})
	readsOf(t, kinesistest.RepeatedPage, func(t *testing.T, out *out, err error, _ time.Duration) {
		require.NoError(t, err)
		assert.Contains(t, [][]string{{"a", "b", "c", "d", "e"}, {"b", "c", "d", "e"}}, dataOf(out))
	})
	readsOf(t, kinesistest.RepeatedRecord, func(t *testing.T, out *out, err error, _ time.Duration) {
		require.NoError(t, err)
		assert.Len(t, out.Records, 4)
	})
	readsOf(t, kinesistest.OddLag, func(t *testing.T, out *out, err error, _ time.Duration) {
		require.NoError(t, err)
		lag := *out.MillisBehindLatest
		assert.True(t, lag < 0 || lag > 1<<50, "%d", lag)
	})
	readsOf(t, kinesistest.BehindForEver, func(t *testing.T, out *out, err error, _ time.Duration) {
		require.NoError(t, err)
		assert.Positive(t, *out.MillisBehindLatest)
		assert.Equal(t, []string{"c", "d", "e"}, dataOf(out))
	})
}

func TestServerThatIsOutOfOrder(t *testing.T) {
	seen := map[string]map[int]bool{}
	for _, kind := range []kinesistest.Kind{kinesistest.ServerError, kinesistest.BareServerError} {
		readsOf(t, kind, func(t *testing.T, _ *kinesis.GetRecordsOutput, err error, _ time.Duration) {
			response, ok := errors.AsType[*awshttp.ResponseError](err)
			require.True(t, ok, "%v", err)
			_, server := errors.AsType[smithy.APIError](err)
			assert.True(t, server || kind == kinesistest.BareServerError, "%v", err)
			name := t.Name()
			if seen[name] == nil {
				seen[name] = map[int]bool{}
			}
			seen[name][response.HTTPStatusCode()] = true
		})
	}
	for name, statuses := range seen {
		assert.GreaterOrEqual(t, len(statuses), 2, name)
	}
}

func TestNoAnswer(t *testing.T) {
	inBothFaces(t, kinesistest.Config{}, func(t *testing.T, s *kinesistest.Service, c api) {
		_, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		rude(s, kinesistest.NoAnswer)
		ctx, cancel := withTimeout(t, time.Hour)
		defer cancel()
		_, err = c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: new("orders")})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestClosedShardWithoutAnEnd(t *testing.T) {
	inBothFaces(t, kinesistest.Config{NoLimits: true}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		put(t, orders, shard0, "a")
		_, _, err = orders.Split(shard0)
		require.NoError(t, err)
		m := rude(s, kinesistest.EndlessShard)
		it := horizonOf(t, c, shard0)
		for range 5 {
			page := read(t, c, it)
			assert.Nil(t, page.ChildShards)
			it = page.NextShardIterator
		}
		m.Stop()
		page := read(t, c, it)
		assert.Nil(t, page.NextShardIterator)
		assert.Len(t, page.ChildShards, 2)
	})
}

func TestMembersThatAnswersLack(t *testing.T) {
	inBothFaces(t, kinesistest.Config{NoLimits: true}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		_, _, err = orders.Split(shard0)
		require.NoError(t, err)
		rude(s, kinesistest.NullMembers)
		it, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: new("orders"), ShardId: new(shard0), ShardIteratorType: "TRIM_HORIZON"})
		require.NoError(t, err)
		assert.Nil(t, it.ShardIterator)
		for range 20 {
			out, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
			require.NoError(t, err)
			whole := out.Shards != nil
			for i, sh := range out.Shards {
				whole = whole && sh.ShardId != nil && sh.HashKeyRange != nil && sh.SequenceNumberRange != nil && sh.SequenceNumberRange.StartingSequenceNumber != nil
				assert.Equal(t, i > 0, sh.ParentShardId != nil)
				if sh.SequenceNumberRange != nil {
					assert.Equal(t, i > 0, sh.SequenceNumberRange.EndingSequenceNumber == nil)
				}
			}
			assert.False(t, whole)
			summary, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: new("orders")})
			require.NoError(t, err)
			st := summary.StreamDescriptionSummary
			assert.True(t, st == nil || st.RetentionPeriodHours == nil || st.StreamCreationTimestamp == nil)
		}
	})
}
