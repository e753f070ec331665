package mapping_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// listings is a client whose listings a test may change.
type listings struct {
	*kinesistest.Client
	mu     sync.Mutex
	change func([]types.Shard) []types.Shard // nil: they are as they are
	n      int
}

func (l *listings) set(change func([]types.Shard) []types.Shard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.change = change
}

func (l *listings) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

func (l *listings) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	out, err := l.Client.ListShards(ctx, in, opts...)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	if err == nil && l.change != nil {
		out.Shards = l.change(out.Shards)
	}
	return out, err
}

// without cuts shards out of a listing.
func without(ids ...string) func([]types.Shard) []types.Shard {
	return func(shards []types.Shard) []types.Shard {
		return slices.DeleteFunc(slices.Clone(shards), func(s types.Shard) bool { return slices.Contains(ids, *s.ShardId) })
	}
}

// aloneAndInAFleet runs a test with a mapping of one process, and with one that shares its store. cfg.Client is lists, and what is
// stored outlives a restart.
func aloneAndInAFleet(t *testing.T, shards int, f func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress)) {
	t.Helper()
	supervised(t, shards, func(t *testing.T, w *world) {
		lists := &listings{Client: w.service.Client()}
		cfg := w.config()
		cfg.Client = lists
		f(t, w, cfg, lists, func() map[string]driver.Progress {
			rows, err := w.store.Progress(t.Context(), storeName)
			require.NoError(t, err)
			return rows
		})
	})
}

// noneEnded asserts that no shard is stored as ended.
func noneEnded(t *testing.T, rows map[string]driver.Progress) {
	t.Helper()
	for id, p := range rows {
		assert.False(t, p.End, "%s is stored as ended", id)
	}
}

// TestEmptyListingEndsNothing: a mapping that was stopped for longer than the shortest retention starts with an answer without shards.
func TestEmptyListingEndsNothing(t *testing.T) {
	for name, answer := range map[string][]types.Shard{"no member": nil, "no shard": {}, "a null": {{}}} {
		t.Run(name, func(t *testing.T) {
			aloneAndInAFleet(t, 2, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
				w.keep(7 * 24)
				w.put(0, 4)
				r := w.start(cfg)
				pass(time.Minute)
				require.NoError(t, r.stop())
				w.put(4, 4)
				pass(30 * time.Hour)

				lists.set(func([]types.Shard) []types.Shard { return answer })
				r = w.start(cfg)
				pass(10 * time.Minute)
				assert.Contains(t, r.Status().Problem, "the answer ")
				assert.Contains(t, r.Status().LastProcessingResult, "PROBLEM: ")
				assert.Equal(t, 4, len(w.delivered()), "it is not known what there is to read")
				lists.set(nil)
				pass(time.Minute)
				assert.Empty(t, r.Status().Problem)
				assert.ElementsMatch(t, numbers(0, 8), w.delivered())

				lists.set(func([]types.Shard) []types.Shard { return answer })
				w.put(8, 4)
				pass(20 * time.Minute)
				assert.ElementsMatch(t, numbers(0, 12), w.delivered(), "what runs goes on")
				assert.Contains(t, r.Status().Problem, "the answer ")
				require.NoError(t, r.stop())
				noneEnded(t, rows())
			})
		})
	}
}

// emptySource is a Source that at times lists nothing, without an error, or a shard without an ID.
type emptySource struct {
	poller.Source
	mu    sync.Mutex
	empty bool
	all   []poller.Shard
}

func (s *emptySource) set(empty bool, all ...poller.Shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty, s.all = empty, all
}

func (s *emptySource) Shards(ctx context.Context) ([]poller.Shard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty {
		return s.all, nil
	}
	return s.Source.Shards(ctx)
}

// TestSourceThatListsNoShardIsAskedAgain: it is never the same as a stream that all shards have left.
func TestSourceThatListsNoShardIsAskedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		listed []poller.Shard
		says   string
	}{
		"none":               {nil, "mapping: the source lists no shard, though every stream has some"},
		"one without a name": {[]poller.Shard{{}}, "mapping: the source lists a shard without an ID"},
		"one after a shard":  {[]poller.Shard{{ID: shardID(0)}, {}}, "mapping: the source lists a shard without an ID"},
	} {
		t.Run(name, func(t *testing.T) {
			aloneAndInAFleet(t, 1, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
				p, err := poller.New(poller.Config{Client: lists, StreamARN: streamARN, Logger: cfg.Logger})
				require.NoError(t, err)
				source := &emptySource{Source: p}
				cfg.Client, cfg.Source, cfg.ShardRefreshInterval = nil, source, 10*time.Minute
				w.put(0, 2)
				source.set(true, tc.listed...)
				r := w.start(cfg)
				pass(time.Minute)
				assert.Equal(t, tc.says, r.Status().Problem)
				assert.Empty(t, w.delivered())
				source.set(false)
				pass(time.Minute)
				assert.Equal(t, numbers(0, 2), w.delivered())
				source.set(true, tc.listed...)
				pass(time.Hour)
				assert.Equal(t, tc.says, r.Status().Problem)
				w.put(2, 2)
				pass(time.Minute)
				assert.Equal(t, numbers(0, 4), w.delivered())
				require.NoError(t, r.stop())
				noneEnded(t, rows())
			})
		})
	}
}

