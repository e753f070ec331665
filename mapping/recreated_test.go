package mapping_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// recreate deletes the stream and creates it again under its name, so much later.
func (w *world) recreate(gap time.Duration) {
	w.t.Helper()
	_, err := w.service.Client().DeleteStream(w.t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders")})
	require.NoError(w.t, err)
	pass(gap)
	w.stream, err = w.service.CreateStream("orders", 1)
	require.NoError(w.t, err)
}

// ended returns what Run returned, and false while it runs.
func (r *running) ended() (error, bool) { //nolint:revive // nil is an answer too
	synctest.Wait()
	select {
	case err := <-r.done:
		return err, true
	default:
		return nil, false
	}
}

// TestStreamThatIsCreatedAgainIsNeverTakenForTheOldOne: an old stream lived for days and was split, so that its first shard has
// left it, with its row. The new one is split too, and its shards have the same IDs.
func TestStreamThatIsCreatedAgainIsNeverTakenForTheOldOne(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		restart bool // the mapping does not run meanwhile
		gap     time.Duration
	}{
		"under a mapping that runs, immediately": {false, 0},
		"under a mapping that runs, minutes on":  {false, 3 * time.Minute},
		"while it does not run":                  {true, time.Minute},
		"while it does not run, for days":        {true, 48 * time.Hour},
	} {
		for says, hide := range map[string]bool{"": false, ", and does not say when it was created": true} {
			t.Run(name+says, func(t *testing.T) {
				aloneAndInAFleet(t, 1, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
					cfg.Read.PollInterval, cfg.ShardRefreshInterval = time.Minute, 2*time.Minute
					if _, shared := cfg.Store.(driver.FleetStore); shared {
						cfg.FailoverTime = 5 * time.Minute // fewer heartbeats
					}
					if hide {
						cfg.Client = struct{ poller.Client }{lists}
					}
					w.put(0, 5)
					r := w.start(cfg)
					pass(5 * time.Minute)
					_, _, err := w.stream.Split(shardID(0))
					require.NoError(t, err)
					w.put(5, 20)
					pass(26 * time.Hour)
					w.put(25, 20)
					pass(5 * time.Minute)
					require.Len(t, w.delivered(), 45)
					if tc.restart {
						require.NoError(t, r.stop())
					}
					w.recreate(tc.gap)
					w.put(100, 5)
					if tc.restart {
						r = w.start(cfg)
					}
					pass(3 * time.Minute)
					_, _, err = w.stream.Split(shardID(0))
					require.NoError(t, err)
					w.put(105, 50)
					pass(10 * time.Minute)

					err, ended := r.ended()
					require.True(t, ended, "%v\n%s", r.Status(), w.logs.String())
					require.ErrorIs(t, err, mapping.ErrStreamReplaced)
					require.ErrorContains(t, err, "give the mapping another FunctionName or store")
					noneEnded(t, but(rows(), shardID(0)))
					for _, d := range w.delivered()[45:] {
						assert.Less(t, d, "0105", "nothing of a shard that has a row of the old stream")
					}
					assert.NotContains(t, w.logs.String(), "has left the stream before it was read to its end")

					r = w.start(cfg)
					pass(time.Minute)
					err, ended = r.ended()
					require.True(t, ended, "and so it stays")
					require.ErrorIs(t, err, mapping.ErrStreamReplaced)
				})
			})
		}
	}
}

// but leaves a row out.
func but(rows map[string]driver.Progress, id string) map[string]driver.Progress {
	delete(rows, id)
	return rows
}

// TestEndOfAnEmptyShardIsNotThatOfAnotherOne: a script creates a stream and splits it. It runs again while the mapping is down, with
// records in the first shard this time. The row of the old one has no position.
func TestEndOfAnEmptyShardIsNotThatOfAnotherOne(t *testing.T) {
	for says, hide := range map[string]bool{"described": false, "not described": true} {
		t.Run(says, func(t *testing.T) {
			aloneAndInAFleet(t, 1, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
				if hide {
					cfg.Client = struct{ poller.Client }{lists}
				}
				r := w.start(cfg)
				pass(3 * time.Second)
				_, _, err := w.stream.Split(shardID(0))
				require.NoError(t, err)
				pass(time.Minute)
				require.NoError(t, r.stop())
				require.True(t, rows()[shardID(0)].End)
				require.True(t, rows()[shardID(0)].Position.IsZero())
				w.recreate(time.Hour)
				w.put(0, 20)
				_, _, err = w.stream.Split(shardID(0))
				require.NoError(t, err)
				r = w.start(cfg)
				pass(time.Minute)
				err, ended := r.ended()
				require.True(t, ended)
				require.ErrorIs(t, err, mapping.ErrStreamReplaced)
			})
		})
	}
}

