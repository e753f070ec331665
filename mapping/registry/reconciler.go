package registry

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// reconciler is one Run of a Registry. Its run method is the goroutine that owns it.
type reconciler struct {
	registry   *Registry
	ctx        context.Context // of Run
	instances  map[string]*instance
	since      map[string]time.Time // when a state, or an unused row, was first seen
	reportedAt map[string]time.Time // when a result was stored last
	late       map[string]*instance // those that have ended, and whose results must still be stored
	bad        map[string]bool      // unreadable rows that were logged
	known      bool                 // the definitions have been read
	down       bool                 // they are unreadable, which was logged
	ended      chan struct{}        // a mapping has ended completely
	wg         sync.WaitGroup       // goroutines that run mappings, and that forget
	soon       *time.Timer          // a state may settle before the next tick

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
		r.running, r.instances, r.late = false, nil, nil
		r.mu.Unlock()
	}()
	rc := &reconciler{
		registry: r, ctx: ctx, instances: map[string]*instance{}, since: map[string]time.Time{}, bad: map[string]bool{},
		reportedAt: map[string]time.Time{}, late: map[string]*instance{},
		ended: make(chan struct{}), soon: time.NewTimer(settleTime), failing: map[failure]bool{},
		orphans: map[string]bool{}, forgets: map[string]*forgetting{}, forgot: make(chan *forgetting),
	}
	return rc.run() //nolint:contextcheck // reconciler holds ctx: it is the life of one call
}

func (rc *reconciler) run() error {
	rc.registry.log.Info("registry runs")
	tick := time.NewTicker(rc.registry.cfg.PollInterval)
	defer tick.Stop()
	defer rc.soon.Stop()
	for {
		rc.look()
		select {
		case <-tick.C:
		case <-rc.soon.C:
		case <-rc.registry.kick:
		case <-rc.ended:
		case f := <-rc.forgot:
			rc.forgotten(f, time.Now())
		case <-rc.ctx.Done():
			return rc.stop()
		}
	}
}

// look reads the definitions, and acts on them.
func (rc *reconciler) look() {
	now := time.Now()
	s, err := rc.registry.view.refresh(rc.ctx, now, false)
	if err != nil {
		if !rc.down && rc.ctx.Err() == nil {
			rc.registry.log.Error("the definitions can't be read: what runs goes on as it is", "error", err)
		}
		rc.down = true
		if rc.known {
			rc.reconcile(&s) // a mapping that has drained for a change is started
		}
		return
	}
	rc.known = true
	if rc.down {
		rc.down = false
		rc.registry.log.Info("the definitions are read again")
	}
	rc.reconcile(&s)
	rc.looked = time.Now()
	rc.settle(&s, now)
	rc.reportResults(&s, now)
	rc.removeUnused(&s, now)
}

// reconcile starts and stops mappings, so that the running ones match the definitions. A changed one is first stopped,
// and started again when it has ended completely.
func (rc *reconciler) reconcile(s *snapshot) {
	if rc.ctx.Err() != nil {
		return // stop must know all running mappings
	}
	for uuid, m := range rc.instances {
		d, ok := s.definitions[uuid]
		switch {
		case isClosed(m.done):
			delete(rc.instances, uuid)
			rc.keepResult(uuid, m)
			if !ok && s.unreadable[uuid] == nil {
				rc.orphans[uuid] = true
			}
		case !ok && s.unreadable[uuid] != nil: // its definition is not known
		case !ok || !d.runs() || d.shape != m.fingerprint:
			m.stop()
		}
	}
	for uuid, d := range s.definitions {
		if rc.instances[uuid] == nil && d.runs() {
			rc.instances[uuid] = rc.start(&d.definition)
		}
	}
	for uuid, err := range s.unreadable {
		if !rc.bad[uuid] {
			rc.bad[uuid] = true
			rc.registry.log.Error("a definition can't be read: its mapping stays as it is", "uuid", uuid, "error", err)
		}
	}
	rc.registry.mu.Lock()
	defer rc.registry.mu.Unlock()
	rc.registry.instances, rc.registry.late = maps.Clone(rc.instances), maps.Clone(rc.late)
}

// start runs a mapping until its stop is called, and reports when it has ended completely.
func (rc *reconciler) start(d *definition) *instance {
	m, ctx := rc.registry.newInstance(rc.ctx, d)
	rc.wg.Go(func() {
		defer m.stop()
		func() {
			defer close(m.done) // whatever a resolver does to its goroutine
			m.run(ctx, rc.registry)
		}()
		select {
		case rc.ended <- struct{}{}:
		case <-rc.ctx.Done(): // stop waits for it
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
func (rc *reconciler) stop() error {
	rc.registry.log.Info("registry stops", "mappings", len(rc.instances))
	var errs []error
	for _, uuid := range slices.Sorted(maps.Keys(rc.instances)) {
		m := rc.instances[uuid]
		m.stop()
		<-m.done
		errs = append(errs, m.err)
	}
	rc.wg.Wait()
	rc.reportLast()
	rc.registry.log.Info("registry stopped")
	return errors.Join(errs...)
}
