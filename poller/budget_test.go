package poller_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

const mib = 1 << 20

func budgetOf(t *testing.T, bytes int64) *poller.Budget {
	t.Helper()
	b, err := poller.NewBudget(bytes)
	require.NoError(t, err)
	return b
}

func used(b *poller.Budget) int64 {
	n, _ := b.Used()
	return n
}

// reserve asks in a goroutine of its own, and returns what will be granted, or -1 for an error.
func reserve(ctx context.Context, a *poller.Account, want int) <-chan int {
	granted := make(chan int, 1)
	go func() {
		n, err := a.Reserve(ctx, want)
		if err != nil {
			n = -1
		}
		granted <- n
	}()
	return granted
}

func TestBudgetHasALeastSize(t *testing.T) {
	_, err := poller.NewBudget(40*mib - 1)
	require.EqualError(t, err, "poller: a Budget of 41943039 bytes: want 41943040 or more, four of the largest pages")
}

func TestNoBudgetIsNoBound(t *testing.T) {
	var none *poller.Budget
	a := none.Open()
	n, err := a.Reserve(t.Context(), math.MaxInt)
	require.NoError(t, err)
	assert.Equal(t, math.MaxInt, n)
	a.Settle(5, true)
	a.Close()
}

func TestReservationBecomesWhatIsHeld(t *testing.T) {
	b := budgetOf(t, 40*mib)
	a := b.Open()
	n, err := a.Reserve(t.Context(), 10*mib)
	require.NoError(t, err)
	assert.Equal(t, 10*mib, n)
	assert.EqualValues(t, 10*mib, used(b))
	a.Settle(3*mib, false) // of a page before it
	assert.EqualValues(t, 13*mib, used(b))
	a.Settle(5*mib, true)
	assert.EqualValues(t, 5*mib, used(b))
	a.Close()
	a.Close()
	a.Settle(7, true)
	assert.Zero(t, used(b))
}

func TestShortBudgetMakesReadsSmaller(t *testing.T) {
	b := budgetOf(t, 40*mib)
	full, small := b.Open(), b.Open()
	full.Settle(35*mib, true)
	n, err := small.Reserve(t.Context(), 10*mib)
	require.NoError(t, err)
	assert.Equal(t, 5*mib, n)
}

func TestStuckShardsLeaveTheLastQuarterToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		stuck, other := b.Open(), b.Open()
		stuck.Settle(31*mib, true)
		waits := reserve(t.Context(), stuck, mib)
		synctest.Wait()
		assert.Empty(t, waits, "it holds more than its share, and 10 MiB are not free")
		n, err := other.Reserve(t.Context(), 10*mib)
		require.NoError(t, err)
		assert.Equal(t, 5*mib, n, "its part of the last quarter, before one that waits")
		other.Close()
		synctest.Wait()
		assert.Empty(t, waits)
		stuck.Settle(20*mib, false)
		assert.Equal(t, mib, <-waits)
	})
}

func TestReservationsAreGrantedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		holder := b.Open()
		holder.Settle(25*mib, true)
		var queue []<-chan int
		for range 3 {
			a := b.Open()
			a.Settle(5*mib, true) // more than its part of the last quarter
			queue = append(queue, reserve(t.Context(), a, 3*mib))
			synctest.Wait()
		}
		for i, want := range []int{3 * mib, 3 * mib, 2 * mib} {
			assert.Empty(t, queue[i])
			holder.Settle([]int{12, 9, 7}[i]*mib, false)
			assert.Equal(t, want, <-queue[i])
		}
	})
}

func TestReservationEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		holder, a := b.Open(), b.Open()
		holder.Settle(30*mib, true)
		a.Settle(10*mib, true)
		cause := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(cause)
		}()
		_, err := a.Reserve(ctx, mib)
		require.ErrorIs(t, err, cause)
		assert.EqualValues(t, 40*mib, used(b))
		holder.Close()
		a.Close()
		assert.Zero(t, used(b))
	})
}

// TestBudgetUnderManyShards lets shards read, hold and let go at random: the budget is never passed by more than reads
// that brought more than was expected, everybody gets on, and nothing is left at the end.
func TestBudgetUnderManyShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards, reads = 50, 40
		b := budgetOf(t, 64*mib)
		var all sync.WaitGroup
		for shard := range shards {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(1, uint64(shard)))
				a := b.Open()
				defer a.Close()
				var mu sync.Mutex
				held := 0
				settle := func(change int, arrived bool) {
					mu.Lock()
					defer mu.Unlock()
					held += change
					a.Settle(held, arrived)
				}
				var functions sync.WaitGroup
				defer functions.Wait()
				for range reads {
					want := 1 + rng.IntN(10*mib)
					n, err := a.Reserve(t.Context(), want)
					if !assert.NoError(t, err) || !assert.LessOrEqual(t, n, want) || !assert.Positive(t, n) {
						return
					}
					assert.LessOrEqual(t, used(b), int64(64*mib))
					time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond) // the read
					page, takes := rng.IntN(n+1), time.Duration(rng.IntN(200))*time.Millisecond
					settle(page, true)
					functions.Go(func() {
						time.Sleep(takes)
						settle(-page, false)
					})
				}
			})
		}
		all.Wait()
		assert.Zero(t, used(b))
	})
}

