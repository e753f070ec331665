package poller_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

// shard is one as a listing shows it; "" is an end, or a parent, that it does not have.
func listedShard(id, end, parent string) types.Shard {
	s := types.Shard{ShardId: aws.String(id), SequenceNumberRange: &types.SequenceNumberRange{StartingSequenceNumber: aws.String("1")}}
	if end != "" {
		s.SequenceNumberRange.EndingSequenceNumber = aws.String(end)
	}
	if parent != "" {
		s.ParentShardId = aws.String(parent)
	}
	return s
}

// endless has listings of a stream whose closed shards always name a place to go on from.
func endless(f *fake, listed ...types.Shard) {
	f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		return &kinesis.ListShardsOutput{Shards: listed}, nil
	}
}

const everyEnd = "9223372036854775807" // what one emulator lists for each shard that is closed

// TestAClosedShardWithoutAnEndHasEndedWhenNothingIsLeft: emulators give a next iterator, or a continuation, for ever.
func TestAClosedShardWithoutAnEndHasEndedWhenNothingIsLeft(t *testing.T) {
	open := listedShard("open", "", "")
	for name, tc := range map[string]struct {
		records int
		listed  []types.Shard
		ends    bool
	}{
		"the number of every end":             {3, []types.Shard{listedShard(shardID, everyEnd, ""), open}, true},
		"the number of its last record":       {3, []types.Shard{listedShard(shardID, "300", ""), open}, true},
		"a number above all its records":      {3, []types.Shard{listedShard(shardID, "100000", ""), open}, true},
		"no number, but a child":              {3, []types.Shard{listedShard(shardID, "", ""), listedShard("child", "", shardID)}, true},
		"a child, and the shard is listed no": {3, []types.Shard{listedShard("child", "", shardID)}, true},
		"nothing was ever put to it":          {0, []types.Shard{listedShard(shardID, everyEnd, ""), listedShard("child", "", shardID)}, true},
		"listed as open":                      {3, []types.Shard{listedShard(shardID, "", ""), open}, false},
		"not listed":                          {3, []types.Shard{open}, false},
		"every shard is listed with an end":   {3, []types.Shard{listedShard(shardID, "300", ""), listedShard("other", "500", "")}, false},
	} {
		for _, subscribes := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, subscribes: %t", name, subscribes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHub(tc.records)
					endless(h.fake, tc.listed...)
					p := newPoller(t, h, poller.Config{})
					if subscribes {
						p = newFanout(t, h, poller.Config{})
					}
					_, err := p.Shards(t.Context())
					require.NoError(t, err)
					var r poller.Reader
					if subscribes {
						r = openFanout(t, p, poller.Start{})
					} else if r, err = p.Open(poller.Shard{ID: shardID}, poller.Start{}); err != nil {
						require.NoError(t, err)
					}
					got, ended, errs := toTheEnd(t, r, tc.records+1)
					require.Equal(t, numbers(1, tc.records), got)
					require.Empty(t, errs)
					require.Equal(t, tc.ends, ended)
					want := 1 // a poll does not list
					if ended {
						want = 2 // but the end of a shard
					}
					require.Len(t, h.of("list"), want)
					if ended {
						require.Less(t, time.Since(h.born), 30*time.Second)
						require.Zero(t, h.open())
					}
				})
			})
		}
	}
}

// TestAReadThatBeganBeforeItsShardWasListedAsClosedSaysNothing: a record may have come in between.
func TestAReadThatBeganBeforeItsShardWasListedAsClosedSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(1)
		endless(f, listedShard(shardID, everyEnd, ""), listedShard("child", "", shardID))
		p := newPoller(t, f, poller.Config{})
		var listedAt time.Time
		f.onRead = func(ctx context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n == 4 { // under way while the stream is listed
				rest(ctx, 10*time.Millisecond)
				_, err := p.Shards(ctx)
				require.NoError(t, err)
				listedAt = time.Now()
				rest(ctx, 10*time.Millisecond)
			}
			return nil, nil
		}
		r, err := p.Open(poller.Shard{ID: shardID}, poller.Start{})
		require.NoError(t, err)
		_, ended, errs := toTheEnd(t, r, 2)
		require.Empty(t, errs)
		require.True(t, ended)
		after := 0
		for _, at := range f.times("read") {
			if f.born.Add(at).After(listedAt) {
				after++
			}
		}
		require.Equal(t, 2, after, "reads that began after the listing was there")
	})
}

// TestAClosedShardWithoutAnEndEndsUnderListingsThatGoOn: a shard that is listed as closed was so at the first of the listings.
// The newest may always be younger than the read, or the wait for an event, that brings nothing.
func TestAClosedShardWithoutAnEndEndsUnderListingsThatGoOn(t *testing.T) {
	for _, subscribes := range []bool{false, true} {
		t.Run(fmt.Sprintf("subscribes: %t", subscribes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHub(3)
				endless(h.fake, listedShard(shardID, everyEnd, ""), listedShard("child", "", shardID))
				h.onRead = func(ctx context.Context, _ int) (*kinesis.GetRecordsOutput, error) {
					rest(ctx, 4*time.Second) // a slow answer
					return nil, nil
				}
				p := newPoller(t, h, poller.Config{})
				if subscribes {
					p = newFanout(t, h, poller.Config{})
				}
				go func() {
					for t.Context().Err() == nil {
						_, _ = p.Shards(t.Context())
						rest(t.Context(), 3*time.Second)
					}
				}()
				var r poller.Reader
				if subscribes {
					r = openFanout(t, p, poller.Start{})
				} else {
					var err error
					r, err = p.Open(poller.Shard{ID: shardID}, poller.Start{})
					require.NoError(t, err)
				}
				got, ended, errs := toTheEnd(t, r, 4)
				require.Equal(t, numbers(1, 3), got)
				require.Empty(t, errs)
				require.True(t, ended)
				require.Less(t, time.Since(h.born), 40*time.Second)
			})
		})
	}
}

