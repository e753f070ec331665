package boltstore

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shardmill/shardmill/mapping/driver"
)

// BenchmarkCommit commits one shard: the cost of one durable write.
func BenchmarkCommit(b *testing.B) {
	var transactions atomic.Int64
	s := counting(b, &transactions)
	lease := acquireMany(b, s, 1)[0]
	b.ReportAllocs()
	v := 0
	for b.Loop() {
		v++
		if err := s.Commit(b.Context(), lease, progressAt(v)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommitShards commits many shards, each again as soon as it is through. An op is one commit. bbolt makes two
// fsyncs a transaction: one for the pages, one for the header.
func BenchmarkCommitShards(b *testing.B) {
	for _, bc := range []struct {
		name   string
		shards int
	}{{"64", 64}, {"1000", 1000}} {
		b.Run(bc.name, func(b *testing.B) {
			var transactions atomic.Int64
			s := counting(b, &transactions)
			leases := acquireMany(b, s, bc.shards)
			transactions.Store(0)
			b.ReportAllocs()
			commits := commitAll(b, s, leases)
			b.ReportMetric(float64(commits)/float64(2*transactions.Load()), "commits/fsync")
		})
	}
}

// commitAll has a goroutine for each lease, and one commit of any of them for each turn of the loop.
func commitAll(b *testing.B, s *Store, leases []driver.Lease) (commits int) {
	turns := make(chan struct{}, len(leases))
	var wg sync.WaitGroup
	for _, lease := range leases {
		wg.Go(func() {
			v := 0
			for range turns {
				v++
				if err := s.Commit(b.Context(), lease, progressAt(v)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for b.Loop() {
		turns <- struct{}{}
		commits++
	}
	close(turns)
	wg.Wait()
	return commits
}