// hoard has an account read, and hold what it read for ever, until ctx ends.
func hoard(ctx context.Context, a *poller.Account) {
	for held := 0; ; {
		n, err := a.Reserve(ctx, 10*mib)
		if err != nil {
			return
		}
		held += n
		a.Settle(held, true)
	}
}

// TestStuckShardsNeverKeepAnotherFromReading has shards that read whatever they are granted and let nothing go, in any number,
// and one beside them, there from the start or opened later, that lets go what it read.
func TestStuckShardsNeverKeepAnotherFromReading(t *testing.T) {
	for _, stuck := range []int{1, 2, 3, 4, 7, 50, 1000} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("stuck=%d late=%t", stuck, late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := budgetOf(t, 40*mib)
					var other *poller.Account
					if !late {
						other = b.Open()
					}
					accounts := make([]*poller.Account, stuck) // all opened before the first reads: the parts of shards that come later are smaller
					for i := range accounts {
						accounts[i] = b.Open()
					}
					for _, a := range accounts {
						go hoard(t.Context(), a)
					}
					synctest.Wait()
					if late {
						other = b.Open()
					}
					for range 10 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
						n, err := other.Reserve(ctx, 10*mib)
						cancel()
						require.NoError(t, err)
						require.Positive(t, n)
						other.Settle(n, true)
						other.Settle(0, false)
					}
					assert.LessOrEqual(t, used(b), int64(50*mib))
				})
			})
		}
	}
}

// TestNothingIsReservedAtOnce: an event of a subscription that has no records waits for nobody.
func TestNothingIsReservedAtOnce(t *testing.T) {
	b := budgetOf(t, 40*mib)
	a := b.Open()
	a.Settle(45*mib, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := a.Reserve(ctx, 0)
	require.NoError(t, err)
	assert.Zero(t, n)
}

// TestIteratorIsMadeBehindAWaitForTheBudget: a wait may outlast an iterator, and a read that is refused for it would lose
// its turn, to wait as long again.
func TestIteratorIsMadeBehindAWaitForTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		other, own := b.Open(), b.Open()
		f := newFake(4)
		f.page = 2
		r := open(t, f, poller.Start{Account: own}, poller.Config{})
		_, err := r.Next(t.Context())
		require.NoError(t, err)
		own.Settle(20*mib, true)
		other.Settle(20*mib, true)
		go func() {
			time.Sleep(10 * time.Minute)
			other.Settle(0, false)
		}()
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"3", "4"}, sequence(page))
		assert.Equal(t, seconds(0, 600), f.times("read"))
	})
}

// TestFailedReadsReserveNothing has each call of a poll fail in turn, and a read that waits for its meter end.
func TestFailedReadsReserveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		f := newFake(4)
		r := open(t, f, poller.Start{Account: b.Open()}, poller.Config{})
		f.onIterator = func(*kinesis.GetShardIteratorInput) error { return internal }
		_, err := r.Next(t.Context())
		require.Error(t, err)
		assert.Zero(t, used(b))
		f.onIterator, f.onRead = nil, func(context.Context, int) (*kinesis.GetRecordsOutput, error) { return nil, expired }
		_, err = r.Next(t.Context())
		require.Error(t, err)
		assert.Zero(t, used(b))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		f.onRead = func(ctx context.Context, _ int) (*kinesis.GetRecordsOutput, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		_, err = r.Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Zero(t, used(b))
	})
}

// TestNothingIsReservedWhileAReadWaitsForItsTurn: a shard may be read 5 times a second, and a wait for that is no use of memory.
func TestNothingIsReservedWhileAReadWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budgetOf(t, 40*mib)
		f := newFake(0)
		f.onRead = func(context.Context, int) (*kinesis.GetRecordsOutput, error) { return nil, expired } // renewed at no pause
		r := open(t, f, poller.Start{Account: b.Open()}, poller.Config{})
		_, err := r.Next(t.Context())
		require.Error(t, err)
		var reader sync.WaitGroup
		defer reader.Wait()
		reader.Go(func() { _, _ = r.Next(t.Context()) })
		waited := 0
		for len(f.times("read")) < 6 {
			synctest.Wait()
			assert.Zero(t, used(b))
			time.Sleep(10 * time.Millisecond)
			waited++
		}
		assert.Greater(t, waited, 50, "the sixth read waits")
	})
}
