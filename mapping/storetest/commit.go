package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// lost asserts that a commit under lease is refused, and changes nothing.
func (f *fixture) lost(lease driver.Lease, p driver.Progress) {
	f.Helper()
	before := f.progress(f.mapping)
	require.ErrorIs(f, f.store.Commit(f.Context(), lease, p), driver.ErrLeaseLost)
	assert.Equal(f, before, f.progress(f.mapping))
}

func testLateCommit(f *fixture) {
	first, _ := f.acquire("a")
	f.commit(first, at(1, 1))
	f.release(first)
	f.lost(first, at(2, 2))
	second, p := f.acquire("b")
	equal(f, at(1, 1), p)
	f.lost(first, at(3, 3))
	f.commit(second, at(1, 5))
	f.lost(first, at(9, 9))
	f.stored(at(1, 5))
}

func testForeignCommit(f *fixture) {
	lease, _ := f.acquire("a")
	for _, change := range []func(*driver.Lease){
		func(l *driver.Lease) { l.Epoch++ },
		func(l *driver.Lease) { l.Epoch-- },
		func(l *driver.Lease) { l.Shard = "another" },
		func(l *driver.Lease) { l.Mapping += "/another" },
	} {
		forged := lease
		change(&forged)
		f.lost(forged, at(1, 1))
	}
	f.lost(driver.Lease{}, at(1, 1))
	f.commit(lease, at(1, 1))
}

func testVersions(f *fixture) {
	lease, _ := f.acquire("a")
	f.commit(lease, at(5, 5))
	f.commit(lease, at(5, 6))
	f.stored(at(5, 5))
	f.commit(lease, at(4, 7))
	f.stored(at(5, 5))
	f.commit(lease, at(3, 3)) // older comes before lower: it is late, not wrong
	f.stored(at(5, 5))
	f.commit(lease, at(9, 5))
	f.stored(at(9, 5))
}

func testVersionsOfEpochs(f *fixture) {
	first, _ := f.acquire("a")
	f.commit(first, at(100, 5))
	f.release(first)
	second, p := f.acquire("a")
	equal(f, at(100, 5), p)
	f.commit(second, at(1, 6))
	f.stored(at(1, 6))
}

func testForwardOnly(f *fixture) {
	position := func(sequenceNumber string, sub int64, partial bool) batch.Position {
		return batch.Position{SequenceNumber: sequenceNumber, SubSequence: sub, Partial: partial}
	}
	rising := []batch.Position{
		{},
		position("0", 0, false), position("9", 0, true), position("9", 1, true), position("9", 10, true),
		position("9", 11, false), position("10", 0, false), position("100", 0, false),
		position("49590338271490256608559692538361571095921575989136588898", 0, false),
	}
	lease, _ := f.acquire("a")
	var version uint64
	for i, to := range rising {
		version++
		want := driver.Progress{Version: version, Position: to}
		f.commit(lease, want)
		for _, back := range rising[:i] {
			version++
			err := f.store.Commit(f.Context(), lease, driver.Progress{Version: version, Position: back})
			require.Error(f, err, "from %s to %s", to, back)
			require.NotErrorIs(f, err, driver.ErrLeaseLost)
			f.stored(want)
		}
		version++
		f.commit(lease, driver.Progress{Version: version, Position: to}) // it may stay
	}
}

func testSeek(f *fixture) {
	first, _ := f.acquire("a")
	f.commit(first, at(7, 100))
	f.release(first)
	second, _ := f.acquire("a")
	f.commit(second, at(1, 10))
	f.stored(at(1, 10))
	require.Error(f, f.store.Commit(f.Context(), second, at(2, 9)))
	f.commit(second, driver.Progress{Version: 3, Position: at(0, 10).Position, End: true})
	f.stored(driver.Progress{Version: 3, Position: at(0, 10).Position, End: true})
}

func testParallelCommits(f *fixture) {
	const shards, commits = 32, 20
	var g errgroup.Group
	for i := range shards {
		g.Go(func() error {
			lease, _, err := f.store.Acquire(f.Context(), f.mapping, fmt.Sprint(i), "a")
			if err != nil {
				return err
			}
			for v := range commits {
				if err := f.store.Commit(f.Context(), lease, at(uint64(v+1), i*v)); err != nil {
					return err
				}
			}
			return f.store.Release(f.Context(), lease)
		})
	}
	require.NoError(f, g.Wait())
	all := f.progress(f.mapping)
	require.Len(f, all, shards)
	for i := range shards {
		equal(f, at(commits, i*(commits-1)), all[fmt.Sprint(i)])
	}
}

// testFencingRace makes an owner commit until its lease is lost, while another one acquires the lease.
func testFencingRace(f *fixture) {
	for round := range 5 {
		lease, _ := f.acquire("a")
		first, under := make(chan struct{}), f.Context()
		var acknowledged int
		var g errgroup.Group
		g.Go(func() error {
			for v := 1; ; v++ {
				err := f.store.Commit(under, lease, at(uint64(v), round*1_000_000+v))
				if v == 1 {
					close(first)
				}
				if errors.Is(err, driver.ErrLeaseLost) {
					return nil
				}
				if err != nil {
					return err
				}
				acknowledged = v
			}
		})
		<-first
		f.release(lease)
		next, p := f.acquire("b")
		require.NoError(f, g.Wait())
		assert.GreaterOrEqual(f, p.Version, uint64(acknowledged), "round %d: a commit that was acknowledged is gone", round)
		f.stored(p)
		f.release(next)
	}
}

func testCancelled(f *fixture) {
	lease, _ := f.acquire("a")
	f.commit(lease, at(1, 1))
	ctx, cancel := context.WithCancel(f.Context())
	cancel()

	_, err := f.store.Anchor(ctx, f.mapping, start.Add(1e9))
	require.ErrorIs(f, err, context.Canceled)
	_, err = f.store.SettleAnchor(ctx, f.mapping, start.Add(1e9))
	require.ErrorIs(f, err, context.Canceled)
	_, err = f.store.Progress(ctx, f.mapping)
	require.ErrorIs(f, err, context.Canceled)
	_, _, err = f.store.Acquire(ctx, f.mapping, "another", "a")
	require.ErrorIs(f, err, context.Canceled)
	require.ErrorIs(f, f.store.Commit(ctx, lease, at(2, 2)), context.Canceled)
	require.ErrorIs(f, f.store.Release(ctx, lease), context.Canceled)

	f.stored(at(1, 1))
	f.commit(lease, at(2, 3))
	f.acquireShard("another", "b")
	got, err := f.store.Anchor(f.Context(), f.mapping, start)
	require.NoError(f, err)
	assert.True(f, start.Equal(got), "got %s, want %s", got, start)
}
