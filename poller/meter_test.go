package poller_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// stranger is a Client that has no identity, as that of another process: its Pollers share no meter.
type stranger struct{ poller.Client }

// consuming is what came of a Reader's calls.
type consuming struct {
	poller.Reader

	good, refused, bytes int
	last                 time.Time
	longest              time.Duration
}

// readFor lets Readers of one shard read concurrently.
func readFor(t *testing.T, long time.Duration, readers []*consuming) {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var all sync.WaitGroup
	for _, r := range readers {
		r.last = time.Now()
		all.Go(func() { r.read(ctx) })
	}
	all.Wait()
}

func (r *consuming) read(ctx context.Context) {
	for {
		page, err := r.Next(ctx)
		if err == nil {
			r.good++
			r.longest = max(r.longest, time.Since(r.last))
			r.last = time.Now()
		}
		for i := range page.Records {
			r.bytes += len(page.Records[i].Data)
		}
		switch {
		case ctx.Err() != nil:
			r.longest = max(r.longest, time.Since(r.last))
			return
		case err != nil:
			r.refused++
		}
	}
}

// openSharing opens a Reader of the stream's only shard for each interval.
func openSharing(t *testing.T, client func() poller.Client, intervals ...time.Duration) (readers []*consuming) {
	for _, interval := range intervals {
		p, err := poller.New(poller.Config{Client: client(), StreamARN: ordersARN, PollInterval: interval})
		require.NoError(t, err)
		r, err := p.Open(poller.Shard{ID: shardID}, poller.Start{})
		require.NoError(t, err)
		readers = append(readers, &consuming{Reader: r})
	}
	return readers
}

func oneShard(t *testing.T) *kinesistest.Service {
	s := kinesistest.New(kinesistest.Config{})
	_, err := s.CreateStream("orders", 1)
	require.NoError(t, err)
	return s
}

func every(n int, d time.Duration) (all []time.Duration) {
	for range n {
		all = append(all, d)
	}
	return all
}

// TestReadersOfOneProcessShareAMeter: whatever they want, they do not have each other refused, and each gets its part.
func TestReadersOfOneProcessShareAMeter(t *testing.T) {
	for name, c := range map[string]struct {
		intervals []time.Duration
		fair      func(i int) float64 // reads a second of a reader
	}{
		"8 at 1 s":            {every(8, time.Second), func(int) float64 { return 5.0 / 8 }},
		"3 at 200 ms":         {every(3, 200*time.Millisecond), func(int) float64 { return 5.0 / 3 }},
		"200 ms, and two 1 s": {append(every(2, time.Second), 200*time.Millisecond), func(i int) float64 { return []float64{1, 1, 3}[i] }},
		"200 ms, and ten 1 s": {append(every(10, time.Second), 200*time.Millisecond), func(int) float64 { return 5.0 / 11 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := oneShard(t)
				readers := openSharing(t, func() poller.Client { return service.Client() }, c.intervals...)
				readFor(t, 5*time.Minute, readers)
				for i, r := range readers {
					assert.Zero(t, r.refused)
					assert.GreaterOrEqual(t, float64(r.good)/300, 0.65*c.fair(i), "reader %d", i)
					assert.LessOrEqual(t, r.longest.Seconds(), 5/c.fair(i), "reader %d", i)
				}
			})
		})
	}
}

// TestReadersOfSeveralProcessesShareAShard is TestConsumersShareAShard with whole Readers.
func TestReadersOfSeveralProcessesShareAShard(t *testing.T) {
	for name, c := range map[string]struct {
		intervals []time.Duration
		fair      func(i int) float64 // reads a second of a reader
	}{
		"200 ms and 1 s": {[]time.Duration{200 * time.Millisecond, time.Second}, func(i int) float64 { return []float64{4, 1}[i] }},
		"2 at 200 ms":    {every(2, 200*time.Millisecond), func(int) float64 { return 2.5 }},
		"6 at 1 s":       {every(6, time.Second), func(int) float64 { return 5.0 / 6 }},
		"20 at 1 s":      {every(20, time.Second), func(int) float64 { return 0.25 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := oneShard(t)
				readers := openSharing(t, func() poller.Client { return stranger{service.Client()} }, c.intervals...)
				readFor(t, 10*time.Minute, readers)
				all := 0
				for i, r := range readers {
					all += r.good
					assert.GreaterOrEqual(t, float64(r.good)/600, 0.6*c.fair(i), "reader %d", i)
					assert.LessOrEqual(t, r.longest.Seconds(), 5/c.fair(i), "reader %d", i)
				}
				assert.GreaterOrEqual(t, float64(all)/600, 4.5)
			})
		})
	}
}

// putMiB puts so many records of 1 MiB, with the key.
func putMiB(t *testing.T, s *kinesistest.Service, n int) {
	data := bytes.Repeat([]byte("x"), 1<<20-3)
	for range n {
		_, _, err := s.Stream("orders").Put("key", data)
		require.NoError(t, err)
		rest(t.Context(), 1100*time.Millisecond) // the shard takes 1 MiB a second
	}
}

// TestTheBytesOfAShardAreSharedToo: 2 MiB a second, which are refused in the words in which the sixth read of a second is.
func TestTheBytesOfAShardAreSharedToo(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		synctest.Test(t, func(t *testing.T) {
			service := oneShard(t)
			putMiB(t, service, 400)
			readers := openSharing(t, func() poller.Client { return stranger{service.Client()} }, every(n, time.Second)...)
			readFor(t, 150*time.Second, readers)
			all := 0.0
			for i, r := range readers {
				rate := float64(r.bytes) / (1 << 20) / 150
				all += rate
				assert.GreaterOrEqual(t, rate, 1/float64(n), "MiB/s of reader %d of %d, at least half of its part", i, n)
				_, shared := r.Reader.(poller.Sharer).Sharing()
				assert.Equal(t, n > 1, shared, "reader %d of %d", i, n)
			}
			assert.GreaterOrEqual(t, all, 1.85, "MiB/s of %d", n)
		})
	}
}
