package mapping

import (
	"context"
	"sync"
	"time"
)

// beside makes the calls that must not block the run's goroutine, each in its own goroutine, and passes their results
// to the run's goroutine.
type beside struct {
	ctx     context.Context // when done, results are dropped
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	results chan func(now time.Time) // for the run's goroutine to call
}

func newBeside(ctx context.Context) *beside {
	b := &beside{results: make(chan func(time.Time))}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return b
}

// call makes a call, and passes its result to report, which may be nil.
func (b *beside) call(timeout time.Duration, do func(context.Context) error, report func(now time.Time, err error)) {
	b.wg.Go(func() {
		ctx, cancel := context.WithTimeout(b.ctx, timeout)
		defer cancel()
		err := do(ctx)
		if report != nil {
			b.report(func(now time.Time) { report(now, err) })
		}
	})
}

// report makes the run's goroutine call a function, unless it does not wait for results any more.
func (b *beside) report(result func(now time.Time)) {
	select {
	case b.results <- result:
	case <-b.ctx.Done():
	}
}
