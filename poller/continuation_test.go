package poller_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// promising is a hub whose events name a place to go on from that the service then refuses, as an emulator named "0" before
// anything was read, and then with everything, and an older one a shard iterator.
type promising struct {
	*hub
	promise string
	refuse  error
	in      bool // the refusal is an event of the subscription, and not the answer to the call
	refused int
	poll    error // SubscribeToShard fails with it
}

func (p *promising) Subscribe(ctx context.Context, in *kinesis.SubscribeToShardInput, o ...func(*kinesis.Options)) (kinesis.SubscribeToShardEventStreamReader, error) {
	if p.poll != nil {
		return nil, p.poll
	}
	if aws.ToString(in.StartingPosition.SequenceNumber) == p.promise {
		p.note("subscribe", "refused", nil)
		p.refused++
		if p.in {
			return broken{p.refuse}, nil
		}
		return nil, p.refuse
	}
	inner, err := p.hub.Subscribe(ctx, in, o...)
	if err != nil {
		return nil, err
	}
	f := &promisingFeed{inner, make(chan types.SubscribeToShardEventStream)}
	go f.run(ctx, p.promise)
	return f, nil
}

func (p *promising) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput, o ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	if aws.ToString(in.StartingSequenceNumber) == p.promise {
		p.refused++
		return nil, p.refuse
	}
	return p.hub.GetShardIterator(ctx, in, o...)
}

// promisingFeed puts the promise into each event.
type promisingFeed struct {
	kinesis.SubscribeToShardEventStreamReader
	events chan types.SubscribeToShardEventStream
}

func (f *promisingFeed) Events() <-chan types.SubscribeToShardEventStream { return f.events }

func (f *promisingFeed) run(ctx context.Context, promise string) {
	defer close(f.events)
	for e := range f.SubscribeToShardEventStreamReader.Events() {
		if m, ok := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok && m.Value.ContinuationSequenceNumber != nil {
			m.Value.ContinuationSequenceNumber = &promise
		}
		select {
		case f.events <- e:
		case <-ctx.Done():
			return
		}
	}
}

// broken is a subscription that is granted, and fails before its first event.
type broken struct{ err error }

func (b broken) Events() <-chan types.SubscribeToShardEventStream {
	c := make(chan types.SubscribeToShardEventStream)
	close(c)
	return c
}
func (b broken) Err() error   { return b.err }
func (b broken) Close() error { return nil }

var refusals = map[string]error{
	"invalid":   &types.InvalidArgumentException{Message: aws.String("StartingSequenceNumber is invalid")},
	"not found": &types.ResourceNotFoundException{Message: aws.String("Unable to find record with provided SequenceNumber SequenceNumber(0) in stream Some(orders)")},
	"a fault":   &types.InternalFailureException{Message: aws.String("NumberFormatException")},
}

// TestAContinuationThatIsRefusedIsNotKept: reading goes on from the last record, or from the start.
func TestAContinuationThatIsRefusedIsNotKept(t *testing.T) {
	for name, refuse := range refusals {
		for _, promise := range []string{"0", "550", "99999999999999999999", "AAAAAAAAAAHSywljv0zEgPX4NyKdZ5wryMzP", "-1", "1e9", " 700", ""} {
			for _, had := range []int{0, 5} { // of 10 records, at first
				for i, in := range []bool{false, true, false} {
					idle := []time.Duration{6 * time.Minute, 6 * time.Minute, time.Minute}[i] // the last within a subscription
					t.Run(fmt.Sprintf("%s, promise %q, %d records, in the stream: %t, after %v", name, promise, had, in, idle), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							h := &promising{hub: newHub(10), promise: promise, refuse: refuse, in: in}
							if promise == "" { // no promise at all: as at the end of a shard, but in its midst
								h.promise = "none"
								h.plan = func(int) feedPlan { return feedPlan{then: "lose"} }
							}
							h.arrived = had
							var log bytes.Buffer
							r := subscribed(t, h, poller.Start{}, poller.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
							require.Equal(t, numbers(1, had), forLong(t, r, idle))
							h.arrive(5)
							require.Equal(t, numbers(had+1, had+5), forLong(t, r, 6*time.Minute))
							h.arrive(10)
							require.Equal(t, numbers(had+6, 10), forLong(t, r, 6*time.Minute))
							require.LessOrEqual(t, h.refused, 5, "%s", &log)
						})
					})
				}
			}
		}
	}
}

// forLong reads for a while, whatever errors come, and returns what came.
func forLong(t *testing.T, r poller.Reader, d time.Duration) (got []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for {
		page, err := r.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return got
		}
		require.False(t, page.End)
		got = append(got, sequence(page)...)
	}
}

