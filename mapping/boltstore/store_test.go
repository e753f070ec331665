package boltstore_test

import (
	"path/filepath"
	"testing"

	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/storetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	_ driver.Store           = (*boltstore.Store)(nil)
	_ driver.DefinitionStore = (*boltstore.Store)(nil)
)

func TestConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) driver.Store { return openStore(t, newPath(t)) })
}

func TestListsNames(t *testing.T) {
	storetest.RunNames(t, func(t *testing.T) driver.ListedStore { return openStore(t, newPath(t)) })
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "orders.db") }

// openStore opens the store at path until the test ends.
func openStore(t testing.TB, path string) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}
