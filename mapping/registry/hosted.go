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

// hosted is a mapping that runs in this process. Its goroutine, which the host starts, owns its Run.
type hosted struct {
	definition  definition
	fingerprint string
	stop        context.CancelFunc
	done        chan struct{} // closed when it has ended completely
	log         *slog.Logger

	mu      sync.Mutex
	m       *mapping.Mapping // nil until it could be created
	problem string           // why it did not run, until it does
	tried   time.Time        // when it was run last
	told    string           // the result that this process stored last
	counted int64            // the invocations that had ended then
	err     error            // how it ended
}

// restartPause is the least time between two attempts to run a mapping that ended by itself; it doubles up to
// maxRestartPause.
const (
	restartPause    = time.Second
	maxRestartPause = time.Minute
)

// newHosted returns a mapping that is ready to run, and the ctx of its run, which its stop ends.
func (r *Registry) newHosted(ctx context.Context, d *definition) (*hosted, context.Context) {
	h := &hosted{
		definition: d.clone(), fingerprint: d.fingerprint(), done: make(chan struct{}), told: resultNone,
		log: r.log.With("uuid", d.UUID),
	}
	ctx, h.stop = context.WithCancel(ctx)
	return h, ctx
}

// run creates the mapping and runs it, until ctx ends. A mapping is never disabled by itself: its result says why it
// ended, and it is retried.
func (h *hosted) run(ctx context.Context, r *Registry) {
	for wait := restartPause; ctx.Err() == nil; wait = min(2*wait, maxRestartPause) {
		began := time.Now()
		err := h.once(ctx, r)
		if ctx.Err() != nil || err == nil {
			h.end(err)
			return
		}
		h.fail(err)
		h.log.Error("the mapping does not run, retrying", "error", err)
		if time.Since(began) > maxRestartPause {
			wait = restartPause
		}
		if pause(ctx, wait) != nil {
			return
		}
	}
}

// once creates the mapping and runs it once.
func (h *hosted) once(ctx context.Context, r *Registry) error {
	f, err := r.functionInTime(ctx, &h.definition)
	if err != nil {
		return err
	}
	m, err := mapping.New(r.config(&h.definition, f))
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.m, h.tried = m, time.Now()
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

// status returns the state of the mapping. The reason why it did not run stays until it is known to run.
func (h *hosted) status() mapping.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil {
		return mapping.Status{UUID: h.definition.UUID, LastProcessingResult: cmp.Or(h.problem, resultNone), Problem: h.problem}
	}
	s := h.m.Status()
	if s.Running && (len(s.Shards) > 0 || s.LastProcessingResult != resultNone || time.Since(h.tried) > maxRestartPause) {
		h.problem = ""
	}
	if h.problem != "" {
		s.LastProcessingResult, s.Problem = h.problem, h.problem
	}
	return s
}

// report is a mapping's result.
type report struct {
	result string
	news   bool  // it differs from the last one of this process
	worked bool  // there were invocations since
	count  int64 // of invocations
}

func (h *hosted) report() report {
	s := h.status()
	h.mu.Lock()
	defer h.mu.Unlock()
	return report{
		result: s.LastProcessingResult, news: s.LastProcessingResult != h.told,
		worked: s.Counts.Invocations != h.counted, count: s.Counts.Invocations,
	}
}

// problemOf is the result of a mapping that an error prevents from running: the text of the refusing service, if there
// is one.
func problemOf(err error) string {
	text := strings.TrimPrefix(err.Error(), "mapping: ")
	if e, ok := errors.AsType[*role.AccessError](err); ok {
		text = e.Message
	} else if e, ok := errors.AsType[smithy.APIError](err); ok {
		text = cmp.Or(e.ErrorMessage(), e.ErrorCode())
	}
	return "PROBLEM: " + text
}

// tell records that a result was stored, or that there is a newer one.
func (h *hosted) tell(r report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told, h.counted = r.result, r.count
}
