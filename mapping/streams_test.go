package mapping_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

var (
	streams    = flag.Int("streams", 300, "how many random streams TestRandomStreams runs")
	streamSeed = flag.Uint64("seed", 0, "the seed of the first stream, 0 for one by the clock; and, unless it is 0, the only one of TestMischief")
)

// TestRandomStreams runs mappings, through the Poller, over streams that are split, merged, throttled and interrupted,
// with functions and stores that fail, with stops and crashes after which nothing is left but the store. It holds:
//
//	nothing is lost: each record put behind the starting position is processed
//	a record is processed only when the one before it of the same key has been, over the whole lineage
//	a record of a shard is processed only when all of its parents' have been
//	two records of one key are never processed at the same time
//	what a clean stop has stored does not come again (with one lane)
//
// A seed tells the plan of a stream; how its goroutines interleave is another matter, so repeat it: -seed=S -streams=1
// -count=100.
func TestRandomStreams(t *testing.T) {
	seed := *streamSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			t.Parallel()
			for i := w; i < *streams && !t.Failed(); i += workers {
				synctest.Test(t, func(t *testing.T) { randomStream(t, seed+uint64(i)) })
			}
		})
	}
}

func randomStream(t *testing.T, seed uint64) {
	s := newStory(t, seed)
	s.prologue()
	for range 4 + s.rng.IntN(12) {
		s.step()
		s.check()
	}
	s.settle()
	s.epilogue()
	require.NoError(t, s.run.stop())
}

// story is one random stream with its mapping.
type story struct {
	*world
	rng    *rand.Rand
	seed   uint64
	ledger *ledger
	client *lagging
	memory driver.Store // what a crash leaves

	cfg   mapping.Config
	run   *running
	crash chan struct{}
	store *mortal

	begun bool // the mapping has been started for the first time
	n     int  // records put
	log   []string
}

func newStory(t *testing.T, seed uint64) *story {
	rng := rand.New(rand.NewPCG(seed, 1))
	service := kinesistest.New(kinesistest.Config{
		NoLimits: rng.IntN(2) == 0, MaxRecordsPerRead: []int{0, 0, 2, 4, 7}[rng.IntN(5)], EndWithRecords: rng.IntN(2) == 0,
	})
	stream, err := service.CreateStream("orders", 1+rng.IntN(3))
	require.NoError(t, err)
	w := &world{t: t, service: service, stream: stream}
	s := &story{
		world: w, rng: rng, seed: seed, ledger: newLedger(seed), memory: mapping.NewMemoryStore(),
		client: &lagging{Client: service.Client()},
	}
	s.ledger.sloppy = true
	return s
}