// TestProgressTellsWhichShardItIsOf in every row, also of children that no listing has had when they are opened.
func TestProgressTellsWhichShardItIsOf(t *testing.T) {
	aloneAndInAFleet(t, 1, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
		w.put(0, 5)
		created := time.Now()
		r := w.start(cfg)
		pass(10 * time.Second)
		w.service.Fail(kinesistest.ListShards, errors.New("connection refused"), -1)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(5, 20)
		pass(20 * time.Second)
		require.Len(t, w.delivered(), 25)
		assert.Empty(t, rows()[shardID(1)].ShardStart, "no listing has had it")
		w.service.ClearFaults()
		pass(time.Minute)
		w.put(25, 20)
		pass(time.Minute)
		require.NoError(t, r.stop())
		for _, s := range w.stream.Shards() {
			p := rows()[*s.ShardId]
			assert.Equal(t, *s.SequenceNumberRange.StartingSequenceNumber, p.ShardStart, *s.ShardId)
			assert.WithinDuration(t, created, p.StreamCreated, 0, *s.ShardId)
		}
	})
}

// seed stores progress, as an older version did.
func seed(t *testing.T, store driver.Store, id string, p driver.Progress) {
	t.Helper()
	lease, _, err := store.Acquire(t.Context(), storeName, id, "before")
	require.NoError(t, err)
	require.NoError(t, store.Commit(t.Context(), lease, p))
	require.NoError(t, store.Release(t.Context(), lease))
}

// TestRowsWithoutAnIdentityAreAcceptedAndCompleted: there were none in older versions, and there are none in tables of KCL.
func TestRowsWithoutAnIdentityAreAcceptedAndCompleted(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		created := time.Now()
		var numbers []string
		for i := range 6 {
			n, err := w.stream.PutTo(shardID(i%2), "k", fmt.Appendf(nil, "%04d", i))
			require.NoError(t, err)
			numbers = append(numbers, n)
		}
		pass(48 * time.Hour / 4)
		seed(t, w.store, shardID(0), driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: numbers[2]}})
		seed(t, w.store, shardID(1), driver.Progress{Version: 9})
		r := w.start(w.config())
		pass(time.Minute)
		assert.ElementsMatch(t, []string{"0004", "0001", "0003", "0005"}, w.delivered())
		require.NoError(t, r.stop())
		rows, err := w.store.Progress(t.Context(), storeName)
		require.NoError(t, err)
		for _, s := range w.stream.Shards() {
			assert.Equal(t, *s.SequenceNumberRange.StartingSequenceNumber, rows[*s.ShardId].ShardStart)
			assert.WithinDuration(t, created, rows[*s.ShardId].StreamCreated, 0)
		}
	})
}

// TestPositionThatTheStreamDoesNotHaveIsOfAnotherOne: a row without an identity says it by its position.
func TestPositionThatTheStreamDoesNotHaveIsOfAnotherOne(t *testing.T) {
	for name, p := range map[string]driver.Progress{
		"a position":             {Version: 1, Position: batch.Position{SequenceNumber: "42"}},
		"the position of an end": {Version: 1, Position: batch.Position{SequenceNumber: "42"}, End: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				_, _, err := w.stream.Split(shardID(0))
				require.NoError(t, err)
				w.put(0, 5)
				seed(t, w.store, shardID(0), p)
				cfg := w.config()
				cfg.Client = struct{ poller.Client }{w.service.Client()}
				began := time.Now()
				r := w.start(cfg)
				require.ErrorIs(t, <-r.done, mapping.ErrStreamReplaced)
				assert.GreaterOrEqual(t, time.Since(began), 10*time.Second, "one listing is no witness")
				assert.Empty(t, w.delivered())
			})
		})
	}
}

// TestChildWithAnOldRowWaitsForAListing: its parent names it by its ID only, and listings fail.
func TestChildWithAnOldRowWaitsForAListing(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Client = struct{ poller.Client }{w.service.Client()}
		seed(t, w.store, shardID(1), driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "42"}, ShardStart: "41"})
		seed(t, w.store, shardID(2), driver.Progress{Version: 1, End: true, ShardStart: "41"})
		w.put(0, 5)
		r := w.start(cfg)
		pass(10 * time.Second)
		w.service.Fail(kinesistest.ListShards, errors.New("connection refused"), -1)
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(5, 20)
		pass(10 * time.Minute)
		for _, id := range []string{shardID(1), shardID(2)} {
			assert.Contains(t, waitingOf(r, id), "waiting for a listing to have the shard")
		}
		assert.Equal(t, numbers(0, 5), w.delivered())
		w.service.ClearFaults()
		pass(time.Minute)
		err, ended := r.ended()
		require.True(t, ended)
		require.ErrorIs(t, err, mapping.ErrStreamReplaced)
		assert.Equal(t, numbers(0, 5), w.delivered())
	})
}

