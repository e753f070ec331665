package mapping

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/internal/callback"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// shardDeps is what a shard needs of its mapping and of the run that processes it. All shards of a run have the same.
// Everything in it is safe for concurrent use.
type shardDeps struct {
	cfg           *parsed
	invokeOptions invoke.Options
	source        poller.Source
	observer      *observe.Observer
	guard         callback.Guard // of the user's callbacks
	log           *slog.Logger   // of the mapping
	counts        *counts

	checkpointInterval time.Duration // the least time between two writes of progress

	stopCtx context.Context // when done, nothing more is read or started
	killCtx context.Context // when done, running calls are cancelled

	origin func(shard string) *invoke.Origin                 // the common part of a shard's events
	start  func() poller.Start                               // where to begin a shard without progress
	shards func(ctx context.Context) ([]poller.Shard, error) // lists the stream
	clocks func(now time.Time) clocks                        // of this host and of the service
	clock  func(now time.Time) time.Time                     // the time of the records of the run
	result func(string)                                      // records what the last invocation came to

	warnedUnreported *atomic.Bool // of failed items without the setting that reports them

	isFenced func() bool  // all leases of the run have ended
	missing  *atomic.Bool // set for a shard that the service does not know

	outlived chan<- string   // gets the shard whose stragglers have ended
	gone     <-chan struct{} // closed when outlived has no receiver any more
}

// newShardDeps returns what the shards of a run share.
func newShardDeps(r *run) *shardDeps {
	m := r.m
	return &shardDeps{
		cfg: &m.cfg, invokeOptions: m.invokeOptions, source: m.source, observer: &m.observer, guard: m.guard, log: m.log, counts: &m.counts,
		checkpointInterval: m.checkpointInterval(), stopCtx: r.stopCtx, killCtx: r.killCtx,
		origin: m.origin, start: func() poller.Start { return m.start(r.latest.at) }, shards: m.shards, clocks: m.clocks, clock: r.clock.at, result: m.result,
		warnedUnreported: &m.warnedUnreported, missing: &r.missing,
		isFenced: func() bool { return r.assignment.isFenced() },
		outlived: r.outlived, gone: r.gone,
	}
}
