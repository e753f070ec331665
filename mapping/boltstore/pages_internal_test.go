package boltstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// newFile returns the contents of a store whose rows fill several pages.
func newFile(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(path)
	require.NoError(t, err)
	var g errgroup.Group
	for i := range 120 {
		g.Go(func() error {
			lease, _, err := s.Acquire(t.Context(), "m", fmt.Sprintf("shardId-%012d", i), "a")
			if err != nil {
				return err
			}
			p := fullRow().progress
			p.Window.State = bytes.Repeat([]byte("x"), i%7*1000) // some rows overflow their page
			return s.Commit(t.Context(), lease, p)
		})
	}
	require.NoError(t, g.Wait())
	require.NoError(t, s.Close())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	return file
}

// TestCheckPagesTakesAnyByte flips bytes in the places where bbolt keeps its structure: none may be followed out of
// the file, in a circle, or into a panic.
func TestCheckPagesTakesAnyByte(t *testing.T) {
	t.Parallel()
	file := newFile(t)
	require.NoError(t, checkPages(bytes.NewReader(file), int64(len(file))))
	page := os.Getpagesize()
	var refused int
	for range 1500 {
		i := rand.IntN(len(file)/page)*page + rand.IntN(200) // a page's header and first elements
		flip := byte(1 + rand.IntN(255))
		file[i] ^= flip
		if checkPages(bytes.NewReader(file), int64(len(file))) != nil {
			refused++
		}
		file[i] ^= flip
	}
	require.Positive(t, refused)
}

// FuzzCheckPages changes bytes of a file: any outcome will do but a panic, or no end.
func FuzzCheckPages(f *testing.F) {
	file := newFile(f)
	f.Add(uint32(0), []byte{1})
	f.Add(uint32(4096*3+16), []byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(_ *testing.T, at uint32, change []byte) {
		damaged := bytes.Clone(file)
		copy(damaged[int(at)%len(damaged):], change)
		_ = checkPages(bytes.NewReader(damaged), int64(len(damaged)))
		_ = checkPages(bytes.NewReader(change), int64(len(change)))
	})
}
