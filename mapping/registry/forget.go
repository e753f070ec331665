package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// Bounds of forgetting. A store takes some seconds to delete a table.
const (
	forgetTimeout  = 5 * time.Minute
	forgetPause    = time.Minute // before the next attempt; doubled, up to maxForgetPause, after an error
	maxForgetPause = time.Hour
	maxForgetting  = 4 // concurrently
)

// silence is how long the rows of a fleet's workers must not have moved until all workers count as dead: the longest
// FailoverTime. No worker is left that could close a dead worker's row.
const silence = time.Hour

// errStillRun says that a worker of the fleet may still run a deleted mapping.
var errStillRun = errors.New("registry: a worker of the fleet is not known to have stopped")

// forgetter is a store that can forget a mapping: a driver.DefinitionStore, or one that has its Forget.
type forgetter interface {
	Forget(ctx context.Context, mapping string) error
}

// forgetting is a deleted mapping whose stored state must still be forgotten. While it is busy, it belongs to the
// goroutine that forgets, otherwise to the reconciler's.
type forgetting struct {
	uuid   string
	row    driver.Definition
	busy   bool
	logged bool // its failure was logged
	next   time.Time
	pause  time.Duration

	workers map[string]uint64 // the counters of those that have not left
	since   time.Time         // when they were seen to move last
	err     error             // of the last attempt
}

// forget starts to forget the stored state of a deleted mapping, in a goroutine of its own, if that is due.
func (rc *reconciler) forget(uuid string, row driver.Definition, now time.Time) {
	f := rc.forgets[uuid]
	if f == nil {
		f = &forgetting{uuid: uuid}
		rc.forgets[uuid] = f
	}
	if f.busy || now.Before(f.next) || rc.forgetting == maxForgetting {
		return
	}
	f.busy, f.row = true, row
	rc.forgetting++
	rc.wg.Go(func() {
		ctx, cancel := context.WithTimeout(rc.ctx, forgetTimeout)
		defer cancel()
		f.err = rc.registry.forget(ctx, f)
		select {
		case rc.forgot <- f:
		case <-rc.ctx.Done():
		}
	})
}

// forgotten handles the result of an attempt to forget. A failed one is logged once, and retried ever more rarely: it
// may lack a permission that is never granted.
func (rc *reconciler) forgotten(f *forgetting, now time.Time) {
	f.busy = false
	rc.forgetting--
	switch {
	case f.err == nil || errors.Is(f.err, driver.ErrDefinitionChanged):
		delete(rc.forgets, f.uuid)
		return
	case errors.Is(f.err, errStillRun), errors.Is(f.err, driver.ErrLeaseHeld):
		f.pause = forgetPause
		rc.registry.log.Debug("what a deleted mapping stored is still in use", "uuid", f.uuid, "error", f.err)
	default:
		f.pause = min(max(2*f.pause, forgetPause), maxForgetPause)
		if !f.logged {
			rc.registry.log.Error("unable to remove the stored state of a deleted mapping; retrying from time to time",
				"uuid", f.uuid, "error", f.err)
		}
		f.logged = true
	}
	f.next = now.Add(f.pause)
}

// forget forgets a mapping, and then removes the row that requests it.
func (r *Registry) forget(ctx context.Context, f *forgetting) error {
	if err := r.requireNoWorker(ctx, f); err != nil {
		return err
	}
	store, ok := r.cfg.Store.(forgetter)
	if !ok {
		store = r.cfg.Definitions
	}
	if err := store.Forget(ctx, f.uuid); err != nil {
		return err
	}
	r.log.Info("stored state of a deleted mapping removed", "uuid", f.uuid)
	return r.cfg.Definitions.DeleteDefinition(ctx, f.row.Key, f.row.Version)
}

// requireNoWorker returns an error while a worker of the fleet may run the mapping: it has not seen the deletion, or still
// drains, and would restore what is forgotten.
func (r *Registry) requireNoWorker(ctx context.Context, f *forgetting) error {
	store, ok := r.cfg.Store.(driver.FleetStore)
	if !ok {
		return nil
	}
	workers := map[string]uint64{}
	table := store.Fleet(f.uuid)
	for mark, more := "", true; more; more = mark != "" {
		rows, next, err := table.Workers(ctx, mark)
		if err != nil {
			return fmt.Errorf("registry: read the workers of a deleted mapping: %w", err)
		}
		for _, w := range rows {
			if !w.Closed {
				workers[w.Incarnation] = w.Counter
			}
		}
		mark = next
	}
	now := time.Now()
	if f.since.IsZero() || !maps.Equal(workers, f.workers) {
		f.workers, f.since = workers, now
	}
	if len(workers) == 0 || now.Sub(f.since) >= silence {
		return nil
	}
	return errStillRun
}

// orphan makes sure that a mapping is forgotten that ran here after it was deleted: it may have been forgotten before.
func (rc *reconciler) orphan(s *snapshot, uuid string) {
	key := forgetKey + uuid
	if _, ok := s.rows[key]; ok || s.definitions[uuid] != nil {
		delete(rc.orphans, uuid)
		return
	}
	rc.write("unable to mark a deleted mapping for removal", uuid, func(ctx context.Context) error {
		return rc.registry.cfg.Definitions.PutDefinition(ctx, row(key, nameContent{UUID: uuid}), "")
	})
}
