package realpeers_test

import (
	"context"
	"crypto/md5" //nolint:gosec // the service's own function
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// userRecord is what the KPL is given.
type userRecord struct{ key, hashKey, data string }

// userRecords returns so many: two in three with a hash key of their own, which has nothing to do with the partition key.
func userRecords(n int) []userRecord {
	all := make([]userRecord, n)
	for i := range all {
		all[i] = userRecord{fmt.Sprint("customer-", i%97), "-", fmt.Sprintf("order %d %s", i, strings.Repeat("x", i%50))}
		if i%3 > 0 {
			sum := md5.Sum([]byte(strconv.Itoa(i))) //nolint:gosec // as above
			all[i].hashKey = new(big.Int).SetBytes(sum[:]).String()
		}
	}
	return all
}

// kpl is a producer with what it was answered.
type kpl struct {
	*rig.Peer
	mu   sync.Mutex
	puts []string // sequence numbers, in the order of the input
}

func (w *world) kpl() *kpl {
	w.Helper()
	p := &kpl{}
	p.Peer = rig.KPL{Stream: w.stream.Name(), Kinesis: w.server.URL}.Start(w, func(line string) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "PUT" {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.puts = append(p.puts, f[2])
		}
	})
	return p
}

func (p *kpl) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.puts)
}

// give writes user records to the producer, and returns when all of them are put.
func (p *kpl) give(t testing.TB, all []userRecord) {
	t.Helper()
	want := p.count() + len(all)
	for _, r := range all {
		_, err := fmt.Fprintf(p, "%s %s %s\n", r.key, r.hashKey, r.data)
		require.NoError(t, err)
	}
	eventually(t, "the producer's answers", func() bool { return p.count() >= want }, p.Exited())
}

// KCL and our library read one stream that the KPL wrote across a split and a merge. Both receive the same members of the same
// aggregates, each once. They differ where a reshard left members outside their shard. The KPL puts those again, and
// counts the others as put. We deliver the others. KCL drops them with the rest of the aggregate, and so loses them.
func TestAggregatesOfTheKPL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, kinesistest.NewTLSServer)
	all := userRecords(many(3_000, 100_000))
	producer := w.kpl()
	w.producesAcrossReshards(producer, all)
	stored, aggregates := w.stored()
	require.Positive(t, aggregates)

	members := newWitness()
	w.readAggregates(members, w.stream.ARN(), members.completed, stored, func(c *mapping.Config) { c.Read.KeepMembersOutsideShard = true })
	inside, undivided := w.sortOut(members.all(), all)
	t.Logf("%d user records in %d records of the stream, %d of them aggregates, with %d members in all: %d lie in their shard, %d in aggregates that do so as a whole",
		len(all), stored, aggregates, members.distinct(), len(inside), len(undivided))

	consumer, err := w.stream.RegisterConsumer("ours")
	require.NoError(t, err)
	put := w.putBy(producer, all)
	for _, source := range []string{w.stream.ARN(), consumer} {
		seen := newWitness()
		w.readAggregates(seen, source, seen.distinct, len(inside), nil)
		w.assertSame("ours from "+source, inside, seen)
		assert.Empty(t, missing(put, seen.all()), "what the producer was answered for")
	}
	w.readByKCL(undivided, put)
}

// readByKCL has KCL 2 and KCL 3 read the stream concurrently, each for an application of its own.
func (w *world) readByKCL(undivided, put []record) {
	w.Helper()
	type reading struct {
		rig.KCL
		seen   *witness
		worker *rig.Peer
	}
	var all []reading
	for _, k := range []rig.KCL{w.worker(rig.KCL2, "two", "app-two"), w.worker(rig.KCL3, "three", "app-three")} {
		k.FanOut, k.Every = k.Version == rig.KCL3, 7
		w.createLeaseTable(k.Application)
		seen := newWitness()
		all = append(all, reading{k, seen, k.Start(w, seen.listen(k.Worker))})
	}
	for _, r := range all {
		eventually(w, "KCL's records", func() bool { return r.seen.distinct() >= len(undivided) }, r.worker.Exited())
		r.worker.Stop(w)
		w.assertSame("KCL "+r.Version, undivided, r.seen)
		w.Logf("KCL %s lost %d user records that the producer was answered for", r.Version, len(missing(put, r.seen.all())))
	}
}

// producesAcrossReshards makes a producer put user records in three parts, with a split and a merge in between, which the producer
// does not know of at first.
func (w *world) producesAcrossReshards(p *kpl, all []userRecord) {
	w.Helper()
	n := len(all)
	p.give(w, all[:n/3])
	open := w.open()
	_, _, err := w.stream.Split(open[0])
	require.NoError(w, err)
	p.give(w, all[n/3:2*n/3])
	open = w.open()
	_, err = w.stream.Merge(open[2], open[3])
	require.NoError(w, err)
	p.give(w, all[2*n/3:])
	p.Stop(w)
}

