package storetest

import (
	"context"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ended returns the progress of a shard that is at its end.
func ended(version uint64, sequenceNumber int) driver.Progress {
	p := at(version, sequenceNumber)
	p.End = true
	return p
}

func (f *fixture) delete(shard string) {
	f.Helper()
	require.NoError(f, f.store.Delete(f.Context(), f.mapping, shard))
}

func testDelete(f *fixture) {
	_, err := f.store.Anchor(f.Context(), f.mapping, start)
	require.NoError(f, err)
	for _, name := range []string{shard, "another"} {
		lease, _ := f.acquireShard(name, "a")
		f.commit(lease, ended(1, 7))
		f.release(lease)
	}
	f.delete(shard)
	all := f.progress(f.mapping)
	require.Len(f, all, 1)
	equal(f, ended(1, 7), all["another"])
	f.delete(shard) // no trace of it is left
	f.delete("never seen")
	got, err := f.store.Anchor(f.Context(), f.mapping, start.Add(1e9))
	require.NoError(f, err)
	assert.True(f, start.Equal(got), "the anchor stays: got %s, want %s", got, start)
}

func testDeleteKeeps(f *fixture) {
	lease, _ := f.acquire("a")
	f.commit(lease, at(1, 7))
	require.ErrorIs(f, f.store.Delete(f.Context(), f.mapping, shard), driver.ErrLeaseHeld)
	f.release(lease)
	err := f.store.Delete(f.Context(), f.mapping, shard)
	require.Error(f, err, "it is not at its end")
	require.NotErrorIs(f, err, driver.ErrLeaseHeld)
	f.stored(at(1, 7))

	lease, _ = f.acquire("a")
	f.commit(lease, ended(1, 8))
	require.ErrorIs(f, f.store.Delete(f.Context(), f.mapping, shard), driver.ErrLeaseHeld)
	f.stored(ended(1, 8))
	f.release(lease)

	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	require.ErrorIs(f, f.store.Delete(ctx, f.mapping, shard), context.Canceled)
	f.stored(ended(1, 8))
}

func testDeleteFences(f *fixture) {
	first, _ := f.acquire("a")
	f.commit(first, ended(1, 7))
	f.release(first)
	f.delete(shard)
	f.lost(first, at(2, 8))
	second, p := f.acquire("a") // of the same owner
	assert.Zero(f, p)
	assert.NotEqual(f, first, second)
	f.lost(first, at(2, 8))
	f.release(first)
	f.commit(second, at(1, 1))
	f.stored(at(1, 1))
}
