package kinesistest

import (
	"context"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestSequenceNumbersLookLikeTheServices(t *testing.T) {
	// A number that the service gave out in 2018, taken apart and put together again.
	const real = "49590338271490256608559692538361571095921575989136588898"
	q, ok := parseSequence(real)
	assert.True(t, ok)
	assert.Equal(t, real, q.String())
	assert.Equal(t, uint32(6), q.shard)
	assert.Equal(t, 2018, time.Unix(q.created, 0).UTC().Year())
	assert.WithinRange(t, time.Unix(q.arrived, 0), time.Unix(q.created, 0), time.Unix(q.created, 0).Add(10*365*24*time.Hour))
}

func TestSequenceNumbersRoundTripAndGrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := sequence{
			created: rapid.Int64Range(0, secondsMask).Draw(t, "created"),
			shard:   rapid.Uint32().Draw(t, "shard"),
			index:   rapid.Uint64Range(0, lastIndex-1).Draw(t, "index"),
			arrived: rapid.Int64Range(0, secondsMask).Draw(t, "arrived"),
		}
		got, ok := parseSequence(q.String())
		assert.True(t, ok)
		assert.Equal(t, q, got)
		if later := (sequence{q.created, q.shard, q.index + 1, 0}); number(later).Cmp(number(q)) <= 0 {
			t.Fatalf("got %s behind %s, want a larger number", later, q)
		}
		if q.created < secondsMask {
			child := sequence{created: q.created + 1}
			if number(child).Cmp(number(sequence{q.created, q.shard, lastIndex, secondsMask})) <= 0 {
				t.Fatalf("got %s in a child of %s, want a larger number", child, q)
			}
		}
	})
}

func number(q sequence) *big.Int {
	n, _ := new(big.Int).SetString(q.String(), 10)
	return n
}

func TestNumbersThatAreNoSequenceNumbers(t *testing.T) {
	for _, s := range []string{
		"", "0", "x", "-1", "01", "4711", "49590338271490256608559692538361571095921575989136588899",
		"999999999999999999999999999999999999999999999999999999999", "9999999999999999999999999999999999999999999999999999999999",
	} {
		_, ok := parseSequence(s)
		assert.False(t, ok, s)
	}
}

func TestEvenRangesCoverAllHashKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ranges := evenRanges(rapid.IntRange(1, 200).Draw(t, "shards"))
		assert.Equal(t, hashKey{}, ranges[0].start)
		assert.Equal(t, maxHashKey, ranges[len(ranges)-1].end)
		for i := 1; i < len(ranges); i++ {
			assert.Equal(t, ranges[i-1].end.next(), ranges[i].start)
			assert.Equal(t, ranges[i].start.previous(), ranges[i-1].end)
		}
	})
}

func TestHashKeysRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := hashKey{rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		got, ok := parseHashKey(k.String())
		assert.True(t, ok)
		assert.Equal(t, k, got)
	})
}

func TestShardsOfAStreamAlwaysCoverAllHashKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(Config{})
		h, err := s.CreateStream("s", rapid.IntRange(1, 4).Draw(t, "shards"))
		assert.NoError(t, err)
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			open := s.streams["s"].open
			i := rapid.IntRange(0, len(open)-1).Draw(t, "shard")
			if rapid.IntRange(0, 3).Draw(t, "scale") == 0 {
				target := rapid.IntRange((len(open)+1)/2, min(2*len(open), max(len(open), 40))).Draw(t, "target")
				assert.NoError(t, h.UpdateShardCount(target))
				assert.Len(t, s.streams["s"].open, target)
				continue
			}
			if i+1 < len(open) && rapid.Bool().Draw(t, "merge") {
				_, err = h.Merge(open[i+1].id, open[i].id)
			} else {
				_, _, err = h.Split(open[i].id)
			}
			assert.NoError(t, err)
		}
		open := s.streams["s"].open
		assert.Equal(t, hashKey{}, open[0].hashes.start)
		assert.Equal(t, maxHashKey, open[len(open)-1].hashes.end)
		for i := 1; i < len(open); i++ {
			assert.Equal(t, open[i-1].hashes.end.next(), open[i].hashes.start)
		}
		for _, sh := range s.streams["s"].shards {
			assert.Equal(t, slices.Contains(open, sh), sh.isOpen(), "closed, or in the list of those that take records")
			assert.Equal(t, sh.isOpen(), len(sh.children) == 0)
		}
	})
}

func TestReadingAllShardsFindsEveryRecordOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(Config{NoLimits: true, EndWithRecords: rapid.Bool().Draw(t, "end with records")})
		h, err := s.CreateStream("s", 2)
		assert.NoError(t, err)
		want := map[string]bool{}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "split") == 0 {
				open := s.streams["s"].open
				_, _, err := h.Split(open[rapid.IntRange(0, len(open)-1).Draw(t, "shard")].id)
				assert.NoError(t, err)
				continue
			}
			shard, number, err := h.Put(rapid.String().Filter(func(s string) bool { return s != "" && len(s) < 200 }).Draw(t, "key"), nil)
			assert.NoError(t, err)
			want[shard+number] = true
		}
		got := map[string]bool{}
		for _, sh := range h.Shards() {
			readToEnd(t, s, *sh.ShardId, got)
		}
		assert.Equal(t, want, got)
	})
}

// readToEnd reads a shard until it ends or is caught up, and adds what it finds to got.
func readToEnd(t *rapid.T, s *Service, shard string, got map[string]bool) {
	opened, err := s.Client().GetShardIterator(context.Background(), &kinesis.GetShardIteratorInput{
		StreamName: new("s"), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	assert.NoError(t, err)
	last := ""
	for next := opened.ShardIterator; next != nil; {
		page, err := s.Client().GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: next, Limit: new(int32(3))})
		assert.NoError(t, err)
		for _, r := range page.Records {
			assert.Greater(t, *r.SequenceNumber, last)
			last = *r.SequenceNumber
			assert.False(t, got[shard+last], "a record read twice")
			got[shard+last] = true
		}
		if next = page.NextShardIterator; len(page.Records) == 0 && *page.MillisBehindLatest == 0 && len(page.ChildShards) == 0 && s.isOpen(shard) {
			return
		}
	}
}

func (s *Service) isOpen(id string) bool { return s.streams["s"].shard(id, time.Now()).isOpen() }
