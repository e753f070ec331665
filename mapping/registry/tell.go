package registry

import (
	"context"
	"maps"
	"time"
)

// resultInterval is the least time between two writes of a mapping's result.
const resultInterval = 5 * time.Second

// tell stores the results of the mappings that run here, where they have news.
func (h *host) tell(s *snapshot, now time.Time) {
	for uuid, m := range h.hosted {
		result, news := m.news()
		if !news || s.definitions[uuid] == nil || now.Sub(h.told[uuid]) < resultInterval {
			continue
		}
		h.told[uuid] = now
		old := s.rows[resultKey+uuid]
		h.write("a mapping's result can't be stored", uuid, func(ctx context.Context) error {
			err := h.r.cfg.Definitions.PutDefinition(ctx, row(resultKey+uuid, resultContent{result}), old.Version)
			if err == nil {
				m.tell(result)
			}
			return err
		})
	}
	maps.DeleteFunc(h.told, func(uuid string, _ time.Time) bool { return h.hosted[uuid] == nil })
}
