package boltstore

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
)

// TestBrokenStoreIsOpenedAgainInTheProcess is what doc.go promises of Close and Open, whatever broke the store.
func TestBrokenStoreIsOpenedAgainInTheProcess(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*Store){
		"a panic before a write": func(s *Store) {
			_ = s.do(t.Context(), func(*txn) error { panic("page 3 already freed") })
		},
		"a panic after a write": func(s *Store) {
			_ = s.do(t.Context(), func(tx *txn) error {
				k := key{"m", "half"}
				if err := tx.put(k, cell{}, encodeRow(row{epoch: 7})); err != nil {
					return err
				}
				panic("page 3 already freed")
			})
		},
		"an unknown outcome": func(s *Store) {
			_ = s.do(t.Context(), func(tx *txn) error { return s.breaks(errors.New("fsync: input/output error")) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var transactions atomic.Int64
			s := counting(t, &transactions)
			lease := acquireMany(t, s, 1)[0]
			require.NoError(t, s.Commit(t.Context(), lease, progressAt(1)))
			breaks(s)
			require.NoError(t, s.Close())

			again, err := Open(s.path)
			require.NoError(t, err)
			all, err := again.Progress(t.Context(), "m")
			require.NoError(t, err)
			require.Equal(t, map[string]driver.Progress{lease.Shard: progressAt(1)}, all)
			lease, _, err = again.Acquire(t.Context(), "m", lease.Shard, "a")
			require.NoError(t, err)
			require.NoError(t, again.Commit(t.Context(), lease, progressAt(2)))
			require.NoError(t, again.Close())
		})
	}
}
