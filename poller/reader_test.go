package poller_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

func TestStartPositions(t *testing.T) {
	at := func(p batch.Position) poller.Start { return poller.Start{Type: poller.AtPosition, Position: p} }
	for name, tc := range map[string]struct {
		from     poller.Start
		iterator string
		want     []string
	}{
		"trim horizon": {poller.Start{}, "TRIM_HORIZON", []string{"1", "2", "3", "4"}},
		"timestamp": {
			poller.Start{Type: poller.AtTimestamp, Timestamp: *record(3).ApproximateArrivalTimestamp},
			"AT_TIMESTAMP",
			[]string{"3", "4"},
		},
		"behind a record": {at(batch.Position{SequenceNumber: "2"}), "AFTER_SEQUENCE_NUMBER 2", []string{"3", "4"}},
		"behind the last member of an aggregate": {
			at(batch.Position{SequenceNumber: "2", SubSequence: 7}), "AFTER_SEQUENCE_NUMBER 2", []string{"3", "4"},
		},
		"within an aggregate: read again, since a whole record lies behind its first members": {
			at(batch.Position{SequenceNumber: "2", SubSequence: 1, Partial: true}), "AT_SEQUENCE_NUMBER 2", []string{"2", "3", "4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(4)
			page, err := open(t, f, tc.from, poller.Config{}).Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, tc.want, sequence(page))
			require.Equal(t, []string{tc.iterator}, f.details("iterator"))
		})
	}
}

func TestRecordsNotBehindTheReadPositionAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(4)
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			return &kinesis.GetRecordsOutput{Records: f.records[:2*(n+1)], NextShardIterator: aws.String("0"), MillisBehindLatest: aws.Int64(0)}, nil
		}
		r := open(t, f, poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "1"}}, poller.Config{})
		for _, want := range [][]string{{"2"}, {"3", "4"}} {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, sequence(page))
		}
	})
}

// TestARecordThatWasReadAndComesTwiceInAPageIsSkippedTwice, if it is the same. What lies behind and is another one is left to the
// caller.
func TestARecordThatWasReadAndComesTwiceInAPageIsSkippedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(4)
		f.records[0].Data = []byte("first")
		other := f.records[0]
		other.Data = []byte("another")
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			page := []types.Record{f.records[0], f.records[1], f.records[0], f.records[2]}
			if n > 0 {
				page = []types.Record{f.records[2], f.records[3], other}
			}
			return &kinesis.GetRecordsOutput{Records: page, NextShardIterator: aws.String("0"), MillisBehindLatest: aws.Int64(0)}, nil
		}
		r := open(t, f, poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "1"}}, poller.Config{})
		for _, want := range [][]string{{"2", "3"}, {"4", "1"}} {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, sequence(page))
		}
	})
}

func TestOpenRefusesAStartThatNamesNoPlace(t *testing.T) {
	p := newPoller(t, newFake(0), poller.Config{})
	for _, tc := range []struct {
		shard poller.Shard
		from  poller.Start
	}{
		{poller.Shard{}, poller.Start{}},
		{poller.Shard{ID: shardID}, poller.Start{Type: poller.AtPosition}},
		{poller.Shard{ID: shardID}, poller.Start{Type: 9}},
	} {
		_, err := p.Open(tc.shard, tc.from)
		require.Error(t, err)
	}
}

func TestPageOfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(2)
		f.page = 1
		f.records[0].PartitionKey = nil
		f.records[0].Data = make([]byte, 3, 64)
		f.onRead = func(ctx context.Context, _ int) (*kinesis.GetRecordsOutput, error) {
			rest(ctx, 600*time.Millisecond)
			return nil, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})

		page, err := r.Next(t.Context())
		require.NoError(t, err)
		got := page.Records[0]
		require.Equal(t, "1", got.SequenceNumber)
		require.Empty(t, got.PartitionKey)
		require.Equal(t, 3, cap(got.Data), "an append to a record's data must not write behind it")
		require.Equal(t, time.UnixMilli(1_700_000_000_001).UTC(), got.ArrivalTime)
		require.Zero(t, got.Size)
		require.Equal(t, time.Second, page.Behind)
		require.True(t, page.CaughtUpTo.IsZero(), "a record is left")

		page, err = r.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, f.born.Add(time.Second).UTC(), page.CaughtUpTo, "the time at which the read began")
		require.Zero(t, page.Behind)
		require.False(t, page.End)
	})
}

func TestTheLastPageKeepsItsRecords(t *testing.T) {
	f := newFake(2)
	f.closed = true
	r := open(t, f, poller.Start{}, poller.Config{})
	page, err := r.Next(t.Context())
	require.NoError(t, err)
	require.True(t, page.End)
	require.Equal(t, []string{"1", "2"}, sequence(page))

	_, err = r.Next(t.Context())
	require.Error(t, err)
	require.Len(t, f.of("read"), 1, "a shard that has ended is not read again")
}

func TestAnExpiredIteratorIsRenewedFromTheReadPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(6)
		f.page = 2
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n == 1 || n == 2 {
				return nil, fmt.Errorf("wrapped: %w", expired)
			}
			return nil, nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		for _, want := range [][]string{{"1", "2"}, {"3", "4"}, {"5", "6"}} {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, sequence(page))
		}
		require.Equal(t, []string{"TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER 2", "AFTER_SEQUENCE_NUMBER 2"}, f.details("iterator"))
		require.Equal(t, seconds(0, 1, 1, 1, 2), f.times("read"), "renewed at once")
	})
}

