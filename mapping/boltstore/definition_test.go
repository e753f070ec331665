package boltstore_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/storetest"
)

func TestKeepsDefinitions(t *testing.T) {
	storetest.RunDefinitions(t, func(t *testing.T) (storetest.DefinitionStore, func() storetest.DefinitionStore) {
		path := newPath(t)
		s := openStore(t, path)
		return s, func() storetest.DefinitionStore {
			require.NoError(t, s.Close())
			s = openStore(t, path)
			return s
		}
	})
}

func formatOf(t *testing.T, path string) (format string, hasDefinitions bool) {
	t.Helper()
	changeBolt(t, path, func(tx *bbolt.Tx) error {
		format = string(tx.Bucket([]byte("shardmill")).Get([]byte("format")))
		hasDefinitions = tx.Bucket([]byte("definitions")) != nil
		return nil
	})
	return format, hasDefinitions
}

// TestFileWithoutDefinitionsStaysInTheFirstFormat opens a file of before, by which nothing changes in it.
func TestFileWithoutDefinitionsStaysInTheFirstFormat(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	sample := newSample(t)
	require.NoError(t, os.WriteFile(path, sample.file, 0o600))
	s := openStore(t, path)
	rows, token, err := s.Definitions(t.Context())
	require.NoError(t, err)
	assert.Empty(t, rows)
	again, err := s.DefinitionsToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, token, again)
	require.ErrorIs(t, s.DeleteDefinition(t.Context(), "a", "1"), driver.ErrDefinitionChanged)
	require.NoError(t, s.Forget(t.Context(), "small"))
	require.NoError(t, s.Close())
	format, has := formatOf(t, path)
	assert.Equal(t, "1", format)
	assert.False(t, has)

	s = openStore(t, path)
	large, err := s.Progress(t.Context(), "large")
	require.NoError(t, err)
	assert.Equal(t, sample.large, large)
	require.NoError(t, s.PutDefinition(t.Context(), driver.Definition{Key: "a", Version: "1"}, ""))
	require.NoError(t, s.DeleteDefinition(t.Context(), "a", "1"))
	require.NoError(t, s.Close())
	format, has = formatOf(t, path)
	assert.Equal(t, "2", format, "a version that knows no definitions must not take the file for damaged")
	assert.True(t, has)
	openStore(t, path)
}

// withDefinitions returns the path of a file with some definitions and a mapping.
func withDefinitions(t *testing.T) string {
	t.Helper()
	path := newPath(t)
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	for _, key := range []string{"a", "b", "c"} {
		row := driver.Definition{Key: key, Version: "1", Data: bytes.Repeat([]byte(key), 3000)}
		require.NoError(t, s.PutDefinition(t.Context(), row, ""))
	}
	_, err = s.Anchor(t.Context(), "a", sampleAnchor)
	require.NoError(t, err)
	fill(t, s, "a", 2)
	require.NoError(t, s.Close())
	return path
}

// TestDamagedDefinitionsAreRefused changes a file that bbolt finds in order.
func TestDamagedDefinitionsAreRefused(t *testing.T) {
	t.Parallel()
	rows := func(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte("definitions")) }
	cases := map[string]func(tx *bbolt.Tx) error{
		"none left":   func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("definitions")) },
		"one gone":    func(tx *bbolt.Tx) error { return rows(tx).Delete([]byte("b")) },
		"one emptied": func(tx *bbolt.Tx) error { return rows(tx).Put([]byte("b"), nil) },
		"a bit of one": func(tx *bbolt.Tx) error {
			v := bytes.Clone(rows(tx).Get([]byte("b")))
			v[2] ^= 1
			return rows(tx).Put([]byte("b"), v)
		},
		"one of another key": func(tx *bbolt.Tx) error { return rows(tx).Put([]byte("b"), bytes.Clone(rows(tx).Get([]byte("c")))) },
		"an anchor in the place of one": func(tx *bbolt.Tx) error {
			return rows(tx).Put([]byte("a"), bytes.Clone(tx.Bucket([]byte("anchors")).Get([]byte("a"))))
		},
		"a bucket among them": func(tx *bbolt.Tx) error {
			_, err := rows(tx).CreateBucket([]byte("x"))
			return err
		},
		"the first format": func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("shardmill")).Put([]byte("format"), []byte("1"))
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			path := withDefinitions(t)
			changeBolt(t, path, change)
			_, err := boltstore.Open(path)
			require.ErrorContains(t, err, path)
			require.ErrorIs(t, err, driver.ErrUnreadable)
		})
	}
}

// TestDamageOfAHeaderUndoesNoDefinition damages the header page of the latest write, whichever of the two it is.
func TestDamageOfAHeaderUndoesNoDefinition(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	require.NoError(t, s.PutDefinition(t.Context(), driver.Definition{Key: "a", Version: "1"}, ""))
	require.NoError(t, s.PutDefinition(t.Context(), driver.Definition{Key: "b", Version: "1"}, ""))
	require.NoError(t, s.DeleteDefinition(t.Context(), "b", "1"))
	require.NoError(t, s.PutDefinition(t.Context(), driver.Definition{Key: "a", Version: "2", Data: []byte("x")}, "1"))
	require.NoError(t, s.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, offset := range []int{0, os.Getpagesize()} {
		damaged := bytes.Clone(whole)
		damaged[offset+30] ^= 0xff
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		s := openStore(t, path)
		rows, _, err := s.Definitions(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []driver.Definition{{Key: "a", Version: "2", Data: []byte("x")}}, rows, "header at %d", offset)
		require.NoError(t, s.Close())
	}
}
