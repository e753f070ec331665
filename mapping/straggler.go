package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// A straggler is a call of a user's function or destination that ignores the end of its ctx and so outlives its shard.
// Its outcome does not count. While it runs, the process that started it does not process the shard again, and it keeps
// the shard's lease, unless that is lost, so that no other worker begins before it ends. Whichever ends last, the
// straggler or the shard's final commit, releases the lease.

// ending is the state of a shard when no call of it is waited for any more.
type ending struct {
	cause     error // why the shard's ctx ended; nil while it has not
	notStored error // why the newest commit is not durable; nil if it is
	cut       bool  // a call was cancelled when the stop's patience was over
}

// err returns the error with which the shard ends, by the first line of this table that applies:
//
//	the lease is lost            ErrLeaseLost
//	the store is closed, broken  ErrNotStored, with the store's error
//	progress is unreadable       ErrUnreadable
//	the newest commit failed     ErrNotStored, with the store's error
//	a call was cut short         ErrDrainTimeout
//	otherwise                    nil
//
// Stragglers are an additional error: Run returns ErrStillRunning while there are any.
func (e *ending) err(shard string) error {
	switch {
	case errors.Is(e.cause, driver.ErrLeaseLost):
		return driver.ErrLeaseLost
	case isGone(e.cause):
		return fmt.Errorf("mapping: shard %s: %w: %w", shard, ErrNotStored, e.cause)
	case isFinal(e.cause):
		return fmt.Errorf("mapping: shard %s: %w", shard, e.cause)
	case e.notStored != nil:
		return fmt.Errorf("mapping: shard %s: %w: %w", shard, ErrNotStored, e.notStored)
	case e.cut:
		return fmt.Errorf("mapping: shard %s: %w", shard, ErrDrainTimeout)
	}
	return nil
}

// wasLost reports whether the shard's lease is lost.
func (s *shard) wasLost() bool { return errors.Is(context.Cause(s.ctx), driver.ErrLeaseLost) }

// outlived is called by the last straggler of a closed shard, in its own goroutine, when it ends: it releases the
// lease, and reports to the run, if that has not returned.
func (s *shard) outlived() {
	if !s.wasLost() {
		s.release()
	}
	select {
	case <-s.reported: // the run knows the shard's stragglers
	case <-s.deps.gone:
		return
	}
	select {
	case s.deps.outlived <- s.info.ID:
	case <-s.deps.gone:
	}
}

// straggler is a shard that a run does not process again before its calls have ended.
type straggler struct {
	info  poller.Shard
	lease driver.Lease
	left  bool  // the shard has left the stream
	err   error // names the calls
}

// cutShort returns how the shard of a straggler that has ended came to its end.
func (s straggler) cutShort() error {
	return fmt.Errorf("mapping: shard %s: %w", s.info.ID, ErrDrainTimeout)
}

// straggle records a shard that ended while calls of it still run.
func (r *run) straggle(info poller.Shard, e *shardEnd) {
	r.stragglers[e.id] = straggler{info: info, lease: e.lease, left: e.left, err: e.straggles}
	r.m.log.Warn("calls of the shard ignored the end of their context: it is not processed here until they return",
		"shard", e.id, "error", e.straggles)
}

// outlive records that the stragglers of a shard have ended.
func (r *run) outlive(id string) straggler {
	s := r.stragglers[id]
	delete(r.stragglers, id)
	r.m.log.Info("the last of the shard's calls that ignored the end of their context has returned", "shard", id)
	return s
}
