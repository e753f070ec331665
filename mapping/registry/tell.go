package registry

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// resultInterval is the least time between two writes of a mapping's result.
const resultInterval = 5 * time.Second

// overruleInterval is the minimum time after which a worker that processes records replaces the result of another one,
// which may be gone.
const overruleInterval = 30 * time.Second

// tellTimeout bounds the writes of the last results when the registry stops.
const tellTimeout = 5 * time.Second

// tell stores the results of the mappings that run here, and of those that have ended, if they changed.
func (h *host) tell(s *snapshot, now time.Time) {
	for uuid, m := range h.hosted {
		r, since := m.report(), now.Sub(h.told[uuid])
		overrules := r.worked && r.result != resultNone && r.result != s.result(uuid) && since >= overruleInterval
		if s.definitions[uuid] == nil || !overrules && (!r.news || since < resultInterval) {
			continue
		}
		h.told[uuid] = now
		h.tellOf(s, uuid, m, r)
	}
	for uuid, m := range h.late {
		r := m.report()
		if !r.news || s.definitions[uuid] == nil {
			delete(h.late, uuid)
			continue
		}
		h.tellOf(s, uuid, m, r)
	}
	maps.DeleteFunc(h.told, func(uuid string, _ time.Time) bool { return h.hosted[uuid] == nil })
}

func (h *host) tellOf(s *snapshot, uuid string, m *hosted, r report) {
	h.write("a mapping's result can't be stored", uuid, func(ctx context.Context) error {
		if err := h.r.storeResult(ctx, s, uuid, r); err != nil {
			return err
		}
		m.tell(r)
		if late := h.late[uuid]; late != nil && late != m {
			late.tell(late.report())
		}
		return nil
	})
}

func (r *Registry) storeResult(ctx context.Context, s *snapshot, uuid string, rep report) error {
	return r.cfg.Definitions.PutDefinition(ctx, row(resultKey+uuid, resultContent{rep.result}), s.rows[resultKey+uuid].Version)
}

// keepResult keeps the result of a mapping that has ended, if it must still be stored.
func (h *host) keepResult(uuid string, m *hosted) {
	if m.report().news {
		h.late[uuid] = m
	}
}

// tellLast stores the last results, when no mapping runs any more.
func (h *host) tellLast() {
	for uuid, m := range h.hosted {
		h.keepResult(uuid, m)
	}
	if len(h.late) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), tellTimeout)
	defer cancel()
	s, err := h.r.view.refresh(ctx, time.Now(), false)
	for _, uuid := range slices.Sorted(maps.Keys(h.late)) {
		if err == nil && s.definitions[uuid] != nil {
			err = h.r.storeResult(ctx, &s, uuid, h.late[uuid].report())
		}
		if errors.Is(err, driver.ErrDefinitionChanged) { // another worker stored a newer one
			err = nil
		}
	}
	if err != nil {
		h.r.log.Warn("the last results of mappings could not be stored", "error", err)
	}
}
