package boltstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

// sample is the contents of a file with two mappings, one of which fills several pages, and what is stored in it.
type sample struct {
	file  []byte
	small map[string]driver.Progress
	large map[string]driver.Progress
}

var sampleAnchor = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newSample(t testing.TB) sample {
	t.Helper()
	path := newPath(t)
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	_, err = s.Anchor(t.Context(), "large", sampleAnchor)
	require.NoError(t, err)
	fill(t, s, "small", 2)
	fill(t, s, "large", 150)
	// Twice, so that the state before the last write, to which a damaged header leads back, is the same but for this shard.
	for range 2 {
		lease, _, err := s.Acquire(t.Context(), "last", "s", "a")
		require.NoError(t, err)
		require.NoError(t, s.Release(t.Context(), lease))
	}
	small, err := s.Progress(t.Context(), "small")
	require.NoError(t, err)
	large, err := s.Progress(t.Context(), "large")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	return sample{file: file, small: small, large: large}
}

func fill(t testing.TB, s driver.Store, name string, shards int) {
	t.Helper()
	var g errgroup.Group
	for i := range shards {
		g.Go(func() error {
			lease, _, err := s.Acquire(t.Context(), name, fmt.Sprintf("shardId-%012d", i), "a")
			if err != nil {
				return err
			}
			p := driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: fmt.Sprintf("4959033827149025660855969253836157109592%d", i)}}
			if i%10 == 0 {
				p.Window = &batch.Window{Start: sampleAnchor, End: sampleAnchor.Add(time.Minute), State: bytes.Repeat([]byte("s"), 10*i)}
			}
			return s.Commit(t.Context(), lease, p)
		})
	}
	require.NoError(t, g.Wait())
}

// refuse asserts that a file with these contents is an error that names it and what to do, and is left as it is.
func refuse(t *testing.T, contents []byte) {
	t.Helper()
	path := newPath(t)
	require.NoError(t, os.WriteFile(path, contents, 0o600))
	s, err := boltstore.Open(path)
	if !assert.Error(t, err) {
		require.NoError(t, s.Close())
		return
	}
	assert.ErrorContains(t, err, path)
	assert.ErrorContains(t, err, "move it away")
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(contents, got), "the file was changed")
}

func TestTruncatedFileIsRefused(t *testing.T) {
	t.Parallel()
	file := newSample(t).file
	used := len(bytes.TrimRight(file, "\x00"))
	lengths := []int{0, 1, 79, 80, 4095, 4096, 4097, 8191, 8192, 8193, 12288, 16383, 16384, 20480, used / 2, used - 4096}
	for range 50 {
		lengths = append(lengths, rand.IntN(used-4096))
	}
	for _, n := range lengths {
		refuse(t, file[:n])
	}
}

func TestGarbageIsRefused(t *testing.T) {
	t.Parallel()
	file := newSample(t).file
	noise := make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	refuse(t, []byte("not a store\n"))
	refuse(t, noise)
	refuse(t, make([]byte, 64<<10))
	refuse(t, append(noise[:8192:8192], file[8192:]...))                 // no header
	refuse(t, append(file[:8192:8192], noise[:len(noise)-8192]...))      // nothing but the header
	refuse(t, append(file[:8192:8192], make([]byte, len(file)-8192)...)) // a hole
	refuse(t, append(bytes.Clone(file[512:]), make([]byte, 512)...))     // shifted
}

func TestFolderIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := boltstore.Open(dir)
	require.ErrorContains(t, err, dir)
	_, err = boltstore.Open(filepath.Join(dir, "none", "orders.db"))
	require.ErrorContains(t, err, "orders.db")
}

// TestFlippedBytesNeverLoseRows damages single bytes. What is stored must come back as it was, or Open must fail.
func TestFlippedBytesNeverLoseRows(t *testing.T) {
	t.Parallel()
	sample := newSample(t)
	path := newPath(t)
	var offsets []int
	for range 30 {
		offsets = append(offsets, rand.IntN(2)*os.Getpagesize()+rand.IntN(80)) // the headers
	}
	for range 90 {
		offsets = append(offsets, rand.IntN(len(sample.file)))
	}
	var refused int
	for _, offset := range offsets {
		damaged := bytes.Clone(sample.file)
		flip := byte(1 + rand.IntN(255))
		damaged[offset] ^= flip
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		s, err := boltstore.Open(path)
		if err != nil {
			refused++
			require.ErrorContains(t, err, path)
			require.ErrorIs(t, err, driver.ErrUnreadable)
			continue
		}
		where := fmt.Sprintf("byte %d ^ %#x", offset, flip)
		checkSample(t, s, sample, where)
		require.NoError(t, s.Close(), where)
	}
	assert.Positive(t, refused)
	assert.Less(t, refused, len(offsets))
}

