package registry

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// host is one Run of a Registry. Its run method is the goroutine that owns it.
type host struct {
	r      *Registry
	ctx    context.Context // of Run
	hosted map[string]*hosted
	since  map[string]time.Time // when a state, or an unused row, was first seen
	told   map[string]time.Time // when a result was stored last
	late   map[string]*hosted   // those that have ended, and whose results must still be stored
	bad    map[string]bool      // unreadable rows that were logged
	known  bool                 // the definitions have been read
	down   bool                 // they are unreadable, which was logged
	ended  chan struct{}        // a mapping has ended completely
	wg     sync.WaitGroup       // goroutines that run mappings, and that forget
	soon   *time.Timer          // a state may settle before the next tick

	looked  time.Time        // when the current look began to write
	failing map[failure]bool // failed writes that were logged

	orphans    map[string]bool        // mappings that ran here after they were deleted: to be forgotten, perhaps again
	forgets    map[string]*forgetting // by UUID: mappings whose stored state must be forgotten
	forgetting int                    // those that are busy
	forgot     chan *forgetting
}

// Run runs the enabled mappings, and applies changes by this and other processes, until ctx is cancelled. Then it stops
// them as mapping.Run does, and returns when they have ended completely: nil after a clean stop, else the errors of the
// mappings.
//
// It begins when the definitions are readable; while they are not, running mappings continue.
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
		r.running, r.hosted, r.late = false, nil, nil
		r.mu.Unlock()
	}()
	h := &host{
		r: r, ctx: ctx, hosted: map[string]*hosted{}, since: map[string]time.Time{}, bad: map[string]bool{},
		told: map[string]time.Time{}, late: map[string]*hosted{},
		ended: make(chan struct{}), soon: time.NewTimer(settleTime), failing: map[failure]bool{},
		orphans: map[string]bool{}, forgets: map[string]*forgetting{}, forgot: make(chan *forgetting),
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
		case f := <-h.forgot:
			h.forgotten(f, time.Now())
		case <-h.ctx.Done():
			return h.stop()
		}
	}
}

// look reads the definitions, and acts on them.
func (h *host) look() {
	now := time.Now()
	s, err := h.r.view.refresh(h.ctx, now, false)
	if err != nil {
		if !h.down && h.ctx.Err() == nil {
			h.r.log.Error("the definitions can't be read: what runs goes on as it is", "error", err)
		}
		h.down = true
		if h.known {
			h.reconcile(&s) // a mapping that has drained for a change is started
		}
		return
	}
	h.known = true
	if h.down {
		h.down = false
		h.r.log.Info("the definitions are read again")
	}
	h.reconcile(&s)
	h.looked = time.Now()
	h.settle(&s, now)
	h.tell(&s, now)
	h.clear(&s, now)
}

// reconcile starts and stops mappings, so that the running ones match the definitions. A changed one is first stopped,
// and started again when it has ended completely.
func (h *host) reconcile(s *snapshot) {
	if h.ctx.Err() != nil {
		return // stop must know all running mappings
	}
	for uuid, m := range h.hosted {
		d, ok := s.definitions[uuid]
		switch {
		case isClosed(m.done):
			delete(h.hosted, uuid)
			h.keepResult(uuid, m)
			if !ok && s.unreadable[uuid] == nil {
				h.orphans[uuid] = true
			}
		case !ok && s.unreadable[uuid] != nil: // its definition is not known
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
	h.r.hosted, h.r.late = maps.Clone(h.hosted), maps.Clone(h.late)
}

// start runs a mapping until its stop is called, and reports when it has ended completely.
func (h *host) start(d *definition) *hosted {
	m, ctx := h.r.newHosted(h.ctx, d)
	h.wg.Go(func() {
		defer m.stop()
		func() {
			defer close(m.done) // whatever a resolver does to its goroutine
			m.run(ctx, h.r)
		}()
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

// stop stops all mappings, and returns their errors.
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
	h.tellLast()
	h.r.log.Info("registry stopped")
	return errors.Join(errs...)
}
