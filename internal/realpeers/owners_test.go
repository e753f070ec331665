package realpeers_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/mapping/migrate"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// watchInterval is how often the rows of a lease table are looked at.
const watchInterval = 250 * time.Millisecond

// owners watches a lease table: which worker has which shard, and for how long a shard has no living worker.
type owners struct {
	c     *crew
	table migrate.Table
	stop  context.CancelFunc
	group errgroup.Group

	mu       sync.Mutex
	finished map[string]bool
	looked   time.Time                // last
	alone    map[string]time.Duration // how long no living worker has had the shard
	longest  time.Duration
	of       string         // the shard and its owner, at the longest
	counts   map[string]int // shards, by worker; of the last look
	ended    map[string]int // leases of ended shards, by worker; of the last look
	without  int            // shards without a living worker; of the last look
}

// watch watches the lease table of the crew until the test ends.
func (c *crew) watch() *owners {
	ctx, cancel := context.WithCancel(c.w.Context())
	o := &owners{
		c: c, stop: cancel, finished: map[string]bool{}, alone: map[string]time.Duration{},
		table: migrate.Table{Client: c.w.db, Name: c.application, Format: migrate.KCL},
	}
	o.group.Go(func() error { return o.run(ctx) })
	c.w.Cleanup(o.end)
	return o
}

func (o *owners) end() {
	o.stop()
	require.NoError(o.c.w, o.group.Wait())
}

func (o *owners) run(ctx context.Context) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		rows, err := o.table.Read(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // end has stopped it
		}
		if err != nil {
			return fmt.Errorf("the lease table: %w", err)
		}
		o.look(time.Now(), rows, o.c.w.stream)
	}
}

// look takes note of the rows of a moment. Time in which this machine was too busy to look counts for two looks at most: the
// workers had no more of it.
func (o *owners) look(now time.Time, rows []migrate.Shard, stream *kinesistest.Stream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	passed := min(now.Sub(o.looked), 2*watchInterval)
	o.looked = now
	owner := map[string]string{}
	o.counts, o.ended, o.without = map[string]int{}, map[string]int{}, 0
	for _, r := range rows {
		owner[r.ID] = r.Owner
		if !r.End {
			continue
		}
		o.finished[r.ID] = true
		if name, ok := o.c.living(r.Owner); ok {
			o.ended[name]++
		}
	}
	for _, s := range stream.Shards() {
		id := *s.ShardId
		parents := slices.DeleteFunc([]string{aws.ToString(s.ParentShardId), aws.ToString(s.AdjacentParentShardId)}, func(p string) bool { return p == "" })
		if o.finished[id] || slices.ContainsFunc(parents, func(p string) bool { return !o.finished[p] }) {
			continue
		}
		name, ok := o.c.living(owner[id])
		if ok {
			o.counts[name]++
			delete(o.alone, id)
			continue
		}
		o.without++
		o.alone[id] += passed
		if d := o.alone[id]; d > o.longest {
			o.longest, o.of = d, fmt.Sprintf("%s, whose row names %q", id, owner[id])
		}
	}
}

// reset begins the measurement of the longest time: at first no worker is there.
func (o *owners) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.longest, o.of = 0, ""
}

// gap returns the longest time that a shard had no living worker, and which shard that was.
func (o *owners) gap() (time.Duration, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.longest, o.of
}

// complete reports whether each shard that can be processed has a living worker.
func (o *owners) complete() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.without == 0 && len(o.counts) > 0
}

// spread returns how many leases each living worker has, and how many the one with most has more than the one with least. The
// leases of ended shards are among them: KCL keeps them for minutes, and counts them as work.
func (o *owners) spread() (counts map[string]int, difference int) {
	names := o.c.names()
	o.mu.Lock()
	defer o.mu.Unlock()
	counts = map[string]int{}
	var all []int
	for _, name := range names {
		counts[name] = o.counts[name] + o.ended[name]
		all = append(all, counts[name])
	}
	if len(all) == 0 {
		return counts, 0
	}
	return counts, slices.Max(all) - slices.Min(all)
}