// TestAContinuationThatIsRefusedIsNotKeptByPolls either.
func TestAContinuationThatIsRefusedIsNotKeptByPolls(t *testing.T) {
	for name, refuse := range refusals {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &promising{hub: newHub(10), promise: "0", refuse: refuse}
				h.arrived = 0
				r := subscribed(t, h, poller.Start{}, poller.Config{FallBackToPolling: true})
				require.Empty(t, forLong(t, r, time.Minute))
				h.poll = &types.LimitExceededException{}
				require.Empty(t, forLong(t, r, 10*time.Minute))
				h.arrive(5)
				require.Equal(t, numbers(1, 5), forLong(t, r, 2*time.Minute))
				h.poll = nil
				h.arrive(5)
				require.Equal(t, numbers(6, 10), forLong(t, r, 2*time.Minute))
			})
		})
	}
}

// choosy is a client whose service refuses some subscriptions.
type choosy struct {
	*kinesis.Client
	refuse func(*kinesis.SubscribeToShardInput) error
}

func (c *choosy) SubscribeToShard(ctx context.Context, in *kinesis.SubscribeToShardInput, o ...func(*kinesis.Options)) (*kinesis.SubscribeToShardOutput, error) {
	if err := c.refuse(in); err != nil {
		return nil, err
	}
	return c.Client.SubscribeToShard(ctx, in, o...)
}

// TestPollingEndsWhereOnlySubscriptionsRefuseTheContinuation: the polls of an idle shard succeed, so they do not move the read
// position that the subscriptions need.
func TestPollingEndsWhereOnlySubscriptionsRefuseTheContinuation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, stream, arn := consumed(t, kinesistest.Config{})
		server := kinesistest.NewPipeServer(service)
		defer server.Close()
		_, last, err := stream.Put("key", []byte("0"))
		require.NoError(t, err)
		down, refused := false, 0
		client := &choosy{server.Client(), func(in *kinesis.SubscribeToShardInput) error {
			number := aws.ToString(in.StartingPosition.SequenceNumber)
			switch {
			case down:
				return &types.LimitExceededException{}
			case number != "" && number != last:
				refused++
				return refusals["invalid"]
			}
			return nil
		}}
		r := pushing(t, client, poller.Config{ConsumerARN: arn, FallBackToPolling: true})
		require.Empty(t, readNumbers(t, r, 0, 1))
		require.Empty(t, forLong(t, r, time.Minute), "the shard is idle: its continuation is after the record")
		polls := func(since time.Time) (n int) {
			for _, c := range service.Calls() {
				if c.Op == kinesistest.GetRecords && !c.Time.Before(since) {
					n++
				}
			}
			return n
		}
		down = true
		require.Empty(t, forLong(t, r, 10*time.Minute))
		require.NotZero(t, polls(time.Now().Add(-time.Minute)))
		require.Zero(t, refused)

		down = false
		require.Empty(t, forLong(t, r, 2*time.Minute))
		require.Equal(t, 1, refused, "the next attempt is from the record")
		since := time.Now()
		require.Empty(t, forLong(t, r, time.Minute))
		require.Zero(t, polls(since))
		put(t, stream, "1")
		require.Empty(t, readNumbers(t, r, 1, 1))
	})
}

// TestAContinuationIsGoneOnFromWhereItIsGood: an idle shard does not begin again at its last record, which may be trimmed.
func TestAContinuationIsGoneOnFromWhereItIsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1)
		r := subscribed(t, h, poller.Start{}, poller.Config{})
		require.Equal(t, numbers(1, 1), forLong(t, r, 12*time.Minute))
		asked := h.details("subscribe")
		require.Len(t, asked, 3)
		require.Equal(t, "TRIM_HORIZON", asked[0])
		for _, at := range asked[1:] {
			require.Regexp(t, `^AFTER_SEQUENCE_NUMBER 1[0-9][1-9]$`, at, "behind record 100")
		}
	})
}

// TestAFaultThatPassesDoesNotCostTheContinuation: a network that fails, or another subscription, says nothing of the place.
func TestAFaultThatPassesDoesNotCostTheContinuation(t *testing.T) {
	for _, fault := range []error{errors.New("connection refused"), inUse, throttled} {
		synctest.Test(t, func(t *testing.T) {
			h := newHub(1)
			h.plan = func(n int) feedPlan {
				if 1 <= n && n <= 3 {
					return feedPlan{refuse: fault}
				}
				return feedPlan{}
			}
			r := subscribed(t, h, poller.Start{}, poller.Config{})
			require.Equal(t, numbers(1, 1), forLong(t, r, 12*time.Minute))
			for _, at := range h.details("subscribe")[1:] {
				require.NotContains(t, []string{"TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER 100"}, at)
			}
		})
	}
}

// TestAStoredPositionThatIsRefusedIsKept: nothing behind it is proved, and what was read before is not read again.
func TestAStoredPositionThatIsRefusedIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &promising{hub: newHub(10), promise: "42", refuse: refusals["invalid"]}
		r := subscribed(t, h, poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "42"}}, poller.Config{})
		for range 5 {
			_, err := r.Next(t.Context())
			require.Equal(t, poller.Stop, poller.Classify(err))
		}
		require.Equal(t, 5, h.refused)
	})
}
