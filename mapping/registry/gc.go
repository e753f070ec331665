package registry

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// unusedTime is how long a row must have been unused before it is removed: longer than any operation takes, and than a
// mapping takes to stop in another process.
const unusedTime = time.Minute

// removeUnused removes unused rows: names and results without a mapping, and the progress of deleted mappings.
func (rc *reconciler) removeUnused(s *snapshot, now time.Time) {
	used := map[string]bool{}
	for key, row := range s.rows {
		if !s.unused(key) {
			continue
		}
		seen := key + "/" + row.Version
		used[seen] = true
		if !rc.aged(seen, unusedTime, now) {
			continue
		}
		if uuid, ok := strings.CutPrefix(key, forgetKey); ok {
			rc.forget(uuid, row, now)
			continue
		}
		rc.write("unable to remove an unused row", key, func(ctx context.Context) error { return rc.registry.removeRow(ctx, s, key, row) })
	}
	for uuid := range rc.orphans {
		rc.orphan(s, uuid)
	}
	maps.DeleteFunc(rc.forgets, func(uuid string, f *forgetting) bool { return !f.busy && s.rows[forgetKey+uuid].Key == "" })
	maps.DeleteFunc(rc.failing, func(f failure, _ bool) bool {
		return s.definitions[f.id] == nil && s.rows[f.id].Key == "" && !rc.orphans[f.id]
	})
	maps.DeleteFunc(rc.since, func(seen string, _ time.Time) bool { return !used[seen] && strings.Contains(seen, "/") })
}

// unused reports whether a row is no longer used.
func (s *snapshot) unused(key string) bool {
	if uuid, ok := strings.CutPrefix(key, resultKey); ok {
		_, exists := s.rows[mappingKey+uuid]
		return !exists
	}
	if c, ok := s.nameOf(key); ok {
		d, exists := s.definitions[c.UUID]
		_, unreadable := s.unreadable[c.UUID]
		return !unreadable && (!exists || d.name() != c.Name)
	}
	return strings.HasPrefix(key, forgetKey)
}

// removeRow removes an unused row. A name is first condemned, by another version of its row, and removed at the next
// look if it still has no mapping then. A Create that claimed it and has been paused since sees that its row changed.
// An Update that did so is fenced: the definition that it read gets another version before the name is free.
func (r *Registry) removeRow(ctx context.Context, s *snapshot, key string, old driver.Definition) error {
	store := r.cfg.Definitions
	if c, ok := s.nameOf(key); ok {
		if !c.Condemned {
			c.Condemned = true
			return store.PutDefinition(ctx, row(key, c), old.Version)
		}
		if d := s.definitions[c.UUID]; d != nil {
			if err := store.PutDefinition(ctx, row(mappingKey+d.UUID, &d.definition), d.version); err != nil {
				return err
			}
		}
	}
	return store.DeleteDefinition(ctx, key, old.Version)
}
