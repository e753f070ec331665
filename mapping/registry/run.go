package registry

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardmill/shardmill/mapping"
)

// settleTime is how long a mapping stays in a transitional state at least, as on AWS.
const settleTime = time.Second

// clearTime is how long a row must have been without use before it is cleared away: longer than any operation takes, and
// than a mapping takes to stop in another process.
const clearTime = time.Minute

// resultInterval is the least time between two writes of a mapping's result.
const resultInterval = 5 * time.Second

// host is one Run of a Registry. Its run method is the goroutine that owns it.
type host struct {
	r      *Registry
	ctx    context.Context // of Run
	hosted map[string]*hosted
	since  map[string]time.Time // when a state, or a row without use, was seen first
	told   map[string]time.Time // when a result was stored last
	bad    map[string]bool      // rows that can't be read and were told of
	down   bool                 // the definitions can't be read, which was told
	ended  chan struct{}        // nothing runs any more of a mapping
	wg     sync.WaitGroup       // who tell so
	soon   *time.Timer          // a state may settle before the next tick
}

// Run runs the mappings that are enabled, and takes up what is changed here and by others, until ctx is cancelled. Then it
// stops them as mapping.Run does, and returns when nothing of them runs any more: nil after a clean stop, else what the
// mappings returned.
//
// It begins when the definitions can be read; while they can't, what runs goes on.
func (r *Registry) Run(ctx context.Context) error {
	r.mu.Lock()
	running := r.running
	r.running = true
	r.mu.Unlock()
	if running {
		return ErrRunning
	}
	defer func() {
		r.mu.Lock()
		r.running, r.hosted = false, map[string]*hosted{}
		r.mu.Unlock()
	}()
	h := &host{
		r: r, ctx: ctx, hosted: map[string]*hosted{}, since: map[string]time.Time{}, told: map[string]time.Time{}, bad: map[string]bool{},
		ended: make(chan struct{}), soon: time.NewTimer(settleTime),
	}
	return h.run() //nolint:contextcheck // host holds ctx: it is the life of one call
}

func (h *host) run() error {
	h.r.log.Info("registry runs")
	tick := time.NewTicker(h.r.cfg.PollInterval)
	defer tick.Stop()
	defer h.soon.Stop()
	for {
		h.look()
		select {
		case <-tick.C:
		case <-h.soon.C:
		case <-h.r.kick:
		case <-h.ended:
		case <-h.ctx.Done():
			return h.stop()
		}
	}
}

// look reads what is stored, and does what follows from it.
func (h *host) look() {
	ctx, cancel := context.WithTimeout(h.ctx, storeTimeout)
	defer cancel()
	now := time.Now()
	s, err := h.r.view.refresh(ctx, now, false)
	if err != nil {
		if !h.down && h.ctx.Err() == nil {
			h.r.log.Error("the definitions can't be read: what runs goes on as it is", "error", err)
		}
		h.down = true
		return
	}
	if h.down {
		h.down = false
		h.r.log.Info("the definitions are read again")
	}
	h.reconcile(&s)
	h.settle(ctx, &s, now)
	h.tell(ctx, &s, now)
	h.clear(ctx, &s, now)
}

// reconcile starts and stops mappings, so that what runs is what is defined. One that is changed is stopped first, and
// started anew when nothing of it runs any more.
func (h *host) reconcile(s *snapshot) {
	for uuid, m := range h.hosted {
		d, ok := s.definitions[uuid]
		switch {
		case isClosed(m.done):
			delete(h.hosted, uuid)
		case !ok && s.unreadable[uuid] != nil: // nobody knows what it is to be
		case !ok || !d.runs() || d.shape != m.fingerprint:
			m.stop()
		}
	}
	for uuid, d := range s.definitions {
		if h.hosted[uuid] == nil && d.runs() {
			h.hosted[uuid] = h.start(&d.definition)
		}
	}
	for uuid, err := range s.unreadable {
		if !h.bad[uuid] {
			h.bad[uuid] = true
			h.r.log.Error("a definition can't be read: its mapping stays as it is", "uuid", uuid, "error", err)
		}
	}
	h.r.mu.Lock()
	defer h.r.mu.Unlock()
	h.r.hosted = maps.Clone(h.hosted)
}

