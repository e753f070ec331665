package poller_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

const (
	// heaviestRecord is what the largest record of a stream weighs by default, heaviestPage the most that a read brings.
	heaviestRecord = mib + batch.RecordOverhead
	heaviestPage   = 10*mib + 10_000*batch.RecordOverhead
)

// crowd is a stream of any number of shards, each of which answers its nth read, from 0, as its script says. It keeps to the
// limit of a read, and to 10 MiB.
type crowd struct {
	latency time.Duration
	next    func(shard string, n int) crowdPage
	reads   atomic.Int64
	failing func(shard string, n int) error // nil: no read fails
}

// crowdPage is what a shard would like to answer.
type crowdPage struct {
	records [][]byte
	behind  int64 // in milliseconds
}

func (c *crowd) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	return &kinesis.ListShardsOutput{}, nil
}

func (c *crowd) GetShardIterator(_ context.Context, in *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String(*in.ShardId + "/0")}, nil
}

func (c *crowd) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	shard, at, _ := strings.Cut(*in.ShardIterator, "/")
	n := 0
	_, _ = fmt.Sscan(at, &n)
	timer := time.NewTimer(c.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.reads.Add(1)
	if c.failing != nil {
		if err := c.failing(shard, n); err != nil {
			return nil, err
		}
	}
	page := c.next(shard, n)
	out := &kinesis.GetRecordsOutput{NextShardIterator: aws.String(fmt.Sprintf("%s/%d", shard, n+1)), MillisBehindLatest: &page.behind}
	size := 0
	for i, data := range page.records {
		if size += len(data); i == int(*in.Limit) || i > 0 && size > 10*mib {
			out.MillisBehindLatest = aws.Int64(max(1, page.behind))
			break
		}
		out.Records = append(out.Records, types.Record{
			SequenceNumber: aws.String(fmt.Sprint(n*10_000 + i + 1)), PartitionKey: aws.String("k"), Data: data,
		})
	}
	return out, nil
}

// open opens so many shards of a crowd under a Budget, and has each read until ctx ends. Each page is handed on with its
// account, in the goroutine of its shard.
func (c *crowd) open(ctx context.Context, t *testing.T, b *poller.Budget, shards int, page func(shard int, a *poller.Account, p batch.Page)) {
	t.Helper()
	p, err := poller.New(poller.Config{Client: c, StreamARN: ordersARN, Deaggregate: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	var all sync.WaitGroup
	defer all.Wait()
	for shard := range shards {
		a := b.Open()
		r, err := p.Open(poller.Shard{ID: fmt.Sprint("shard-", shard)}, poller.Start{Account: a})
		require.NoError(t, err)
		all.Go(func() {
			defer a.Close()
			for ctx.Err() == nil {
				if got, err := r.Next(ctx); err == nil {
					page(shard, a, got)
				}
			}
		})
	}
}

// weightOf is what records take of a Budget.
func weightOf(records []batch.Record) (n int) {
	for i := range records {
		n += len(records[i].Data) + batch.RecordOverhead
	}
	return n
}

// peak is the most that was used of a Budget.
type peak struct {
	mu   sync.Mutex
	most int64
}

func (p *peak) look(b *poller.Budget) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, used(b))
}

func repeat(n int, data []byte) (out [][]byte) {
	for range n {
		out = append(out, data)
	}
	return out
}

// TestAPageSaysNothingOfTheNext has shards whose first page is of some kind, and all after it are as heavy as a page can be.
// Nothing is resolved.
func TestAPageSaysNothingOfTheNext(t *testing.T) {
	heavy := crowdPage{records: repeat(10, make([]byte, mib)), behind: 1000}
	tiny := repeat(1000, make([]byte, 10))
	for name, first := range map[string]crowdPage{
		"heavy":            heavy,
		"empty, behind":    {behind: 1000},
		"empty, at tip":    {},
		"tiny, behind":     {records: tiny, behind: 1000},
		"tiny, at tip":     {records: tiny},
		"one tiny, behind": {records: tiny[:1], behind: 1000},
		"one tiny, at tip": {records: tiny[:1]},
	} {
		for _, shards := range []int{12, 200} {
			t.Run(fmt.Sprintf("%s, shards=%d", name, shards), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := budgetOf(t, 64*mib)
					c := &crowd{latency: 50 * time.Millisecond, next: func(_ string, n int) crowdPage {
						if n == 0 {
							return first
						}
						return heavy
					}}
					ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
					defer cancel()
					var most peak
					held := make([]int, shards)
					c.open(ctx, t, b, shards, func(shard int, a *poller.Account, p batch.Page) {
						held[shard] += weightOf(p.Records)
						a.Settle(held[shard], true)
						most.look(b)
					})
					assert.LessOrEqual(t, most.most, int64(64*mib+heaviestPage+shards*heaviestRecord))
					for shard := range held {
						assert.Positive(t, held[shard], "shard %d", shard)
					}
				})
			})
		}
	}
}

