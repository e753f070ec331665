package poller_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

// toTheEnd reads until the end, a number of records, or a failure of the test by time, and returns what came.
func toTheEnd(t *testing.T, r poller.Reader, most int) (got []string, ended bool, errs []error) {
	t.Helper()
	for began := time.Now(); len(got) < most && !ended && time.Since(began) < time.Hour; {
		page, err := r.Next(t.Context())
		if err != nil {
			errs = append(errs, err)
		}
		got, ended = append(got, sequence(page)...), page.End
	}
	return got, ended, errs
}

// nowhere is an answer with no place to go on from, and no children.
func nowhere(behind *int64, records ...types.Record) *kinesis.GetRecordsOutput {
	return &kinesis.GetRecordsOutput{Records: records, MillisBehindLatest: behind}
}

// TestAnEndWithoutChildrenIsOneWhereAListingSaysSo: emulators, and older versions of the service, name no children.
func TestAnEndWithoutChildrenIsOneWhereAListingSaysSo(t *testing.T) {
	listed := func(shards ...types.Shard) func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		return func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			return &kinesis.ListShardsOutput{Shards: shards}, nil
		}
	}
	for name, list := range map[string]func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error){
		"by its range":     nil,
		"by a child":       listed(types.Shard{ShardId: aws.String(shardID)}, types.Shard{ShardId: aws.String("c"), ParentShardId: aws.String(shardID)}),
		"by a merge":       listed(types.Shard{ShardId: aws.String("c"), ParentShardId: aws.String("other"), AdjacentParentShardId: aws.String(shardID)}, types.Shard{ShardId: aws.String(shardID)}),
		"by a child alone": listed(types.Shard{ShardId: aws.String("c"), ParentShardId: aws.String(shardID)}),
	} {
		for _, subscribes := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, subscribes: %t", name, subscribes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHub(3)
					h.closed, h.children, h.onList = true, nil, list
					r := open(t, h, poller.Start{}, poller.Config{})
					if subscribes {
						r = subscribed(t, h, poller.Start{}, poller.Config{})
					}
					got, ended, errs := toTheEnd(t, r, 4)
					require.Equal(t, numbers(1, 3), got)
					require.True(t, ended)
					require.Empty(t, errs)
					require.Nil(t, r.(poller.ChildFinder).Children())
					require.Len(t, h.of("list"), 1)
					require.Less(t, time.Since(h.born), 30*time.Second)
					require.Zero(t, h.open())
				})
			})
		}
	}
}

// TestALostIteratorIsNoEnd has an endpoint that leaves the next iterator out, now and then, in the midst of a shard, be it open
// or closed.
func TestALostIteratorIsNoEnd(t *testing.T) {
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprint("closed: ", closed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(8)
				f.page, f.closed = 2, closed
				f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
					return map[int]*kinesis.GetRecordsOutput{
						1: nowhere(aws.Int64(0), f.records[2:4]...), // read 0 brought two records
						3: nowhere(aws.Int64(0)),                    // behind two more
						5: nowhere(nil),                             // behind the last two, or at the end
						7: nowhere(aws.Int64(5000)), 8: nowhere(aws.Int64(0)),
					}[n], nil
				}
				got, ended, _ := toTheEnd(t, open(t, f, poller.Start{}, poller.Config{}), 8)
				require.Equal(t, []string{"1", "2", "3", "4", "5", "6", "7", "8"}, got)
				require.Equal(t, closed, ended)
				require.Empty(t, f.of("list"), "none was claimed twice in a row")
			})
		})
	}
}

// TestALostContinuationIsNoEnd is the same of subscriptions.
func TestALostContinuationIsNoEnd(t *testing.T) {
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprint("closed: ", closed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHub(8)
				h.closed = closed
				h.plan = func(n int) feedPlan { return []feedPlan{{after: 2, then: "lose"}, {then: "lose"}, {}}[min(n, 2)] }
				got, ended, errs := toTheEnd(t, subscribed(t, h, poller.Start{}, poller.Config{}), 8)
				require.Equal(t, numbers(1, 8), got)
				require.Equal(t, closed, ended)
				require.Empty(t, errs)
				require.Equal(t, []string{"TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER 300", "AFTER_SEQUENCE_NUMBER 400"}, h.details("subscribe"))
			})
		})
	}
}

