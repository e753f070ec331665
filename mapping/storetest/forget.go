package storetest

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
)

func (f *definer) forget() {
	f.Helper()
	require.NoError(f, f.defs.Forget(f.Context(), f.mapping))
}

// forgotten asserts that no trace of the mapping is left, and leaves a new anchor.
func (f *definer) forgotten() {
	f.Helper()
	assert.Empty(f, f.progress(f.mapping))
	later := start.Add(time.Hour)
	got, err := f.store.Anchor(f.Context(), f.mapping, later)
	require.NoError(f, err)
	assert.True(f, later.Equal(got), "the anchor: got %s, want %s", got, later)
}

// largeState returns progress whose window has a state of Lambda's maximum size that cannot be compressed.
func largeState(version uint64) driver.Progress {
	p := at(version, int(version))
	p.Window = &batch.Window{Start: start, End: start.Add(time.Minute), State: make([]byte, 1<<20)}
	_, _ = rand.NewChaCha8([32]byte{byte(version)}).Read(p.Window.State) // it never fails
	return p
}

func testForget(f *definer) {
	own, other := f.mapping, f.mapping+"/other"
	for _, name := range []string{own, other} {
		f.mapping = name
		_, err := f.store.Anchor(f.Context(), name, start)
		require.NoError(f, err)
		for _, shard := range []string{shard, "another", "held"} {
			lease, _ := f.acquireShard(shard, "a")
			f.commit(lease, largeState(1))
			if shard != "held" {
				f.release(lease)
			}
		}
		f.deleted("deleted before")
	}
	f.mapping = own
	f.forget()
	f.forgotten()
	if listed, ok := f.store.(driver.ListedStore); ok {
		names, err := listed.Names(f.Context())
		require.NoError(f, err)
		assert.NotContains(f, names, own)
		assert.Contains(f, names, other)
	}
	for _, shard := range []string{shard, "another", "held", "deleted before"} {
		lease, p := f.acquireShard(shard, "a")
		assert.Zero(f, p)
		f.release(lease)
	}

	all := f.progress(other)
	require.Len(f, all, 3)
	equal(f, largeState(1), all["another"])
	at, err := f.store.Anchor(f.Context(), other, start.Add(time.Hour))
	require.NoError(f, err)
	assert.True(f, start.Equal(at), "the anchor of another mapping: got %s, want %s", at, start)
}

// deleted commits the end of a shard, and deletes it.
func (f *definer) deleted(shard string) {
	f.Helper()
	lease, _ := f.acquireShard(shard, "a")
	f.commit(lease, ended(1, 1))
	f.release(lease)
	f.delete(shard)
}

func testForgetHeld(f *definer) {
	first, _ := f.acquire("a")
	f.commit(first, at(1, 7))
	unused, _ := f.acquireShard("another", "a") // nothing was committed under it
	f.forget()
	f.lost(first, at(2, 8))
	f.lost(first, largeState(3))
	f.lost(unused, at(1, 1))
	assert.Empty(f, f.progress(f.mapping))
	f.release(first)
	f.release(unused)

	second, p := f.acquire("a") // of the same owner
	assert.Zero(f, p)
	assert.NotEqual(f, first, second)
	f.lost(first, at(9, 9))
	f.release(first)
	f.commit(second, at(1, 1))
	f.stored(at(1, 1))

	f.forget() // a second time: epochs continue to grow
	third, p := f.acquire("a")
	assert.Zero(f, p)
	assert.Greater(f, third.Epoch, second.Epoch)
	f.lost(first, at(9, 9))
	f.lost(second, at(9, 9))
	f.commit(third, at(1, 2))
	f.stored(at(1, 2))
}

func testForgetNothing(f *definer) {
	f.forget()
	f.forget()
	assert.Empty(f, f.progress(f.mapping))
	_, err := f.store.Anchor(f.Context(), f.mapping, start)
	require.NoError(f, err)
	f.forget() // there is an anchor, and no shard
	f.forgotten()
	require.Error(f, f.defs.Forget(f.Context(), ""), "a name is empty")
}

// testForgetRace makes owners commit until their leases are lost, while the mapping is forgotten.
func testForgetRace(f *definer) {
	const shards = 8
	leases := make([]driver.Lease, shards)
	for i := range leases {
		leases[i], _ = f.acquireShard(string(rune('a'+i)), "owner")
	}
	var g errgroup.Group
	for _, lease := range leases {
		g.Go(func() error {
			for v := uint64(1); ; v++ {
				err := f.store.Commit(f.Context(), lease, at(v, int(v)))
				if errors.Is(err, driver.ErrLeaseLost) {
					return nil
				}
				if err != nil {
					return err
				}
			}
		})
	}
	f.forget()
	require.NoError(f, g.Wait())
	f.forgotten()
	for _, lease := range leases {
		f.lost(lease, at(1_000_000, 1_000_000))
	}
}
