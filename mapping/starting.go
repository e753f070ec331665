package mapping

import (
	"context"
	"sync"
	"time"
)

// Remote is an optional interface of a Store, and of a poller.Source, that calls a service. The log names the host when a start
// has to wait for it.
type Remote interface {
	// Host returns the name of the host that is called, with its port where that is not the default one; empty where it is not
	// known. It calls nothing.
	Host() string
}

// hostOf returns the host of a Remote, empty for what is none.
func hostOf(v any) string {
	if r, ok := v.(Remote); ok {
		return r.Host()
	}
	return ""
}

// starting is what the start of a mapping waits for. Any goroutine may use it.
type starting struct {
	mu   sync.Mutex
	what string // is tried
	host string // that is called for it; empty where it is not known

	failing string // what was tried when the last attempt failed
	err     error  // of it, nil before one failed
}

// try takes note of what is tried next.
func (s *starting) try(what, host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.what, s.host = what, host
}

// failed takes note of why an attempt to start failed.
func (s *starting) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing, s.err = s.what, err
}

// attributes returns what a log line says of it.
func (s *starting) attributes() []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := []any{"waitsFor", s.what}
	if s.host != "" {
		a = append(a, "host", s.host)
	}
	if s.err != nil {
		a = append(a, "failed", s.failing, "lastError", message(s.err))
	}
	return a
}

// tryLatest takes note of what is tried with the store, where the start of LATEST matters.
func (r *run) tryLatest(what string) {
	if r.m.cfg.StartingPosition == Latest {
		r.starting.try(what, r.m.storeHost)
	}
}

// watchStart logs what the start waits for, while it takes long. It returns a function that ends this, once the goroutine that
// does it has ended, and returns the reminder.
func (r *run) watchStart() (end func() reminder) {
	ctx, cancel := context.WithCancel(r.soft)
	watch := remindAfter(time.Now(), slowStart)
	var wg sync.WaitGroup
	wg.Go(func() {
		for sleep(ctx, time.Until(watch.next)) {
			if now := time.Now(); watch.due(now) {
				r.m.log.With(watch.times(now)...).Warn("the mapping has not started yet", r.starting.attributes()...)
			}
		}
	})
	return func() reminder {
		cancel()
		wg.Wait()
		return watch
	}
}
