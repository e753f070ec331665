package registry

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/role"
)

// hosted is a mapping that runs in this process. Its goroutine, which start starts, owns its Run.
type hosted struct {
	definition  definition
	fingerprint string
	stop        context.CancelFunc
	done        chan struct{} // closed when nothing of it runs any more
	log         *slog.Logger

	mu      sync.Mutex
	m       *mapping.Mapping // nil until it could be made
	problem string           // why it does not run
	told    string           // the result that was stored last, as far as this process knows
	err     error            // how it ended
}

// restartPause is the least time between two attempts to run a mapping that ended by itself; it doubles up to maxPause.
const (
	restartPause    = time.Second
	maxRestartPause = time.Minute
)

// start runs a mapping until its stop is called.
func (r *Registry) start(ctx context.Context, d *definition) *hosted {
	h := &hosted{
		definition: d.clone(), fingerprint: d.fingerprint(), done: make(chan struct{}), told: resultNone,
		log: r.log.With("uuid", d.UUID),
	}
	ctx, h.stop = context.WithCancel(ctx)
	go func() {
		defer close(h.done)
		defer h.stop()
		h.run(ctx, r)
	}()
	return h
}

// run makes the mapping and runs it. A mapping is never disabled by itself: what ends it is told in its result, and it is
// tried again.
func (h *hosted) run(ctx context.Context, r *Registry) {
	for wait := restartPause; ctx.Err() == nil; wait = min(2*wait, maxRestartPause) {
		began := time.Now()
		err := h.once(ctx, r)
		if ctx.Err() != nil || err == nil {
			h.end(err)
			return
		}
		h.fail(err)
		h.log.Error("the mapping does not run, will be tried again", "error", err)
		if time.Since(began) > maxRestartPause {
			wait = restartPause
		}
		if pause(ctx, wait) != nil {
			return
		}
	}
}

// once makes the mapping and runs it once.
func (h *hosted) once(ctx context.Context, r *Registry) error {
	f, err := r.function(ctx, &h.definition)
	if err != nil {
		return err
	}
	m, err := mapping.New(r.config(&h.definition, f))
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.m, h.problem = m, ""
	h.mu.Unlock()
	return m.Run(ctx)
}

func (h *hosted) end(err error) {
	if err != nil {
		h.log.Warn("the mapping did not stop cleanly", "error", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func (h *hosted) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problem = problemOf(err)
}

// status tells where the mapping stands.
func (h *hosted) status() mapping.Status {
	h.mu.Lock()
	m, problem := h.m, h.problem
	h.mu.Unlock()
	if m == nil {
		return mapping.Status{UUID: h.definition.UUID, LastProcessingResult: cmp.Or(problem, resultNone), Problem: problem}
	}
	s := m.Status()
	if problem != "" {
		s.LastProcessingResult, s.Problem = problem, problem
	}
	return s
}

// news returns the mapping's result, and whether it is another one than this process has told of.
func (h *hosted) news() (string, bool) {
	s := h.status()
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.LastProcessingResult, s.LastProcessingResult != h.told
}

// problemOf is the result of a mapping that an error keeps from running: the text of who refused, where there is one.
func problemOf(err error) string {
	text := strings.TrimPrefix(err.Error(), "mapping: ")
	if e, ok := errors.AsType[*role.AccessError](err); ok {
		text = e.Message
	} else if e, ok := errors.AsType[smithy.APIError](err); ok {
		text = cmp.Or(e.ErrorMessage(), e.ErrorCode())
	}
	return "PROBLEM: " + text
}

// tell takes note that a result was stored.
func (h *hosted) tell(result string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = result
}
