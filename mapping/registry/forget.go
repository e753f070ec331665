package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/shardmill/shardmill/mapping"
)

// Bounds of forgetting. A table takes a store some seconds to delete.
const (
	forgetTimeout  = 5 * time.Minute
	forgetPause    = time.Minute // before it is tried again; doubled, up to maxForgetPause, after an error
	maxForgetPause = time.Hour
	maxForgetting  = 4 // at the same time
)

// silence is how long no row of a fleet's worker must have moved before all are taken for dead: the longest FailoverTime.
// Nobody is left to close the row of a worker that died.
const silence = time.Hour

// errManned tells that a worker of the fleet may still be at a mapping that was deleted.
var errManned = errors.New("registry: a worker of the fleet is not known to have stopped")

// forgetter is a store that can forget a mapping: a mapping.DefinitionStore, or one that has its Forget.
type forgetter interface {
	Forget(ctx context.Context, mapping string) error
}

// forgetting is a deleted mapping of which what it stored is still to be forgotten. While it is busy, the goroutine that
// forgets has it, else the host's.
type forgetting struct {
	uuid  string
	row   mapping.Definition
	busy  bool
	told  bool // that it can't be forgotten
	next  time.Time
	pause time.Duration

	workers map[string]uint64 // the counters of those that have not left
	since   time.Time         // when they were seen to move last
	err     error             // of the last attempt
}

// forget has what a deleted mapping stored be forgotten, in a goroutine of its own, when it is time for that.
func (h *host) forget(uuid string, row mapping.Definition, now time.Time) {
	f := h.forgets[uuid]
	if f == nil {
		f = &forgetting{uuid: uuid}
		h.forgets[uuid] = f
	}
	if f.busy || now.Before(f.next) || h.forgetting == maxForgetting {
		return
	}
	f.busy, f.row = true, row
	h.forgetting++
	h.wg.Go(func() {
		ctx, cancel := context.WithTimeout(h.ctx, forgetTimeout)
		defer cancel()
		f.err = h.r.forget(ctx, f)
		select {
		case h.forgot <- f:
		case <-h.ctx.Done():
		}
	})
}

// forgotten takes note of what an attempt to forget came to. One that failed is told of once, and tried again, ever more
// rarely: it may lack a permission, which nobody may ever give.
func (h *host) forgotten(f *forgetting, now time.Time) {
	f.busy = false
	h.forgetting--
	switch {
	case f.err == nil || errors.Is(f.err, mapping.ErrDefinitionChanged):
		delete(h.forgets, f.uuid)
		return
	case errors.Is(f.err, errManned), errors.Is(f.err, mapping.ErrLeaseHeld):
		f.pause = forgetPause
		h.r.log.Debug("what a deleted mapping stored is still in use", "uuid", f.uuid, "error", f.err)
	default:
		f.pause = min(max(2*f.pause, forgetPause), maxForgetPause)
		if !f.told {
			h.r.log.Error("what a deleted mapping stored can't be cleared away, will be tried again from time to time",
				"uuid", f.uuid, "error", f.err)
		}
		f.told = true
	}
	f.next = now.Add(f.pause)
}

// forget forgets a mapping, and then removes the row that says that it is to be.
func (r *Registry) forget(ctx context.Context, f *forgetting) error {
	if err := r.unmanned(ctx, f); err != nil {
		return err
	}
	store, ok := r.cfg.Store.(forgetter)
	if !ok {
		store = r.cfg.Definitions
	}
	if err := store.Forget(ctx, f.uuid); err != nil {
		return err
	}
	r.log.Info("what a deleted mapping stored is cleared away", "uuid", f.uuid)
	return r.cfg.Definitions.DeleteDefinition(ctx, f.row.Key, f.row.Version)
}

// unmanned returns an error while a worker of the fleet may be at the mapping: it has not seen the deletion, or still
// drains, and would bring back what is forgotten.
func (r *Registry) unmanned(ctx context.Context, f *forgetting) error {
	store, ok := r.cfg.Store.(mapping.FleetStore)
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
	return errManned
}

// orphan sees to it that a mapping is forgotten which ran here when it was already gone: it may have been forgotten before.
func (h *host) orphan(s *snapshot, uuid string) {
	key := forgetKey + uuid
	if _, ok := s.rows[key]; ok || s.definitions[uuid] != nil {
		delete(h.orphans, uuid)
		return
	}
	h.write("a deleted mapping can't be marked as such", uuid, func(ctx context.Context) error {
		return h.r.cfg.Definitions.PutDefinition(ctx, row(key, nameContent{UUID: uuid}), "")
	})
}