func (s *story) note(format string, args ...any) {
	s.log = append(s.log, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// check ends the test if the ledger has found something wrong.
func (s *story) check() {
	s.t.Helper()
	if wrong := s.ledger.wrongs(); len(wrong) > 0 {
		s.fail("%s", strings.Join(wrong[:min(5, len(wrong))], "\n"))
	}
}

func (s *story) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("-seed=%d -streams=1\n%s\n\n%s\n\n%s", s.seed, fmt.Sprintf(format, args...), strings.Join(s.log, "\n"), s.logs.String())
}

// prologue is what happens until the mapping runs for the first time.
func (s *story) prologue() {
	s.cfg = s.config()
	s.cfg.Client = s.client
	s.cfg.StartingPosition = []mapping.StartingPosition{mapping.TrimHorizon, mapping.TrimHorizon, mapping.Latest, mapping.AtTimestamp}[s.rng.IntN(4)]
	for range s.rng.IntN(5) {
		s.change()
	}
	if s.cfg.StartingPosition != mapping.TrimHorizon {
		pass(5 * time.Second) // beyond the margin of LATEST
	}
	if s.cfg.StartingPosition == mapping.AtTimestamp {
		s.cfg.StartingPositionTimestamp = time.Now()
	}
	s.begun = true
	s.start()
}

// change does something to the stream.
func (s *story) change() {
	switch s.rng.IntN(8) {
	case 0:
		s.reshard()
	case 1: // generations that no listing sees one by one
		for range 3 {
			s.reshard()
			s.put(1 + s.rng.IntN(4))
		}
	default:
		s.put(1 + s.rng.IntN(8))
	}
}

// put writes records, some of them aggregates of one key.
func (s *story) put(n int) {
	must := s.begun || s.cfg.StartingPosition == mapping.TrimHorizon
	s.note("put %d from %d", n, s.n)
	for range n {
		key := fmt.Sprint("key ", s.rng.IntN(6))
		if s.rng.IntN(4) > 0 {
			data := s.name()
			shard, _, err := s.stream.Put(key, []byte(data))
			require.NoError(s.t, err)
			s.ledger.put(key, data, shard, must, !must)
			continue
		}
		members := make([]string, 2+s.rng.IntN(4))
		for i := range members {
			members[i] = s.name()
		}
		raw := aggregateOf(key, members...)
		shard, _, err := s.stream.Put(key, raw)
		require.NoError(s.t, err)
		for _, m := range members {
			e := s.ledger.put(key, m, shard, must, !must)
			s.ledger.raw[string(raw)] = append(s.ledger.raw[string(raw)], e)
		}
	}
}

func (s *story) name() string {
	s.n++
	return fmt.Sprintf("%04d", s.n-1)
}

// reshard splits a shard, or merges two.
func (s *story) reshard() {
	var open []types.Shard
	for _, sh := range s.stream.Shards() {
		if sh.SequenceNumberRange.EndingSequenceNumber == nil {
			open = append(open, sh)
		}
	}
	one := *open[s.rng.IntN(len(open))].ShardId
	if len(open) < 4 && s.rng.IntN(2) == 0 {
		low, high, err := s.stream.Split(one)
		require.NoError(s.t, err)
		s.note("split %s into %s and %s", one, low, high)
		s.ledger.parent(low, one)
		s.ledger.parent(high, one)
		return
	}
	for _, other := range open {
		if child, err := s.stream.Merge(one, *other.ShardId); err == nil {
			s.note("merge %s and %s into %s", one, *other.ShardId, child)
			s.ledger.parent(child, one, *other.ShardId)
			return
		}
	}
}

// start runs the mapping with another configuration.
func (s *story) start() {
	s.ledger.run++
	s.crash, s.store = make(chan struct{}), &mortal{Store: s.memory, slow: s.rng.IntN(3) == 0, rng: rand.New(rand.NewPCG(s.seed, uint64(s.ledger.run)+10))}
	cfg := s.cfg
	cfg.Store, cfg.Function = s.store, s.ledger.function(s.crash)
	cfg.BatchSize = 1 + s.rng.IntN(6)
	cfg.ParallelizationFactor = 1 + max(0, s.rng.IntN(5)-2)
	cfg.MaximumBatchingWindow = time.Duration(max(0, s.rng.IntN(6)-3)) * time.Second
	cfg.Read.Deaggregate = s.rng.IntN(3) > 0
	cfg.Read.PollInterval = []time.Duration{time.Second, time.Second, 5 * time.Second, 30 * time.Second}[s.rng.IntN(4)]
	cfg.ShardRefreshInterval = []time.Duration{3 * time.Second, 30 * time.Second, time.Hour}[s.rng.IntN(3)]
	cfg.BisectBatchOnFunctionError = s.rng.IntN(2) == 0
	cfg.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
	if s.rng.IntN(3) == 0 {
		cfg.BufferBytes = 1 << 10
	}
	s.cfg.ParallelizationFactor, s.cfg.Read.PollInterval = cfg.ParallelizationFactor, cfg.Read.PollInterval // seal and settle ask for them
	s.note("start: batch %d, lanes %d, window %s, poll %s, refresh %s, deaggregate %v", cfg.BatchSize, cfg.ParallelizationFactor,
		cfg.MaximumBatchingWindow, cfg.Read.PollInterval, cfg.ShardRefreshInterval, cfg.Read.Deaggregate)
	s.run = s.world.start(cfg)
	synctest.Wait()
}

// stop ends the mapping, cleanly or by a crash.
func (s *story) stop(crash bool) {
	if crash {
		s.note("crash")
		s.store.die()
		close(s.crash)
		_ = s.run.stop() // nobody hears what a dead process says
		return
	}
	err := s.run.stop()
	s.note("stop: %v", err)
	if err == nil && s.cfg.ParallelizationFactor == 1 {
		s.ledger.seal()
	}
}

// step is one thing that happens.
func (s *story) step() {
	switch s.rng.IntN(10) {
	case 0, 1, 2, 3:
		s.change()
	case 4, 5:
		s.disturb()
	case 6:
		crash := s.rng.IntN(2) == 0
		s.stop(crash)
		for range s.rng.IntN(3) {
			s.change()
		}
		s.start()
	default:
		d := []time.Duration{time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second, 6 * time.Minute}[min(s.rng.IntN(6), s.rng.IntN(6))]
		s.note("%s pass", d)
		pass(d)
	}
}

// disturb makes the service fail for a while.
func (s *story) disturb() {
	n := 1 + s.rng.IntN(3)
	op := []kinesistest.Op{kinesistest.GetRecords, kinesistest.GetRecords, kinesistest.GetShardIterator, kinesistest.ListShards}[s.rng.IntN(4)]
	kind := s.rng.IntN(7)
	s.note("disturb %s %d times: %d", op, n, kind)
	switch kind {
	case 0:
		s.service.ExpireIterators()
	case 1:
		s.service.EmptyReads(n)
	case 2:
		s.service.Throttle(op, n)
	case 3:
		s.service.Fail(op, errors.New("connection reset by peer"), n)
	case 4:
		s.service.Fail(kinesistest.GetRecords, &types.ExpiredIteratorException{}, n)
	case 5:
		s.service.Delay(op, time.Duration(s.rng.IntN(40))*time.Second, n)
	case 6:
		s.service.Inject(kinesistest.Fault{Op: kinesistest.GetRecords, MaxRecords: 1, Times: n})
	}
}

// settle waits until all is processed, which must come once nothing fails any more.
func (s *story) settle() {
	s.ledger.calm()
	s.service.ClearFaults()
	s.note("settle")
	for range s.n + 60 { // a read may bring one record only
		if s.ledger.missing() == nil {
			break
		}
		pass(max(10*time.Second, s.cfg.Read.PollInterval))
	}
	if e := s.ledger.missing(); e != nil {
		s.fail("%s of key %s in %s is lost; %v", e.data, e.key, e.shard, s.run.Status().Shards)
	}
	s.check()
}

// epilogue lets time pass without a mapping, and looks whether it goes on as it should.
func (s *story) epilogue() {
	pass(5 * time.Second)
	s.stop(false)
	if s.rng.IntN(2) == 0 {
		pass(25 * time.Hour)
		s.note("all is trimmed")
	}
	s.start()
	s.put(3)
	s.settle()
}

// parent enters the parents of a new shard.
func (l *ledger) parent(child string, parents ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parents[child] = slices.Clone(parents)
}

// mortal is a process's way to the store. What is written to it after the process has died, nobody has.
type mortal struct {
	driver.Store
	slow bool
	mu   sync.Mutex
	rng  *rand.Rand
	dead bool
}

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
}

func (m *mortal) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	m.mu.Lock()
	luck := m.rng.IntN(8)
	m.mu.Unlock()
	if m.slow && luck < 3 {
		timer := time.NewTimer(time.Duration(luck) * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead || m.slow && luck == 7 {
		return errors.New("the store does not answer")
	}
	return m.Store.Commit(ctx, lease, p)
}

// lagging is a Client whose listings are sometimes a little older than they should be.
type lagging struct {
	poller.Client
	mu    sync.Mutex
	calls int
	last  *kinesis.ListShardsOutput
	at    time.Time
}

func (c *lagging) ListShards(ctx context.Context, in *kinesis.ListShardsInput, opts ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.last != nil && c.calls%3 == 0 && time.Since(c.at) < 5*time.Second {
		return c.last, nil
	}
	began := time.Now()
	out, err := c.Client.ListShards(ctx, in, opts...)
	if err == nil {
		c.last, c.at = out, began
	}
	return out, err
}
