package boltstore_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSecondOpenInTheProcessIsLocked(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	first := openStore(t, path)
	began := time.Now()
	_, err := boltstore.Open(path)
	require.ErrorIs(t, err, boltstore.ErrLocked)
	require.ErrorContains(t, err, path)
	assert.Less(t, time.Since(began), 5*time.Second)

	_, _, err = first.Acquire(t.Context(), "m", "s", "a")
	require.NoError(t, err, "who has the file is not disturbed")
}

func TestSecondProcessIsLocked(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	c := startChild(t, "hold", path)
	require.Equal(t, "open", c.line(t))
	require.Equal(t, "held", c.line(t))
	_, err := boltstore.Open(path)
	require.ErrorIs(t, err, boltstore.ErrLocked)
	require.ErrorContains(t, err, path)
	assert.Empty(t, c.kill(t))
	openStore(t, path)
}

func TestReopenKeepsEverything(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	anchor := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	want := driver.Progress{
		Version:  3,
		Position: batch.Position{SequenceNumber: "17", SubSequence: 2, Partial: true},
		Window:   &batch.Window{Start: anchor, End: anchor.Add(time.Minute), State: []byte(`{"n":1}`)},
	}
	s := openStore(t, path)
	_, err := s.Anchor(t.Context(), "m", anchor)
	require.NoError(t, err)
	old, _, err := s.Acquire(t.Context(), "m", "s", "a")
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context(), old, want))
	require.NoError(t, s.Close())

	s = openStore(t, path)
	got, err := s.Anchor(t.Context(), "m", anchor.Add(time.Hour))
	require.NoError(t, err)
	assert.Equal(t, anchor, got)
	all, err := s.Progress(t.Context(), "m")
	require.NoError(t, err)
	assert.Equal(t, map[string]driver.Progress{"s": want}, all)
	require.ErrorIs(t, s.Commit(t.Context(), old, want), driver.ErrLeaseLost, "leases end with the process")
	lease, p, err := s.Acquire(t.Context(), "m", "s", "b")
	require.NoError(t, err)
	assert.Equal(t, want, p)
	assert.Greater(t, lease.Epoch, old.Epoch)
	require.ErrorIs(t, s.Commit(t.Context(), old, want), driver.ErrLeaseLost)
}

func TestClosedStoreRefusesCalls(t *testing.T) {
	t.Parallel()
	s, err := boltstore.Open(newPath(t))
	require.NoError(t, err)
	lease, _, err := s.Acquire(t.Context(), "m", "s", "a")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())

	ctx := context.Background()
	_, anchor := s.Anchor(ctx, "m", time.Now())
	_, progress := s.Progress(ctx, "m")
	_, _, acquire := s.Acquire(ctx, "m", "s", "b")
	for name, err := range map[string]error{
		"anchor": anchor, "progress": progress, "acquire": acquire,
		"commit":  s.Commit(ctx, lease, driver.Progress{}),
		"release": s.Release(ctx, lease),
		"delete":  s.Delete(ctx, "m", "s"),
	} {
		require.ErrorIs(t, err, driver.ErrStoreClosed, name)
		require.ErrorIs(t, err, os.ErrClosed, name)
	}
}

func TestDeletedRowIsGoneAfterAReopen(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	for _, shard := range []string{"s", "t"} {
		lease, _, err := s.Acquire(t.Context(), "m", shard, "a")
		require.NoError(t, err)
		require.NoError(t, s.Commit(t.Context(), lease, driver.Progress{Version: 1, End: true}))
		require.NoError(t, s.Release(t.Context(), lease))
	}
	require.NoError(t, s.Delete(t.Context(), "m", "s"))
	require.NoError(t, s.Close())

	s = openStore(t, path) // which checks the sum of all values
	all, err := s.Progress(t.Context(), "m")
	require.NoError(t, err)
	assert.Equal(t, map[string]driver.Progress{"t": {Version: 1, End: true}}, all)
	require.NoError(t, s.Delete(t.Context(), "m", "t"))
	require.NoError(t, s.Close())
	openStore(t, path) // with a mapping of which nothing is left
}