// TestOldRowsOfShardsThatTheStreamDoesNotHaveDoNotBlock.
func TestOldRowsOfShardsThatTheStreamDoesNotHaveDoNotBlock(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		seed(t, w.store, shardID(5), driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "42"}})
		seed(t, w.store, shardID(6), driver.Progress{Version: 1, End: true})
		seed(t, w.store, shardID(7), driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "42"}, ResolvedUpTo: time.Now().Add(-23 * time.Hour)})
		w.put(0, 5)
		r := w.start(w.config())
		pass(2 * time.Minute)
		assert.Equal(t, numbers(0, 5), w.delivered())
		assert.Equal(t, "OK", r.Status().LastProcessingResult)
		for _, id := range []string{shardID(5), shardID(7)} {
			assert.Equal(t, "the stream no longer lists it, though it was not read to its end", waitingOf(r, id))
		}
		assert.Contains(t, w.logs.String(), "the stream no longer lists a shard that was not read to its end")
		_, _, err := w.stream.Split(shardID(0))
		require.NoError(t, err)
		w.put(5, 20)
		pass(time.Minute)
		assert.Len(t, w.delivered(), 25)
		require.NoError(t, r.stop())
	})
}

// renumbered has the shards of a listing begin at other numbers, as those of another stream do.
func renumbered(shards []types.Shard) []types.Shard {
	out := slices.Clone(shards)
	for i := range out {
		r := *out[i].SequenceNumberRange
		r.StartingSequenceNumber = new("49" + (*r.StartingSequenceNumber)[2:len(*r.StartingSequenceNumber)-1] + "9")
		out[i].SequenceNumberRange = &r
	}
	return out
}

// TestOneListingOfAnotherStreamEndsNothing: it is shown in the status, and nothing is done by it.
func TestOneListingOfAnotherStreamEndsNothing(t *testing.T) {
	for says, hide := range map[string]bool{"described": false, "not described": true} {
		t.Run(says, func(t *testing.T) {
			aloneAndInAFleet(t, 2, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
				if hide {
					cfg.Client = struct{ poller.Client }{lists}
				}
				w.put(0, 10)
				r := w.start(cfg)
				pass(time.Minute)
				for range 5 {
					once := renumbered
					lists.set(func(shards []types.Shard) []types.Shard {
						shards, once = once(shards), func(s []types.Shard) []types.Shard { return s }
						return shards
					})
					pass(31 * time.Second)
					_, ended := r.ended()
					require.False(t, ended)
				}
				assert.Contains(t, w.logs.String(), "the listing seems to be of another stream")
				w.put(10, 10)
				pass(time.Minute)
				assert.ElementsMatch(t, numbers(0, 20), w.delivered())
				assert.Empty(t, r.Status().Problem)
				require.NoError(t, r.stop())
				noneEnded(t, rows())
			})
		})
	}
}

// beginningAt has every shard begin at one number.
func beginningAt(number string) func([]types.Shard) []types.Shard {
	return func(shards []types.Shard) []types.Shard {
		for i := range shards {
			shards[i].SequenceNumberRange.StartingSequenceNumber = &number
		}
		return shards
	}
}

// TestServiceThatChangesTheNumbersOfItsShardsIsReadOn: one emulator counts from 1, and has a shard begin at its oldest record. The time
// of the stream's creation says that it is the same.
func TestServiceThatChangesTheNumbersOfItsShardsIsReadOn(t *testing.T) {
	aloneAndInAFleet(t, 2, func(t *testing.T, w *world, cfg mapping.Config, lists *listings, rows func() map[string]driver.Progress) {
		lists.set(beginningAt("3"))
		w.put(0, 10)
		r := w.start(cfg)
		pass(time.Minute)
		lists.set(beginningAt("17"))
		pass(time.Minute)
		w.put(10, 10)
		pass(time.Minute)
		assert.ElementsMatch(t, numbers(0, 20), w.delivered())
		assert.Contains(t, w.logs.String(), "its service changes the numbers at which shards begin")
		require.NoError(t, r.stop())
		lists.set(beginningAt("20"))
		r = w.start(cfg)
		w.put(20, 10)
		pass(2 * time.Minute)
		assert.ElementsMatch(t, numbers(0, 30), w.delivered())
		require.NoError(t, r.stop())
		noneEnded(t, rows())
	})
}