// TestListingThatIsCutShortLetsNoChildOvertake its parent, which still has records: when a mapping starts for the first time, when
// it starts again, and while it runs.
func TestListingThatIsCutShortLetsNoChildOvertake(t *testing.T) {
	const parent = 0
	before := func(t *testing.T, w *world, first []string, second int) {
		t.Helper()
		got := w.delivered()
		require.Len(t, got, len(first)+second)
		assert.ElementsMatch(t, first, got[:len(first)], "the parent's records come first")
	}
	t.Run("at the first start", func(t *testing.T) {
		aloneAndInAFleet(t, 1, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, _ func() map[string]driver.Progress) {
			w.put(0, 5)
			_, _, err := w.stream.Split(shardID(parent))
			require.NoError(t, err)
			w.put(5, 5)
			lists.set(without(shardID(parent)))
			r := w.start(cfg)
			pass(1500 * time.Millisecond)
			for _, s := range r.Status().Shards {
				assert.Equal(t, "waiting for another listing to lack its parents too: "+shardID(parent), s.Waiting)
			}
			lists.set(nil)
			pass(time.Minute)
			before(t, w, numbers(0, 5), 5)
			require.NoError(t, r.stop())
		})
	})
	t.Run("at another start", func(t *testing.T) {
		aloneAndInAFleet(t, 1, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
			w.keep(7 * 24)
			w.put(0, 5)
			r := w.start(cfg)
			pass(time.Minute)
			require.NoError(t, r.stop())
			w.put(5, 5)
			_, _, err := w.stream.Split(shardID(parent))
			require.NoError(t, err)
			w.put(10, 5)
			pass(30 * time.Hour)
			lists.set(without(shardID(parent)))
			r = w.start(cfg)
			pass(50 * time.Second)
			assert.Len(t, w.delivered(), 5)
			lists.set(nil)
			pass(time.Minute)
			before(t, w, numbers(0, 10), 5)
			require.NoError(t, r.stop())
			assert.NotContains(t, w.logs.String(), "has left the stream")
			assert.Len(t, rows(), 3)
		})
	})
	t.Run("while it runs", func(t *testing.T) {
		aloneAndInAFleet(t, 1, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, _ func() map[string]driver.Progress) {
			w.put(0, 5)
			hold := make(chan struct{})
			cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
				if e.Origin.ShardID == shardID(parent) {
					<-hold
				}
				w.see(e)
				return nil
			})
			r := w.start(cfg)
			pass(10 * time.Second)
			_, _, err := w.stream.Split(shardID(parent))
			require.NoError(t, err)
			w.put(5, 5)
			pass(time.Minute)
			for range 10 {
				lists.set(without(shardID(parent)))
				pass(50 * time.Second)
				lists.set(nil)
				pass(30 * time.Second)
			}
			assert.Empty(t, w.delivered())
			close(hold)
			pass(time.Minute)
			before(t, w, numbers(0, 5), 5)
			require.NoError(t, r.stop())
		})
	})
}

// TestShardThatListingsLackForHoursIsReadOn, and goes on after a restart as soon as it is listed: what it held has not expired.
func TestShardThatListingsLackForHoursIsReadOn(t *testing.T) {
	t.Parallel()
	aloneAndInAFleet(t, 2, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
		w.keep(7 * 24)
		cfg.Read.PollInterval, cfg.ShardRefreshInterval = 4*time.Minute, 10*time.Minute
		if _, shared := cfg.Store.(driver.FleetStore); shared {
			cfg.FailoverTime = 5 * time.Minute // fewer heartbeats
		}
		w.put(0, 10)
		r := w.start(cfg)
		pass(20 * time.Minute)
		lists.set(without(shardID(1)))
		pass(25 * time.Hour)
		w.put(10, 10)
		pass(20 * time.Minute)
		assert.ElementsMatch(t, numbers(0, 20), w.delivered())
		// The service denies the shard as well, for a while.
		w.service.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, Shard: shardID(1), Err: &types.ResourceNotFoundException{}, Times: -1})
		pass(25 * time.Hour)
		assert.Contains(t, waitingOf(r, shardID(1)), "reading fails since ")
		w.service.ClearFaults()
		w.put(20, 10)
		pass(20 * time.Minute)
		assert.ElementsMatch(t, numbers(0, 30), w.delivered())
		require.NoError(t, r.stop())

		w.put(30, 10)
		pass(40 * time.Hour)
		r = w.start(cfg)
		pass(3 * time.Hour)
		assert.Equal(t, "the stream no longer lists it, though it was not read to its end", waitingOf(r, shardID(1)))
		noneEnded(t, rows())
		lists.set(nil)
		pass(20 * time.Minute)
		assert.ElementsMatch(t, numbers(0, 40), w.delivered())
		require.NoError(t, r.stop())
		assert.NotContains(t, w.logs.String(), "has left the stream before it was read to its end")
	})
}

