package mapping

import (
	"context"
	"sync"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// hostOf returns the host of a Remote, empty for other values.
func hostOf(v any) string {
	if r, ok := v.(driver.Remote); ok {
		return r.Host()
	}
	return ""
}

// starting is what the start of a mapping is waiting for. It is safe for concurrent use.
type starting struct {
	mu   sync.Mutex
	what string // the current step
	host string // the called host; empty if it is not known

	failing string // the step of the last failed attempt
	err     error  // its error, nil before the first
}

// try records the next step.
func (s *starting) try(what, host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.what, s.host = what, host
}

// failed records why an attempt to start failed.
func (s *starting) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing, s.err = s.what, err
}

// attributes returns the attributes for a log line.
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

// tryLatest records the next step with the store, if the start of LATEST matters.
func (r *run) tryLatest(what string) {
	if r.m.cfg.StartingPosition == Latest {
		r.starting.try(what, r.m.storeHost)
	}
}

// watchStart logs what the start is waiting for, while it takes long. It returns a function that ends this, once its
// goroutine has ended, and returns the reminder.
func (r *run) watchStart() (end func() reminder) {
	ctx, cancel := context.WithCancel(r.stopCtx)
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
