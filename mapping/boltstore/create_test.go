package boltstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/mapping/boltstore"
)

// names returns the names of the files in a folder.
func names(t *testing.T, folder string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestLeftOversOfAKilledStartAreRemoved(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	others := []string{".orders.db.new", ".orders.db.1x.new", ".other.db.123.new", "orders.db.123.new", ".orders.db.123.old"}
	for _, name := range append(others, ".orders.db.123.new", ".orders.db.4567890123.new") {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("half"), 0o600))
	}
	s, err := boltstore.Open(filepath.Join(folder, "orders.db"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.ElementsMatch(t, append(others, "orders.db"), names(t, folder))

	// They are removed as well where the store was created before the kill.
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".orders.db.5.new"), nil, 0o600))
	s, err = boltstore.Open(filepath.Join(folder, "orders.db"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.ElementsMatch(t, append(others, "orders.db"), names(t, folder))
}

// TestFirstStartsDoNotDisturbEachOther has one remove what the others are about to need.
func TestFirstStartsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	for range 30 {
		folder := t.TempDir()
		var group errgroup.Group
		for range 4 {
			group.Go(func() error {
				s, err := boltstore.Open(filepath.Join(folder, "orders.db"))
				if errors.Is(err, boltstore.ErrLocked) {
					return nil
				}
				if err != nil {
					return err
				}
				return s.Close()
			})
		}
		require.NoError(t, group.Wait())
		assert.Equal(t, []string{"orders.db"}, names(t, folder))
	}
}
