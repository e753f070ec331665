package transcript

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/shardmill/shardmill/invoke"
)

// Watched is a function with a count of its invocations. After each one the Ledger reads the function's output.
type Watched struct {
	invoke.Invoker
	ledger      *Ledger
	invocations atomic.Int64
	now, most   atomic.Int64
}

// Watch returns the function of inv as a Watched.
func (l *Ledger) Watch(inv invoke.Invoker) *Watched { return &Watched{Invoker: inv, ledger: l} }

// Invoke implements invoke.Invoker.
func (w *Watched) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	w.invocations.Add(1)
	for now := w.now.Add(1); ; {
		if most := w.most.Load(); now <= most || w.most.CompareAndSwap(most, now) {
			break
		}
	}
	defer w.now.Add(-1)
	result, err := w.Invoker.Invoke(ctx, in)
	return result, errors.Join(err, w.ledger.Read())
}

// Invocations returns how many invocations there were.
func (w *Watched) Invocations() int64 { return w.invocations.Load() }

// Most returns the largest number of concurrent invocations.
func (w *Watched) Most() int64 { return w.most.Load() }