// script answers at random: nothing, or a few records or thousands, light or as heavy as can be, at the tip or behind it.
func script(seed uint64, zeros []byte) func(string, int) crowdPage {
	return func(shard string, n int) crowdPage {
		h := uint64(n)
		for i := range len(shard) {
			h = h*31 + uint64(shard[i])
		}
		rng := rand.New(rand.NewPCG(seed, h))
		page := crowdPage{behind: int64(rng.IntN(2)) * 1000}
		sizes := []int{0, 1, 100, 5_000, 100_000, mib}
		size := sizes[rng.IntN(len(sizes))]
		for range []int{0, 0, 1, 5, 20, 200, 2_000}[rng.IntN(7)] {
			page.records = append(page.records, zeros[:size])
			if rng.IntN(50) == 0 {
				size = sizes[rng.IntN(len(sizes))]
			}
		}
		return page
	}
}

// TestReadsStayWithinTheBudget has shards that bring pages of any weight, are stuck for a while with what they hold, or for
// good, and reads that fail. Each shard gets on, and the Budget is passed by no more than its documentation says.
func TestReadsStayWithinTheBudget(t *testing.T) {
	zeros := make([]byte, mib)
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, seed))
				shards, total := 1+rng.IntN(60), int64(40+rng.IntN(300))*mib
				b := budgetOf(t, total)
				c := &crowd{latency: time.Duration(1+rng.IntN(100)) * time.Millisecond, next: script(seed, zeros)}
				c.failing = func(_ string, n int) error {
					if c.reads.Load()%17 == int64(n)%17 {
						return internal
					}
					return nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
				defer cancel()
				var most peak
				var functions sync.WaitGroup
				pages := make([]int, shards)
				slow := time.Duration(1+rng.IntN(3000)) * time.Millisecond
				stuck := rng.IntN(shards + 1)
				var mu sync.Mutex
				held := make([]int, shards)
				settle := func(shard int, a *poller.Account, change int, arrived bool) {
					mu.Lock()
					defer mu.Unlock()
					held[shard] += change
					a.Settle(held[shard], arrived)
				}
				c.open(ctx, t, b, shards, func(shard int, a *poller.Account, p batch.Page) {
					n := weightOf(p.Records)
					pages[shard]++
					settle(shard, a, n, true)
					most.look(b)
					if shard >= stuck {
						functions.Go(func() {
							time.Sleep(slow)
							settle(shard, a, -n, false)
						})
					}
				})
				functions.Wait()
				assert.LessOrEqual(t, most.most, total+heaviestPage+int64(shards)*heaviestRecord)
				for shard := range pages {
					assert.Positive(t, pages[shard], "shard %d", shard)
				}
				assert.Zero(t, used(b))
			})
		})
	}
}

// TestIdleShardsAreReadOnTimeUnderASmallBudget: a read of a shard that had nothing takes a record of the Budget while it is
// under way, not a page.
func TestIdleShardsAreReadOnTimeUnderASmallBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards, seconds = 2_000, 20
		b := budgetOf(t, 64*mib) // all share 48 MiB of it, and 40 reads are under way at any time
		c := &crowd{latency: 20 * time.Millisecond, next: func(string, int) crowdPage { return crowdPage{} }}
		ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
		defer cancel()
		c.open(ctx, t, b, shards, func(_ int, a *poller.Account, _ batch.Page) { a.Settle(0, true) })
		assert.Greater(t, c.reads.Load(), int64(shards*(seconds-1)))
	})
}