// TestRowsOfFinishedShardsSurviveListingsThatAreCutShort: a shard whose row is deleted is read again.
func TestRowsOfFinishedShardsSurviveListingsThatAreCutShort(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.keep(48)
		lists := &listings{Client: w.service.Client()}
		cfg, _ := w.trims()
		cfg.Client = lists
		w.put(0, 5)
		r := w.start(cfg)
		pass(10 * time.Minute)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(5, 10)
		pass(10 * time.Minute)
		lists.set(without(shardID(0)))
		pass(30 * time.Hour) // two listings lack it, and it has not expired
		assert.Equal(t, []string{shardID(0), shardID(1), shardID(2)}, w.rows())
		lists.set(nil)
		pass(20 * time.Hour) // and now it has, but it is listed until it is
		assert.Equal(t, []string{shardID(1), shardID(2)}, w.rows())
		require.NoError(t, r.stop())
		assert.ElementsMatch(t, numbers(0, 15), w.delivered(), "nothing comes again")
	})
}

// TestLongestRetentionIsAssumedWhereTheStreamDoesNotSay: a client that can't describe the stream.
func TestLongestRetentionIsAssumedWhereTheStreamDoesNotSay(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg, gaps := w.trims()
		w.put(0, 1)
		r := w.start(cfg)
		pass(10 * time.Minute)
		require.NoError(t, r.stop())
		w.put(1, 5)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		pass(30 * time.Hour)
		w.put(6, 5)
		cfg.Client = struct{ poller.Client }{w.service.Client()}
		r = w.start(cfg)
		pass(time.Hour)
		assert.ElementsMatch(t, append(numbers(0, 1), numbers(6, 5)...), w.delivered(), "the shards that follow it do not wait")
		assert.Empty(t, gaps)
		assert.Contains(t, w.logs.String(), "the stream no longer lists a shard that was not read to its end")
		assert.Contains(t, w.rows(), shardID(0))
		require.NoError(t, r.stop())

		_, err = w.service.Client().GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: new("orders"), ShardId: new(shardID(0)), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		require.Error(t, err, "it has left indeed")
		cfg.Client = w.service.Client()
		r = w.start(cfg)
		pass(time.Hour)
		assert.Len(t, gaps, 1, "a client that can")
		require.NoError(t, r.stop())
	})
}

// slowEnd is a Store whose commits of a shard's end wait for a stop.
type slowEnd struct {
	driver.Store
	begun chan struct{}
}

func (s *slowEnd) Commit(ctx context.Context, l driver.Lease, p driver.Progress) error {
	if p.End && s.begun != nil {
		close(s.begun)
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Store.Commit(ctx, l, p)
}

// TestStopWhileAShardIsGivenUpLeavesItsLeaseFree: else it would never be given up.
func TestStopWhileAShardIsGivenUpLeavesItsLeaseFree(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		const left = "shardId-000000000099"
		lease, _, err := w.store.Acquire(t.Context(), storeName, left, "x")
		require.NoError(t, err)
		require.NoError(t, w.store.Commit(t.Context(), lease, driver.Progress{
			Version: 1, Position: batch.Position{SequenceNumber: "1"}, ResolvedUpTo: time.Now().Add(-48 * time.Hour),
		}))
		require.NoError(t, w.store.Release(t.Context(), lease))
		store := &slowEnd{Store: w.store, begun: make(chan struct{})}
		cfg, gaps := w.trims()
		cfg.Store = store
		r := w.start(cfg)
		<-store.begun
		require.NoError(t, r.stop())
		assert.Len(t, gaps, 1)
		store.begun = nil
		r = w.start(cfg)
		pass(10 * time.Minute)
		assert.Len(t, gaps, 2, "reported again, since it was not stored")
		require.NoError(t, r.stop())
		lease, p, err := w.store.Acquire(t.Context(), storeName, left, "y")
		require.NoError(t, err)
		assert.True(t, p.End || lease.Epoch > 0)
	})
}

// TestListingsComeSoonWhileSomethingWaitsForThem, and no sooner when nothing does.
func TestListingsComeSoonWhileSomethingWaitsForThem(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		lists := &listings{Client: w.service.Client()}
		cfg := w.config()
		cfg.Client, cfg.ShardRefreshInterval = lists, 10*time.Minute
		w.put(0, 5)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		pass(30 * time.Hour) // the parent has left, and nothing is known about it
		w.put(5, 5)
		r := w.start(cfg)
		pass(11 * time.Second)
		assert.Equal(t, 3, lists.count(), "at 0 s, 1 s and 2 s")
		pass(9 * time.Minute)
		assert.Equal(t, 3, lists.count())
		assert.ElementsMatch(t, numbers(5, 5), w.delivered())
		require.NoError(t, r.stop())
	})
}