// TestAnEndThatNoListingConfirmsIsAnError, as long as that is so.
func TestAnEndThatNoListingConfirmsIsAnError(t *testing.T) {
	for name, tc := range map[string]struct {
		behind *int64
		list   func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error)
		says   string
		class  poller.Class
	}{
		"listed as open": {aws.Int64(0), nil, "get records: the answer names neither a place to resume from nor child shards, and the stream lists the shard as open", poller.Retry},
		"not listed": {aws.Int64(0), func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			return &kinesis.ListShardsOutput{Shards: []types.Shard{{ShardId: aws.String("another")}}}, nil
		}, "get records: the answer names neither a place to resume from nor child shards, and the stream does not list the shard", poller.ShardGone},
		"no listing to be had": {aws.Int64(0), func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			return nil, &types.AccessDeniedException{}
		}, "list shards: ", poller.Denied},
		"it is not said that nothing is left": {nil, func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			return nil, errors.New("not asked")
		}, "get records: the answer has no place to resume from, but that is not an end: MillisBehindLatest is missing or negative", poller.Retry},
		"more is told of": {aws.Int64(1), func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			return nil, errors.New("nobody asks")
		}, "get records: the answer names neither a place to resume from nor child shards, though it reports more records", poller.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(2)
				f.onList = tc.list
				f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
					if n < 20 {
						return nowhere(tc.behind), nil
					}
					return nil, nil
				}
				got, _, errs := toTheEnd(t, open(t, f, poller.Start{}, poller.Config{}), 2)
				require.Equal(t, []string{"1", "2"}, got, "nothing is lost")
				require.GreaterOrEqual(t, len(errs), 19)
				for _, err := range errs {
					require.ErrorContains(t, err, tc.says)
					require.Equal(t, tc.class, poller.Classify(err))
				}
				require.Greater(t, time.Since(f.born), time.Minute, "with a back-off")
			})
		})
	}
}

// TestAClaimOfTheEndIsNoSignOfHavingReadAll: who believed it would take records that come later for read.
func TestAClaimOfTheEndIsNoSignOfHavingReadAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(2)
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			return []*kinesis.GetRecordsOutput{nowhere(aws.Int64(0)), nowhere(aws.Int64(0), f.records[0]), nowhere(aws.Int64(7), f.records[1])}[n], nil
		}
		r := open(t, f, poller.Start{}, poller.Config{})
		for _, behind := range []time.Duration{0, 0, 7 * time.Millisecond} {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.True(t, page.CaughtUpTo.IsZero())
			require.Equal(t, behind, page.Behind)
		}
	})
}

// TestShardsThatEndTogetherShareAListing: a reshard of a large stream ends thousands.
func TestShardsThatEndTogetherShareAListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		f.closed, f.children = true, nil
		f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			rest(t.Context(), time.Second)
			shards := make([]types.Shard, 100)
			for i := range shards {
				shards[i] = types.Shard{ShardId: aws.String(fmt.Sprint("shard-", i)), SequenceNumberRange: &types.SequenceNumberRange{EndingSequenceNumber: aws.String("9")}}
			}
			return &kinesis.ListShardsOutput{Shards: shards}, nil
		}
		p := newPoller(t, &locked{fake: f}, poller.Config{})
		var readers sync.WaitGroup
		for i := range 100 {
			readers.Go(func() {
				r, err := p.Open(poller.Shard{ID: fmt.Sprint("shard-", i)}, poller.Start{})
				require.NoError(t, err)
				_, ended, errs := toTheEnd(t, r, 1)
				require.True(t, ended)
				require.Empty(t, errs)
			})
		}
		readers.Wait()
		require.LessOrEqual(t, len(f.of("list")), 5)
	})
}

// locked is a fake for several goroutines.
type locked struct {
	*fake
	mu sync.Mutex
}

func (l *locked) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, o ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fake.GetRecords(ctx, in, o...)
}