// TestABacklogIsReadAmongIdleShards: a read that needs much of the Budget is not passed again and again by those of idle shards.
func TestABacklogIsReadAmongIdleShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards, seconds = 2_000, 20
		b := budgetOf(t, 64*mib)
		heavy := crowdPage{records: repeat(10, make([]byte, mib-batch.RecordOverhead)), behind: 1000}
		c := &crowd{latency: 20 * time.Millisecond, next: func(shard string, _ int) crowdPage {
			if shard == "shard-0" {
				return heavy
			}
			return crowdPage{}
		}}
		ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
		defer cancel()
		read := 0
		c.open(ctx, t, b, shards, func(shard int, a *poller.Account, p batch.Page) {
			if shard == 0 {
				read += weightOf(p.Records)
			}
			a.Settle(0, true)
		})
		assert.Greater(t, read, (seconds-4)*10*mib, "a page a second, but for the first")
	})
}

// TestMembersOfAggregatesCountInWhatAReadMayBring has a backlog of aggregates whose members weigh many times their bytes: a
// page of 3 MiB weighs 43.
func TestMembersOfAggregatesCountInWhatAReadMayBring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var members []poller.Member
		for range 800 {
			members = append(members, poller.Member{Key: "k", Data: "twenty bytes of data"})
		}
		backlog := crowdPage{records: repeat(200, poller.Aggregate(members...)), behind: 1000}
		b := budgetOf(t, 128*mib)
		c := &crowd{latency: 50 * time.Millisecond, next: func(string, int) crowdPage { return backlog }}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var most peak
		var read atomic.Int64
		c.open(ctx, t, b, 30, func(_ int, a *poller.Account, p batch.Page) {
			read.Add(int64(len(p.Records)))
			a.Settle(weightOf(p.Records), true)
			time.Sleep(10 * time.Millisecond)
			most.look(b)
			a.Settle(0, false)
		})
		assert.LessOrEqual(t, most.most, int64(128*mib+heaviestPage))
		assert.Greater(t, read.Load(), int64(30*5*800))
	})
}

// TestRecordsHeavierThanUsualAreReckonedWithOnceSeen: a stream whose records may be larger than 1 MiB is known by the first
// of them that is read.
func TestRecordsHeavierThanUsualAreReckonedWithOnceSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := crowdPage{records: [][]byte{make([]byte, 8*mib)}}
		b := budgetOf(t, 64*mib)
		c := &crowd{latency: 500 * time.Millisecond, next: func(shard string, n int) crowdPage {
			if shard == "shard-0" || n > 3 {
				return large
			}
			return crowdPage{}
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var most peak
		read := make([]int, 100)
		c.open(ctx, t, b, len(read), func(shard int, a *poller.Account, p batch.Page) {
			read[shard] += len(p.Records)
			a.Settle(weightOf(p.Records), true)
			time.Sleep(10 * time.Millisecond)
			most.look(b)
			a.Settle(0, false)
		})
		assert.LessOrEqual(t, most.most, int64(64*mib+heaviestPage))
		for shard := range read {
			assert.Positive(t, read[shard], "shard %d", shard)
		}
	})
}

// TestAReadThatHangsKeepsNoOtherWaiting: what it reserved is not there for others, whose reads are made smaller instead.
func TestAReadThatHangsKeepsNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		stuck := b.Open()
		stuck.Settle(34*mib, true)
		hanging, other := b.Open(), b.Open()
		f := newFake(1)
		f.onRead = func(ctx context.Context, _ int) (*kinesis.GetRecordsOutput, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		r := open(t, f, poller.Start{Account: hanging}, poller.Config{})
		var reader sync.WaitGroup
		defer reader.Wait()
		reader.Go(func() { _, _ = r.Next(t.Context()) })
		synctest.Wait()
		require.Positive(t, used(b)-34*mib)

		began := time.Now()
		page, err := open(t, newFake(1), poller.Start{Account: other}, poller.Config{}).Next(t.Context())
		require.NoError(t, err)
		assert.Len(t, page.Records, 1)
		assert.LessOrEqual(t, time.Since(began), 10*time.Second)
	})
}
