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

// reportTimeout bounds the writes of the last results when the registry stops.
const reportTimeout = 5 * time.Second

// reportResults stores the results of the mappings that run here, and of those that have ended, if they changed.
func (rc *reconciler) reportResults(s *snapshot, now time.Time) {
	for uuid, m := range rc.instances {
		r, since := m.report(), now.Sub(rc.reportedAt[uuid])
		overrules := r.worked && r.result != resultNone && r.result != s.result(uuid) && since >= overruleInterval
		if s.definitions[uuid] == nil || !overrules && (!r.news || since < resultInterval) {
			continue
		}
		rc.reportedAt[uuid] = now
		rc.reportResult(s, uuid, m, r)
	}
	for uuid, m := range rc.late {
		r := m.report()
		if !r.news || s.definitions[uuid] == nil {
			delete(rc.late, uuid)
			continue
		}
		rc.reportResult(s, uuid, m, r)
	}
	maps.DeleteFunc(rc.reportedAt, func(uuid string, _ time.Time) bool { return rc.instances[uuid] == nil })
}

func (rc *reconciler) reportResult(s *snapshot, uuid string, m *instance, r report) {
	rc.write("a mapping's result can't be stored", uuid, func(ctx context.Context) error {
		if err := rc.registry.storeResult(ctx, s, uuid, r); err != nil {
			return err
		}
		m.setReported(r)
		if late := rc.late[uuid]; late != nil && late != m {
			late.setReported(late.report())
		}
		return nil
	})
}

func (r *Registry) storeResult(ctx context.Context, s *snapshot, uuid string, rep report) error {
	return r.cfg.Definitions.PutDefinition(ctx, row(resultKey+uuid, resultContent{rep.result}), s.rows[resultKey+uuid].Version)
}

// keepResult keeps the result of a mapping that has ended, if it must still be stored.
func (rc *reconciler) keepResult(uuid string, m *instance) {
	if m.report().news {
		rc.late[uuid] = m
	}
}

// reportLast stores the last results, when no mapping runs any more.
func (rc *reconciler) reportLast() {
	for uuid, m := range rc.instances {
		rc.keepResult(uuid, m)
	}
	if len(rc.late) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(rc.ctx), reportTimeout)
	defer cancel()
	s, err := rc.registry.view.refresh(ctx, time.Now(), false)
	for _, uuid := range slices.Sorted(maps.Keys(rc.late)) {
		if err == nil && s.definitions[uuid] != nil {
			err = rc.registry.storeResult(ctx, &s, uuid, rc.late[uuid].report())
		}
		if errors.Is(err, driver.ErrDefinitionChanged) { // another worker stored a newer one
			err = nil
		}
	}
	if err != nil {
		rc.registry.log.Warn("the last results of mappings could not be stored", "error", err)
	}
}