func (h *host) start(d *definition) *hosted {
	m := h.r.start(h.ctx, d)
	h.wg.Go(func() {
		<-m.done
		select {
		case h.ended <- struct{}{}:
		case <-h.ctx.Done(): // stop waits for it
		}
	})
	return m
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// inForce reports whether a mapping is in this process what its definition says.
func (h *host) inForce(d *stored) bool {
	m := h.hosted[d.UUID]
	if d.runs() {
		return m != nil && m.fingerprint == d.shape
	}
	return m == nil
}

// settle ends the transitional states of mappings. Whoever is first does it, so that no state outlives the process that
// began it.
func (h *host) settle(ctx context.Context, s *snapshot, now time.Time) {
	used := map[string]bool{}
	for uuid, d := range s.definitions {
		if d.State.settled() {
			continue
		}
		change := uuid + string(d.State) + time.UnixMilli(d.LastModified).String()
		used[change] = true
		if !h.aged(change, settleTime, now) || !h.inForce(d) {
			continue
		}
		var err error
		if d.State == Deleting {
			err = h.remove(ctx, s, d)
		} else {
			n := d.clone()
			n.State = d.settles()
			err = h.r.settled(ctx, s, &n, d.version)
		}
		h.wrote(err, "a mapping's state can't be stored", uuid)
	}
	maps.DeleteFunc(h.since, func(change string, _ time.Time) bool { return !used[change] && !strings.Contains(change, "/") })
}

// settled stores the settled state of a mapping. The names that it had before an update are given back first: while it is
// in transition, nobody can be at giving it another one.
func (r *Registry) settled(ctx context.Context, s *snapshot, d *definition, version string) error {
	for key, row := range s.rows {
		if name, ok := s.nameOf(key); !ok || name.UUID != d.UUID || name.Name == d.name() {
			continue
		}
		if err := r.cfg.Definitions.DeleteDefinition(ctx, key, row.Version); err != nil {
			return err
		}
	}
	if err := r.cfg.Definitions.PutDefinition(ctx, row(mappingKey+d.UUID, d), version); err != nil {
		return err
	}
	r.log.Info("the mapping has settled", "uuid", d.UUID, "state", string(d.State))
	return nil
}

// aged reports whether something has been seen for so long.
func (h *host) aged(what string, age time.Duration, now time.Time) bool {
	first, ok := h.since[what]
	if !ok {
		h.since[what] = now
		h.soon.Reset(settleTime)
		return false
	}
	return now.Sub(first) >= age
}

// remove deletes a mapping. Its name goes first: it is free while the rest is being cleared away.
func (h *host) remove(ctx context.Context, s *snapshot, d *stored) error {
	store := h.r.cfg.Definitions
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
	h.r.log.Info("the mapping is deleted", "uuid", d.UUID)
	return store.DeleteDefinition(ctx, mappingKey+d.UUID, d.version)
}

// tell stores the results of the mappings that run here, where they have news.
func (h *host) tell(ctx context.Context, s *snapshot, now time.Time) {
	for uuid, m := range h.hosted {
		result, news := m.news()
		if !news || s.definitions[uuid] == nil || now.Sub(h.told[uuid]) < resultInterval {
			continue
		}
		h.told[uuid] = now
		old := s.rows[resultKey+uuid]
		err := h.r.cfg.Definitions.PutDefinition(ctx, row(resultKey+uuid, resultContent{result}), old.Version)
		if err == nil {
			m.tell(result)
		}
		h.wrote(err, "a mapping's result can't be stored", uuid)
	}
	maps.DeleteFunc(h.told, func(uuid string, _ time.Time) bool { return h.hosted[uuid] == nil })
}

// wrote tells of a write that failed. That somebody else was faster is no failure: it shows at the next look.
func (h *host) wrote(err error, what, uuid string) {
	switch {
	case err == nil:
		h.r.changed()
	case !errors.Is(err, mapping.ErrDefinitionChanged) && h.ctx.Err() == nil:
		h.r.log.Error(what+", will be tried again", "uuid", uuid, "error", err)
	}
}

// clear clears away what nobody uses: names and results without a mapping, and the progress of mappings that were deleted.
func (h *host) clear(ctx context.Context, s *snapshot, now time.Time) {
	used := map[string]bool{}
	for key, row := range s.rows {
		if !s.unused(key) {
			continue
		}
		seen := key + "/" + row.Version
		used[seen] = true
		if !h.aged(seen, clearTime, now) {
			continue
		}
		h.wrote(h.clearRow(ctx, key, row), "a row without use can't be cleared away", key)
	}
	maps.DeleteFunc(h.since, func(seen string, _ time.Time) bool { return !used[seen] && strings.Contains(seen, "/") })
}

// unused reports whether a row is of no use any more.
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

// clearRow clears away a row without use. A name is condemned first, by another version of its row, and cleared away at the
// next look if it still has no mapping then: a Create that stored its mapping meanwhile sees that, and gives up.
func (h *host) clearRow(ctx context.Context, key string, old mapping.Definition) error {
	store := h.r.cfg.Definitions
	if uuid, ok := strings.CutPrefix(key, forgetKey); ok {
		if err := store.Forget(ctx, uuid); err != nil {
			return err
		}
		h.r.log.Info("what a deleted mapping stored is cleared away", "uuid", uuid)
	}
	if strings.HasPrefix(key, nameKey) {
		var c nameContent
		_ = json.Unmarshal(old.Data, &c)
		if !c.Condemned {
			c.Condemned = true
			return store.PutDefinition(ctx, row(key, c), old.Version)
		}
	}
	return store.DeleteDefinition(ctx, key, old.Version)
}

// stop stops all mappings, and returns what they returned.
func (h *host) stop() error {
	h.r.log.Info("registry stops", "mappings", len(h.hosted))
	var errs []error
	for _, uuid := range slices.Sorted(maps.Keys(h.hosted)) {
		m := h.hosted[uuid]
		m.stop()
		<-m.done
		errs = append(errs, m.err)
	}
	h.wg.Wait()
	h.r.log.Info("registry stopped")
	return errors.Join(errs...)
}
