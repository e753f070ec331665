package registry

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// settleTime is the minimum time of a transitional state, as on AWS.
const settleTime = time.Second

// applied reports whether a mapping in this process matches its definition.
func (rc *reconciler) applied(d *stored) bool {
	m := rc.instances[d.UUID]
	if d.runs() {
		return m != nil && m.fingerprint == d.shape
	}
	return m == nil
}

// settle ends the transitional states of mappings. The first process does it, so that no state outlives the process
// that began it.
func (rc *reconciler) settle(s *snapshot, now time.Time) {
	used := map[string]bool{}
	for uuid, d := range s.definitions {
		if d.State.settled() {
			continue
		}
		change := uuid + string(d.State) + time.UnixMilli(d.LastModified).String()
		used[change] = true
		if !rc.aged(change, settleTime, now) || !rc.applied(d) {
			continue
		}
		rc.write("a mapping's state can't be stored", uuid, func(ctx context.Context) error {
			if d.State == Deleting {
				return rc.remove(ctx, s, d)
			}
			return rc.registry.settled(ctx, d)
		})
	}
	maps.DeleteFunc(rc.since, func(change string, _ time.Time) bool { return !used[change] && !strings.Contains(change, "/") })
}

// settled stores the settled state of a mapping, and releases the name that it had before an update.
func (r *Registry) settled(ctx context.Context, d *stored) error {
	n := d.clone()
	n.State, n.Left = d.settles(), nil
	if left := d.Left; left != nil {
		err := r.cfg.Definitions.DeleteDefinition(ctx, left.Key, left.Version)
		if err != nil && !errors.Is(err, driver.ErrDefinitionChanged) { // another process did it before
			return err
		}
	}
	if err := r.cfg.Definitions.PutDefinition(ctx, row(mappingKey+d.UUID, &n), d.version); err != nil {
		return err
	}
	r.log.Info("the mapping has settled", "uuid", d.UUID, "state", string(n.State))
	return nil
}

// aged reports whether something has been seen for at least age.
func (rc *reconciler) aged(what string, age time.Duration, now time.Time) bool {
	first, ok := rc.since[what]
	if !ok {
		rc.since[what] = now
		rc.soon.Reset(settleTime)
		return false
	}
	return now.Sub(first) >= age
}

// remove deletes a mapping. It first releases the name, which is free while the rest is removed.
func (rc *reconciler) remove(ctx context.Context, s *snapshot, d *stored) error {
	store := rc.registry.cfg.Definitions
	forget := row(forgetKey+d.UUID, nameContent{Name: d.name(), UUID: d.UUID})
	if _, ok := s.rows[forget.Key]; !ok {
		if err := store.PutDefinition(ctx, forget, ""); err != nil {
			return err
		}
	}
	if c, name, ok := s.holder(d.name()); ok && c.UUID == d.UUID {
		if err := store.DeleteDefinition(ctx, name.Key, name.Version); err != nil {
			return err
		}
	}
	if result, ok := s.rows[resultKey+d.UUID]; ok {
		if err := store.DeleteDefinition(ctx, result.Key, result.Version); err != nil {
			return err
		}
	}
	if err := store.DeleteDefinition(ctx, mappingKey+d.UUID, d.version); err != nil {
		return err
	}
	rc.registry.log.Info("the mapping is deleted", "uuid", d.UUID)
	return nil
}

// writeTime bounds the writes of one look, except for the last one. The rest waits for the next look, so that a slow
// store, or many mappings, do not delay changes.
const writeTime = 2 * time.Second

// failure is a write that failed.
type failure struct{ what, id string }

// write writes something. A failure is logged once, until a write succeeds. Losing a race is not a failure: it shows at
// the next look.
func (rc *reconciler) write(what, id string, do func(context.Context) error) {
	if time.Since(rc.looked) >= writeTime {
		rc.registry.changed()
		return
	}
	ctx, cancel := context.WithTimeout(rc.ctx, storeTimeout)
	defer cancel()
	f, err := failure{what, id}, do(ctx)
	switch {
	case err == nil:
		delete(rc.failing, f)
		rc.registry.changed()
	case errors.Is(err, driver.ErrDefinitionChanged) || rc.ctx.Err() != nil || rc.failing[f]:
	default:
		rc.failing[f] = true
		rc.registry.log.Error(what+", retrying", "id", id, "error", err)
	}
}
