package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func testEpochGrows(f *fixture) {
	var last uint64
	for _, owner := range []string{"a", "b", "a", "a"} {
		lease, _ := f.acquire(owner)
		assert.Greater(f, lease.Epoch, last)
		last = lease.Epoch
		f.release(lease)
	}
}

func testExclusive(f *fixture) {
	lease, _ := f.acquire("a")
	for _, owner := range []string{"b", "a"} {
		got, p, err := f.store.Acquire(f.Context(), f.mapping, shard, owner)
		require.ErrorIs(f, err, driver.ErrLeaseHeld, "owner %s", owner)
		assert.Zero(f, got)
		assert.Zero(f, p)
	}
	f.commit(lease, at(1, 1)) // a refused caller has not fenced the owner
	f.acquireShard("another", "b")
	f.release(lease)
	_, p := f.acquire("b")
	equal(f, at(1, 1), p)
}

// testAcquireCutShort ends the ctx of Acquire at some moment within it, or after it.
func testAcquireCutShort(f *fixture) {
	for i := range 30 {
		ctx, cancel := context.WithTimeout(f.Context(), time.Duration(i*i)*time.Microsecond)
		lease, _, err := f.store.Acquire(ctx, f.mapping, shard, "a")
		cancel()
		if err != nil {
			lease, _, err = f.store.Acquire(f.Context(), f.mapping, shard, "a")
			require.NoError(f, err, "a failed call leaves no lease")
		}
		f.commit(lease, at(uint64(i+1), i+1))
		f.release(lease)
	}
}

func testAcquireRace(f *fixture) {
	for round := range 5 {
		leases := make([]driver.Lease, 16)
		var g errgroup.Group
		for i := range leases {
			g.Go(func() (err error) {
				leases[i], _, err = f.store.Acquire(f.Context(), f.mapping, shard, string(rune('a'+i)))
				if errors.Is(err, driver.ErrLeaseHeld) {
					return nil
				}
				return err
			})
		}
		require.NoError(f, g.Wait())
		var won []driver.Lease
		for _, l := range leases {
			if l != (driver.Lease{}) {
				won = append(won, l)
			}
		}
		require.Len(f, won, 1, "round %d: got %v, want one winner", round, won)
		f.commit(won[0], at(1, round))
		f.release(won[0])
	}
}

func testStaleRelease(f *fixture) {
	first, _ := f.acquire("a")
	f.release(first)
	f.release(first)
	second, _ := f.acquire("a")
	f.release(first)
	_, _, err := f.store.Acquire(f.Context(), f.mapping, shard, "b")
	require.ErrorIs(f, err, driver.ErrLeaseHeld)
	f.commit(second, at(1, 1))

	foreign := second
	foreign.Owner = "b"
	f.release(foreign)
	f.commit(second, at(2, 2))

	f.release(driver.Lease{Mapping: f.mapping, Shard: "never seen", Owner: "a", Epoch: 1})
	assert.NotContains(f, f.progress(f.mapping), "never seen")
}

func testEmptyNames(f *fixture) {
	_, _, err := f.store.Acquire(f.Context(), f.mapping, "", "a")
	require.Error(f, err)
	_, _, err = f.store.Acquire(f.Context(), "", shard, "a")
	require.Error(f, err)
	_, err = f.store.SettleAnchor(f.Context(), "", start)
	require.Error(f, err)
	_, err = f.store.Anchor(f.Context(), "", start)
	require.Error(f, err)
}
