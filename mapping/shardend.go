package mapping

import (
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// shardEnd is how the processing of one shard ended.
type shardEnd struct {
	id       string
	finished bool
	left     bool // the shard has left the stream
	lease    driver.Lease
	released bool
	children []poller.Shard // those of its last page
	err      error

	// straggles names the shard's calls that still run, or is nil. Their end is sent to outlived.
	straggles error
}

// end handles the end of a shard's processing.
func (r *run) end(e shardEnd) {
	info := r.running[e.id].standing.Load().Info
	delete(r.running, e.id)
	r.m.view.set(func(v *view) {
		delete(v.shards, e.id)
		v.done[e.id] = e.finished
	})
	if e.straggles != nil {
		r.straggle(info, &e)
	}
	r.judge(&e)
	r.assignment.ended(info, &e)
	if e.finished {
		r.finish(&e)
	}
}

// judge decides whether the error with which a shard ended ends the run. A lost lease does not.
func (r *run) judge(e *shardEnd) {
	switch {
	case r.stopping || r.failed != nil:
		r.errs.add(e.err)
	case e.err == nil || errors.Is(e.err, driver.ErrLeaseLost):
	case isFinal(e.err):
		r.fail(e.err)
	case e.straggles != nil: // it is processed again when they have ended
	case e.left:
		if !errors.Is(e.err, driver.ErrLeaseHeld) { // else the owner of the lease ends the shard
			r.m.log.Warn("storing the end of a shard that has left the stream failed", "shard", e.id, "error", e.err)
		}
	case !r.assignment.survives(e):
		r.fail(e.err)
	}
}

// finish handles a shard whose end is stored: its children may start.
func (r *run) finish(e *shardEnd) {
	if e.left {
		delete(r.lost, e.id)
		r.lineage.End(e.id)
		r.assignment.swept()
		return
	}
	r.lineage.Finish(e.id)
	news := r.lineage.Learn(e.id, e.children, time.Now())
	r.m.log.Info("shard is complete", "shard", e.id, "newChildren", len(news))
	if r.stopCtx.Err() != nil {
		return
	}
	r.assignment.finished(e.id, len(news))
	if soon, ok := r.lineage.NeedsListing(e.id); ok {
		r.refreshSoon(soon)
	}
}

// free handles the end of a shard's stragglers: it may be processed again.
func (r *run) free(id string) {
	s := r.outlive(id)
	if r.stopping {
		r.errs.add(s.cutShort())
	}
	r.assignment.freed(&s)
}
