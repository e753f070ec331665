package mapping_test

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
)

// aggregateOf packs members as the Kinesis Producer Library does. Without a key, their data is their key as well.
func aggregateOf(key string, members ...string) []byte {
	field := func(b []byte, number uint64, content []byte) []byte {
		b = binary.AppendUvarint(b, number<<3|2)
		return append(binary.AppendUvarint(b, uint64(len(content))), content...)
	}
	var message []byte
	for _, m := range members {
		message = field(message, 1, []byte(cmp.Or(key, m)))
	}
	for i, m := range members {
		message = field(message, 3, field(binary.AppendUvarint([]byte{1 << 3}, uint64(i)), 3, []byte(m)))
	}
	sum := md5.Sum(message)
	return slices.Concat([]byte("\xF3\x89\x9A\xC2"), message, sum[:])
}

// stuckAt sees the records, and fails for as long as a batch has one with the data.
func (w *world) stuckAt(data string) invoke.Func {
	return func(_ context.Context, e *invoke.Event) error {
		for r := range e.Records() {
			if string(r.Data) == data {
				return errors.New("not yet")
			}
		}
		w.see(e)
		return nil
	}
}

func TestRestartWithinAnAggregateNeitherLosesNorRepeatsResolvedMembers(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		_, _, err := w.stream.Put("k", aggregateOf("", "a", "b", "c", "d", "e"))
		require.NoError(t, err)
		w.put(1, 1)
		cfg := w.config()
		cfg.Read.Deaggregate, cfg.BatchSize = true, 2
		cfg.Function = w.stuckAt("c")
		r := w.start(cfg)
		pass(time.Second)
		assert.Equal(t, []string{"a", "b"}, w.delivered())
		stored := r.Status().Shards[0].Stored
		assert.True(t, stored.Partial, "%s", stored)
		require.NoError(t, r.stop())

		cfg.Function = w.config().Function
		r = w.start(cfg)
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", "c", "d", "e", "0001"}, w.delivered())
		require.NoError(t, r.stop())
	})
}

func TestAggregateComesAgainRawWhenTheSwitchIsTurnedOffWithinIt(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		raw := aggregateOf("", "a", "b", "c", "d", "e")
		_, _, err := w.stream.Put("k", raw)
		require.NoError(t, err)
		w.put(1, 1)
		cfg := w.config()
		cfg.Read.Deaggregate, cfg.BatchSize = true, 2
		cfg.Function = w.stuckAt("c")
		r := w.start(cfg)
		pass(time.Second)
		require.NoError(t, r.stop())

		r = w.start(w.config())
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", string(raw), "0001"}, w.delivered())
		require.NoError(t, r.stop())

		cfg.Function = w.config().Function
		w.put(2, 1)
		r = w.start(cfg) // and on again, behind it
		synctest.Wait()
		assert.Equal(t, []string{"a", "b", string(raw), "0001", "0002"}, w.delivered())
		require.NoError(t, r.stop())
	})
}

func TestAggregatesAreOneRecordByDefault(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		raw := aggregateOf("", "a", "b")
		_, _, err := w.stream.Put("k", raw)
		require.NoError(t, err)
		r := w.start(w.config())
		synctest.Wait()
		assert.Equal(t, []string{string(raw)}, w.delivered(), "case 40")
		require.NoError(t, r.stop())
	})
}

func TestMembersOutsideTheShardArePassedOverAndCounted(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		// The MD5 of "a" lies in the lower half of the hash keys, that of "b" in the upper one.
		_, err := w.stream.PutTo("shardId-000000000001", "k", aggregateOf("", "a", "b", "a"))
		require.NoError(t, err)
		cfg := w.config()
		cfg.Read.Deaggregate = true
		polled := make(chan observe.Polled, 10)
		cfg.Observer.Polled = func(p observe.Polled) { polled <- p }
		r := w.start(cfg)
		synctest.Wait()
		assert.Equal(t, []string{"b"}, w.delivered())
		assert.Equal(t, mapping.Counts{Polled: 3, PassedOver: 2, Invoked: 1, Invocations: 1}, r.Status().Counts)
		both := (<-polled).PassedOver + (<-polled).PassedOver
		assert.Equal(t, 2, both)
		require.NoError(t, r.stop())
		p, err := w.store.Progress(t.Context(), storeName)
		require.NoError(t, err)
		assert.False(t, p["shardId-000000000001"].Position.Partial, "what is passed over at the end is resolved")
	})
}

// nodeAggregate was made by npm's aws-kinesis-agg 4: "m0" to "m9" with ten partition keys in one aggregate.
const nodeAggregate = "84mawgoHb3JkZXItMAoHb3JkZXItMQoHb3JkZXItMgoHb3JkZXItMwoHb3JkZXItNAoHb3JkZXItNQoHb3JkZXItNgoHb3JkZXItNwoH" +
	"b3JkZXItOAoHb3JkZXItORoGCAAaAm0wGgYIARoCbTEaBggCGgJtMhoGCAMaAm0zGgYIBBoCbTQaBggFGgJtNRoGCAYaAm02GgYIBxoCbTcaBggIGgJt" +
	"OBoGCAkaAm05L30ITJXCXfXWPGLiGcTTwg=="

// TestAggregatesOfLibrariesThatChooseTheKeyCanBeKeptWhole: in whatever shard they lie.
func TestAggregatesOfLibrariesThatChooseTheKeyCanBeKeptWhole(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(nodeAggregate)
	require.NoError(t, err)
	for _, shards := range []int{1, 2, 4} {
		inWorld(t, shards, func(t *testing.T, w *world) {
			_, _, err := w.stream.Put("order-0", data)
			require.NoError(t, err)
			cfg := w.config()
			cfg.Read.Deaggregate, cfg.Read.KeepMembersOutsideShard = true, true
			r := w.start(cfg)
			pass(3 * time.Second)
			assert.Equal(t, []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"}, w.delivered(), "shards: %d", shards)
			assert.Zero(t, r.Status().Counts.PassedOver)
			require.NoError(t, r.stop())
		})
	}
}

// TestKeepingMembersGoesWithTakingAggregatesApart: where aggregates stay whole, nothing could be kept.
func TestKeepingMembersGoesWithTakingAggregatesApart(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Read.KeepMembersOutsideShard = true
		_, err := mapping.New(cfg)
		require.EqualError(t, err, "mapping: Read.KeepMembersOutsideShard: is set, but goes with Read.Deaggregate, or the ARN of a consumer in EventSourceARN, only")
	})
}
