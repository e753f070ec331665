package kinesistest_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// answers keeps what Config.OnAnswer sees.
type answers struct {
	mu  sync.Mutex
	all []kinesistest.Answered
}

func (a *answers) add(one kinesistest.Answered) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, one)
}

// take returns what came since the last time.
func (a *answers) take() []kinesistest.Answered {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.all
	a.all = nil
	return all
}

func TestOnAnswerSeesInputAndOutputOfEveryCall(t *testing.T) {
	var seen answers
	refuse := false
	s := kinesistest.New(kinesistest.Config{OnAnswer: seen.add, OnCall: func(kinesistest.Call) error {
		if refuse {
			return errors.New("refused")
		}
		return nil
	}})
	_, err := s.CreateStream("orders", 1)
	require.NoError(t, err)
	assert.Empty(t, seen.take(), "a Stream's own methods are no calls")
	client, name := s.Client(), "orders"

	in := &kinesis.DescribeStreamSummaryInput{StreamName: &name}
	out, err := client.DescribeStreamSummary(t.Context(), in)
	require.NoError(t, err)
	one := only(t, seen.take())
	assert.Equal(t, kinesistest.DescribeStreamSummary, one.Op)
	assert.Same(t, in, one.Input)
	assert.Same(t, out, one.Output)
	assert.False(t, one.Disturbed)

	_, err = client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: &name})
	require.Error(t, err)
	one = only(t, seen.take())
	require.Error(t, one.Err)
	assert.Nil(t, one.Output)
	assert.False(t, one.Disturbed, "a refusal is the service's own")

	disturb := map[string]func(){
		"a fault": func() {
			s.Fail(kinesistest.DescribeStreamSummary, &types.InternalFailureException{}, 1)
		},
		"mischief": func() {
			s.Inject(kinesistest.Fault{Kind: kinesistest.AbsentMembers, Op: kinesistest.DescribeStreamSummary})
		},
		"the hook": func() { refuse = true },
	}
	for text, begin := range disturb {
		begin()
		_, _ = client.DescribeStreamSummary(t.Context(), in)
		assert.True(t, only(t, seen.take()).Disturbed, text)
		refuse = false
	}
}

func only(t *testing.T, all []kinesistest.Answered) kinesistest.Answered {
	t.Helper()
	require.Len(t, all, 1)
	return all[0]
}

func TestOnAnswerSeesTheEventsOfASubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen answers
		s := kinesistest.New(kinesistest.Config{OnAnswer: seen.add})
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		arn, err := orders.RegisterConsumer("shipping")
		require.NoError(t, err)
		server := kinesistest.NewPipeServer(s)
		defer server.Close()
		out, err := server.Client().SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
			ConsumerARN: &arn, ShardId: new("shardId-000000000000"),
			StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
		})
		require.NoError(t, err)
		granted := only(t, seen.take())
		assert.Equal(t, kinesistest.SubscribeToShard, granted.Op)
		assert.Nil(t, granted.Output)

		_, _, err = orders.Put("customer-7", []byte("hello"))
		require.NoError(t, err)
		<-out.GetStream().Events()
		one := only(t, seen.take())
		assert.Equal(t, kinesistest.SubscribeToShardEvent, one.Op)
		assert.Equal(t, "shardId-000000000000", one.Shard)
		assert.Len(t, one.Output.(*types.SubscribeToShardEvent).Records, 1)
		require.NoError(t, out.GetStream().Close())
	})
}