// checkSample asserts that all of the sample is there and can be written to.
func checkSample(t *testing.T, s *boltstore.Store, want sample, where string) {
	t.Helper()
	small, err := s.Progress(t.Context(), "small")
	require.NoError(t, err, where)
	require.Equal(t, want.small, small, where)
	large, err := s.Progress(t.Context(), "large")
	require.NoError(t, err, where)
	require.Equal(t, want.large, large, where)
	at, err := s.Anchor(t.Context(), "large", sampleAnchor.Add(time.Hour))
	require.NoError(t, err, where)
	require.Equal(t, sampleAnchor, at, where)
	const shard = "shardId-000000000001"
	lease, got, err := s.Acquire(t.Context(), "large", shard, "b")
	require.NoError(t, err, where)
	require.Equal(t, large[shard], got, where)
	require.Equal(t, uint64(2), lease.Epoch, where)
}

// TestChangedContentsAreRefused changes a file that bbolt finds in order.
func TestChangedContentsAreRefused(t *testing.T) {
	t.Parallel()
	file := newSample(t).file
	rows := func(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte("shards")).Bucket([]byte("large")) }
	id := func(i int) []byte { return fmt.Appendf(nil, "shardId-%012d", i) }
	const advice = "move it away"
	cases := map[string]struct {
		change func(tx *bbolt.Tx) error
		want   string
	}{
		"newer format": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("shardmill")).Put([]byte("format"), []byte("3"))
		}, `format "3"`},
		"no format": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("shardmill")).Delete([]byte("format"))
		}, `format ""`},
		"no sum": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("shardmill")).Delete([]byte("sum"))
		}, advice},
		"no bucket of ours": {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("shardmill")) }, advice},
		"no anchors":        {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("anchors")) }, advice},
		"no shards":         {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("shards")) }, advice},
		"a mapping gone":    {func(tx *bbolt.Tx) error { return tx.Bucket([]byte("shards")).DeleteBucket([]byte("small")) }, advice},
		"an anchor gone":    {func(tx *bbolt.Tx) error { return tx.Bucket([]byte("anchors")).Delete([]byte("large")) }, advice},
		"a row gone":        {func(tx *bbolt.Tx) error { return rows(tx).Delete(id(7)) }, advice},
		"a row emptied":     {func(tx *bbolt.Tx) error { return rows(tx).Put(id(7), nil) }, advice},
		"a row cut short": {func(tx *bbolt.Tx) error {
			v := rows(tx).Get(id(7))
			return rows(tx).Put(id(7), bytes.Clone(v[:len(v)-1]))
		}, advice},
		"a bit of a row": {func(tx *bbolt.Tx) error {
			v := bytes.Clone(rows(tx).Get(id(7)))
			v[5] ^= 1
			return rows(tx).Put(id(7), v)
		}, advice},
		"a row of another shard": {func(tx *bbolt.Tx) error { return rows(tx).Put(id(7), bytes.Clone(rows(tx).Get(id(8)))) }, advice},
		"a value among mappings": {func(tx *bbolt.Tx) error { return tx.Bucket([]byte("shards")).Put([]byte("x"), []byte("y")) }, advice},
		"a bucket among shards": {func(tx *bbolt.Tx) error {
			_, err := rows(tx).CreateBucket([]byte("x"))
			return err
		}, advice},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			require.NoError(t, os.WriteFile(path, file, 0o600))
			changeBolt(t, path, tc.change)
			_, err := boltstore.Open(path)
			require.ErrorContains(t, err, path)
			require.ErrorIs(t, err, driver.ErrUnreadable)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// TestOldRowIsRefused puts a row back that was written before, with a right checksum.
func TestOldRowIsRefused(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	_, _, err := s.Acquire(t.Context(), "m", "s", "a")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	row := func(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte("shards")).Bucket([]byte("m")) }
	var old []byte
	changeBolt(t, path, func(tx *bbolt.Tx) error {
		old = bytes.Clone(row(tx).Get([]byte("s")))
		return nil
	})
	s = openStore(t, path)
	lease, _, err := s.Acquire(t.Context(), "m", "s", "a")
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context(), lease, driver.Progress{Version: 1}))
	require.NoError(t, s.Close())
	changeBolt(t, path, func(tx *bbolt.Tx) error { return row(tx).Put([]byte("s"), old) })
	_, err = boltstore.Open(path)
	require.ErrorContains(t, err, "sum")
}

func TestForeignDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	changeBolt(t, path, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("users"))
		return err
	})
	_, err := boltstore.Open(path)
	require.ErrorContains(t, err, "something else")
}

func changeBolt(t *testing.T, path string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(change))
	require.NoError(t, db.Close())
}

// TestFileCutShortWhileOpen must not end the process, nor wait for ever.
func TestFileCutShortWhileOpen(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 4096, 8192, 16384} {
		path := newPath(t)
		require.NoError(t, os.WriteFile(path, newSample(t).file, 0o600))
		s, err := boltstore.Open(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, size))
		var g errgroup.Group
		for i := range 8 {
			g.Go(func() error {
				if _, err := s.Progress(t.Context(), "large"); err == nil {
					return fmt.Errorf("size %d: progress: got no error", size)
				}
				if _, _, err := s.Acquire(t.Context(), "large", fmt.Sprintf("shardId-%012d", i), "a"); err == nil {
					return fmt.Errorf("size %d: acquire: got no error", size)
				}
				return nil
			})
		}
		require.NoError(t, g.Wait())
		require.NoError(t, s.Close())
	}
}