// sortOut returns the members whose hash keys lie in their shard, and of these the ones in aggregates without any other.
func (w *world) sortOut(members []delivery, all []userRecord) (inside, undivided []record) {
	w.Helper()
	hashKeys, divided := map[string]*big.Int{}, map[string]bool{}
	for _, r := range all {
		hashKeys[hashOf([]byte(r.data))] = r.effectiveHashKey(w)
	}
	ranges := map[string]types.HashKeyRange{}
	for _, s := range w.stream.Shards() {
		ranges[*s.ShardId] = *s.HashKeyRange
	}
	for _, m := range members {
		if r := ranges[m.shard]; hashKeys[m.hash].Cmp(number(w, *r.StartingHashKey)) < 0 || hashKeys[m.hash].Cmp(number(w, *r.EndingHashKey)) > 0 {
			divided[m.seq] = true
			continue
		}
		inside = append(inside, m.record)
	}
	for _, r := range inside {
		if !divided[r.seq] {
			undivided = append(undivided, r)
		}
	}
	return inside, undivided
}

func (r userRecord) effectiveHashKey(t testing.TB) *big.Int {
	if r.hashKey != "-" {
		return number(t, r.hashKey)
	}
	sum := md5.Sum([]byte(r.key)) //nolint:gosec // as above
	return new(big.Int).SetBytes(sum[:])
}

func number(t testing.TB, decimal string) *big.Int {
	n, ok := new(big.Int).SetString(decimal, 10)
	require.True(t, ok, decimal)
	return n
}

// assertSame checks that a consumer received these records and no others, in order, and each once while it has the shard.
func (w *world) assertSame(who string, want []record, seen *witness) {
	w.Helper()
	got := seen.all()
	v := judge(want, got)
	w.Logf("%s: %s", who, v)
	assert.Empty(w, v.lost, "%s: lost", who)
	assert.Empty(w, v.altered, "%s: another key or other data", who)
	assert.Empty(w, seen.pastCheckpoints(), "%s: delivered at or below a checkpoint", who)
	assert.Len(w, got, len(want)+v.repeated, "%s: others", who)
	assert.Empty(w, seen.needlessRepeats(), "%s: repeated", who)
	assertOrder(w, got)
}

// readAggregates has a mapping of ours read until so much is counted, with a stop and a start within an aggregate.
func (w *world) readAggregates(seen *witness, source string, count func() int, n int, more func(*mapping.Config)) {
	w.Helper()
	store := mapping.NewMemoryStore()
	for _, enough := range []int{n / 2, n} {
		ctx, cancel := context.WithCancel(w.Context())
		stop := func() {
			if count() >= enough {
				cancel()
			}
		}
		m := w.mapping(ours{"ours", source, store, seen, stop, func(c *mapping.Config) {
			c.Read.Deaggregate = true
			c.BatchSize = 7 // which no aggregate is a multiple of
			if more != nil {
				more(c)
			}
		}})
		require.NoError(w, m.Run(ctx))
		cancel()
	}
}

// stored returns how many records the stream has, and how many of these are aggregates.
func (w *world) stored() (records, aggregates int) {
	w.Helper()
	client := w.service.Client()
	for _, shard := range w.stream.Shards() {
		it, err := client.GetShardIterator(w.Context(), &kinesis.GetShardIteratorInput{
			StreamName: new(w.stream.Name()), ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		require.NoError(w, err)
		for next := it.ShardIterator; next != nil; {
			page, err := client.GetRecords(w.Context(), &kinesis.GetRecordsInput{ShardIterator: next})
			require.NoError(w, err)
			for _, r := range page.Records {
				records++
				if strings.HasPrefix(string(r.Data), "\xf3\x89\x9a\xc2") {
					aggregates++
				}
			}
			if next = page.NextShardIterator; len(page.Records) == 0 {
				break
			}
		}
	}
	return records, aggregates
}

// putBy returns the user records with the sequence numbers that the producer was answered.
func (w *world) putBy(p *kpl, all []userRecord) (put []record) {
	w.Helper()
	require.Equal(w, len(all), p.count())
	for i, r := range all {
		put = append(put, record{seq: p.puts[i], key: r.key, hash: hashOf([]byte(r.data))})
	}
	return put
}

// missing returns the records that were not delivered, whatever their place in the aggregate.
func missing(put []record, deliveries []delivery) (gone []string) {
	seen := map[record]bool{}
	for _, d := range deliveries {
		r := d.record
		r.sub = 0
		seen[r] = true
	}
	for _, p := range put {
		if !seen[p] {
			gone = append(gone, p.seq+" "+p.key)
		}
	}
	return gone
}