// TestAShardThatIsListedAsOpenAgainIsClosedSinceTheNextListing: a listing that lags takes back what one before it said, and
// nothing that was read until then counts.
func TestAShardThatIsListedAsOpenAgainIsClosedSinceTheNextListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(1)
		listings := 0
		f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			if listings++; listings == 2 {
				return &kinesis.ListShardsOutput{Shards: []types.Shard{listedShard(shardID, "", "")}}, nil
			}
			return &kinesis.ListShardsOutput{Shards: []types.Shard{listedShard(shardID, "", ""), listedShard("child", "", shardID)}}, nil
		}
		p := newPoller(t, f, poller.Config{})
		list := func() {
			_, err := p.Shards(t.Context())
			require.NoError(t, err)
		}
		list()
		list()
		r, err := p.Open(poller.Shard{ID: shardID}, poller.Start{})
		require.NoError(t, err)
		for range 6 {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.False(t, page.End)
		}
		list()
		for want := range 2 {
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, want == 1, page.End)
		}
	})
}

// TestAClosedShardThatIsBehindOrBringsRecordsGoesOn: nothing is left only where a read says so twice in a row.
func TestAClosedShardThatIsBehindOrBringsRecordsGoesOn(t *testing.T) {
	empty := func(behind *int64) *kinesis.GetRecordsOutput {
		return &kinesis.GetRecordsOutput{Records: []types.Record{}, MillisBehindLatest: behind, NextShardIterator: aws.String("0@0s")}
	}
	for name, answer := range map[string]*kinesis.GetRecordsOutput{
		"behind":            empty(aws.Int64(1)),
		"it does not say":   empty(nil),
		"no number of time": empty(aws.Int64(-1)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(2)
				endless(f, listedShard(shardID, everyEnd, ""), listedShard("child", "", shardID))
				f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
					if n < 50 {
						if n%2 == 0 {
							return answer, nil
						}
						return empty(aws.Int64(0)), nil
					}
					return nil, nil
				}
				p := newPoller(t, f, poller.Config{})
				_, err := p.Shards(t.Context())
				require.NoError(t, err)
				r, err := p.Open(poller.Shard{ID: shardID}, poller.Start{})
				require.NoError(t, err)
				got, _, _ := toTheEnd(t, r, 2)
				require.Equal(t, []string{"1", "2"}, got)
			})
		})
	}
}

// TestChildrenOfAnotherShardAreNoEnd: an answer that was meant for another reader must not end this shard.
func TestChildrenOfAnotherShardAreNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(2)
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n > 0 {
				return nil, nil
			}
			return &kinesis.GetRecordsOutput{Records: []types.Record{}, MillisBehindLatest: aws.Int64(0), ChildShards: []types.ChildShard{
				{ShardId: aws.String("x"), ParentShards: []string{"another"}}, {ShardId: aws.String("y")},
			}}, nil
		}
		got, ended, _ := toTheEnd(t, open(t, f, poller.Start{}, poller.Config{}), 2)
		require.Equal(t, []string{"1", "2"}, got)
		require.False(t, ended)
	})
}

// TestOneListingEndsNoQuietShard: the first one may be of another stream that had this one's name. It is asked for again, but not with
// each poll.
func TestOneListingEndsNoQuietShard(t *testing.T) {
	open := listedShard("open", "", "")
	closed := []types.Shard{listedShard(shardID, everyEnd, ""), open}
	for name, then := range map[string][]types.Shard{
		"then it is open":        {listedShard(shardID, "", ""), open},
		"then it is not listed":  {open},
		"then the listing fails": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(3)
				listings := 0
				f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
					listings++
					if listings%2 == 1 { // what the mapping lists
						return &kinesis.ListShardsOutput{Shards: closed}, nil
					}
					if then == nil {
						return nil, &types.LimitExceededException{}
					}
					return &kinesis.ListShardsOutput{Shards: then}, nil
				}
				p := newPoller(t, f, poller.Config{})
				_, err := p.Shards(t.Context())
				require.NoError(t, err)
				r, err := p.Open(poller.Shard{ID: shardID}, poller.Start{})
				require.NoError(t, err)
				for polls := 0; polls < 100; polls++ {
					page, err := r.Next(t.Context())
					require.NoError(t, err)
					require.False(t, page.End, "after %d polls", polls)
					if listings%2 == 0 {
						_, err := p.Shards(t.Context())
						require.NoError(t, err)
					}
				}
				require.Greater(t, listings, 2)
				require.Less(t, listings, 30)
			})
		})
	}
}
