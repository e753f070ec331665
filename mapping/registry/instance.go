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

// instance is a mapping that runs in this process. Its goroutine, which the reconciler starts, owns its Run.
type instance struct {
	definition  definition
	fingerprint string
	stop        context.CancelFunc
	done        chan struct{} // closed when it has ended completely
	log         *slog.Logger

	mu       sync.Mutex
	m        *mapping.Mapping // nil until it could be created
	problem  string           // why it did not run, until it does
	tried    time.Time        // when it was run last
	reported string           // the result that this process stored last
	counted  int64            // the invocations that had ended then
	err      error            // how it ended
}

// restartPause is the least time between two attempts to run a mapping that ended by itself; it doubles up to
// maxRestartPause.
const (
	restartPause    = time.Second
	maxRestartPause = time.Minute
)

// newInstance returns a mapping that is ready to run, and the ctx of its run, which its stop ends.
func (r *Registry) newInstance(ctx context.Context, d *definition) (*instance, context.Context) {
	i := &instance{
		definition: d.clone(), fingerprint: d.fingerprint(), done: make(chan struct{}), reported: resultNone,
		log: r.log.With("uuid", d.UUID),
	}
	ctx, i.stop = context.WithCancel(ctx)
	return i, ctx
}

// run creates the mapping and runs it, until ctx ends. A mapping is never disabled by itself: its result says why it
// ended, and it is retried.
func (i *instance) run(ctx context.Context, r *Registry) {
	for wait := restartPause; ctx.Err() == nil; wait = min(2*wait, maxRestartPause) {
		began := time.Now()
		err := i.once(ctx, r)
		if ctx.Err() != nil || err == nil {
			i.end(err)
			return
		}
		i.fail(err)
		i.log.Error("the mapping does not run, retrying", "error", err)
		if time.Since(began) > maxRestartPause {
			wait = restartPause
		}
		if pause(ctx, wait) != nil {
			return
		}
	}
}

// once creates the mapping and runs it once.
func (i *instance) once(ctx context.Context, r *Registry) error {
	f, err := r.functionInTime(ctx, &i.definition)
	if err != nil {
		return err
	}
	m, err := mapping.New(r.config(&i.definition, f))
	if err != nil {
		return err
	}
	i.mu.Lock()
	i.m, i.tried = m, time.Now()
	i.mu.Unlock()
	return m.Run(ctx)
}

func (i *instance) end(err error) {
	if err != nil {
		i.log.Warn("the mapping did not stop cleanly", "error", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err = err
}

func (i *instance) fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.problem = problemOf(err)
}

// status returns the state of the mapping. The reason why it did not run stays until it is known to run.
func (i *instance) status() mapping.Status {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.m == nil {
		return mapping.Status{UUID: i.definition.UUID, LastProcessingResult: cmp.Or(i.problem, resultNone), Problem: i.problem}
	}
	s := i.m.Status()
	if s.Running && (len(s.Shards) > 0 || s.LastProcessingResult != resultNone || time.Since(i.tried) > maxRestartPause) {
		i.problem = ""
	}
	if i.problem != "" {
		s.LastProcessingResult, s.Problem = i.problem, i.problem
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

func (i *instance) report() report {
	s := i.status()
	i.mu.Lock()
	defer i.mu.Unlock()
	return report{
		result: s.LastProcessingResult, news: s.LastProcessingResult != i.reported,
		worked: s.Counts.Invocations != i.counted, count: s.Counts.Invocations,
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

// setReported records that a result was stored, or that there is a newer one.
func (i *instance) setReported(r report) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reported, i.counted = r.result, r.count
}