func TestAnIteratorThatIsRefusedAsInvalidIsRenewedToo(t *testing.T) {
	f := newFake(2)
	f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
		if n == 0 {
			return nil, &types.InvalidArgumentException{Message: aws.String("Invalid ShardIterator.")}
		}
		return nil, nil
	}
	page, err := open(t, f, poller.Start{}, poller.Config{}).Next(t.Context())
	require.NoError(t, err)
	require.Len(t, page.Records, 2)
	require.Len(t, f.of("iterator"), 2)
}

func TestATimestampIsNeverRoundedUp(t *testing.T) {
	f := newFake(1)
	at := time.UnixMilli(1_700_000_000_001)
	f.onIterator = func(in *kinesis.GetShardIteratorInput) error {
		require.True(t, at.Equal(*in.Timestamp), "got %v, want %v", in.Timestamp, at)
		return nil
	}
	_, err := open(t, f, poller.Start{Type: poller.AtTimestamp, Timestamp: at.Add(900 * time.Microsecond)}, poller.Config{}).Next(t.Context())
	require.NoError(t, err)
}

func TestAnIteratorThatIsAlwaysExpiredIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(1)
		f.onRead = func(context.Context, int) (*kinesis.GetRecordsOutput, error) { return nil, expired }
		r := open(t, f, poller.Start{}, poller.Config{})
		_, err := r.Next(t.Context())
		require.Equal(t, poller.Renew, poller.Classify(err))
		require.Len(t, f.of("read"), 3)

		f.onRead = nil
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
	})
}

func TestAnOldIteratorIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(2)
		r := open(t, f, poller.Start{}, poller.Config{})
		for _, busy := range []time.Duration{4*time.Minute + 29*time.Second, 4*time.Minute + 31*time.Second, 0} {
			_, err := r.Next(t.Context())
			require.NoError(t, err)
			rest(t.Context(), busy)
		}
		require.Equal(t, []string{"TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER 2"}, f.details("iterator"))
	})
}

func TestAHangingCallEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(1)
		f.onRead = func(ctx context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n > 0 {
				return nil, nil
			}
			<-ctx.Done()
			return nil, fmt.Errorf("client: %w", ctx.Err())
		}
		r := open(t, f, poller.Start{}, poller.Config{CallTimeout: 7 * time.Second})
		_, err := r.Next(t.Context())
		require.Equal(t, 7*time.Second, time.Since(f.born))
		require.EqualError(t, err, "poller: shard shardId-000000000000: get records: no whole answer within 7s")
		require.NotErrorIs(t, err, context.DeadlineExceeded, "a caller must not take it for the end of his own context")
		require.Equal(t, poller.Retry, poller.Classify(err))

		page, err := r.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
		require.Equal(t, int32(10_000), f.of("read")[1].limit, "no answer had begun")
	})
}

func TestWhatTheServiceSaysGoesBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(1)
		f.onRead = func(ctx context.Context, _ int) (*kinesis.GetRecordsOutput, error) {
			<-ctx.Done()
			return nil, throttled
		}
		_, err := open(t, f, poller.Start{}, poller.Config{}).Next(t.Context())
		require.ErrorIs(t, err, throttled)
	})
}

func TestACancelledCallReturnsTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(1)
		lost := errors.New("lease lost")
		ctx, cancel := context.WithCancelCause(t.Context())
		f.onRead = func(call context.Context, _ int) (*kinesis.GetRecordsOutput, error) {
			cancel(lost)
			<-call.Done()
			return nil, fmt.Errorf("client: %w", call.Err())
		}
		_, err := open(t, f, poller.Start{}, poller.Config{}).Next(ctx)
		require.Equal(t, lost, err)
		require.Zero(t, time.Since(f.born))
	})
}

func TestATimestampAheadOfTheServiceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(1)
		ahead := f.born.Add(5 * time.Second)
		f.records[0].ApproximateArrivalTimestamp = aws.Time(ahead)
		f.onIterator = func(in *kinesis.GetShardIteratorInput) error {
			if in.Timestamp.After(time.Now()) {
				return &types.InvalidArgumentException{Message: aws.String("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.")}
			}
			return nil
		}
		r := open(t, f, poller.Start{Type: poller.AtTimestamp, Timestamp: ahead}, poller.Config{})
		for {
			page, err := r.Next(t.Context())
			if err == nil {
				require.Len(t, page.Records, 1)
				return
			}
			require.Equal(t, poller.Retry, poller.Classify(err))
		}
	})
}

func TestARecordWithoutSequenceNumberIsAnError(t *testing.T) {
	f := newFake(2)
	f.records[1].SequenceNumber = nil
	_, err := open(t, f, poller.Start{}, poller.Config{}).Next(t.Context())
	require.EqualError(t, err, "poller: shard shardId-000000000000: get records: a record has no sequence number")
}

// TestCallForAnIteratorIsMadeOncePerNext: another try within the same poll would bring the same, be it for a Reader that had an
// iterator before.
func TestCallForAnIteratorIsMadeOncePerNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(4)
		r := open(t, f, poller.Start{}, poller.Config{})
		refuse := func(*kinesis.GetShardIteratorInput) error { return &types.InvalidArgumentException{} }
		f.onIterator = refuse
		_, err := r.Next(t.Context())
		require.Error(t, err)
		require.Len(t, f.of("iterator"), 1)
		f.onIterator = nil
		_, err = r.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, f.of("iterator"), 2)
		rest(t.Context(), 10*time.Minute)
		f.onIterator = refuse
		_, err = r.Next(t.Context())
		require.Error(t, err)
		require.Len(t, f.of("iterator"), 3)
	})
}
