// Package callback calls user code so that it cannot end its caller.
//
// The rule, for every callback of a mapping except the function, which package invoke guards: a callback that panics,
// or that ends its goroutine by runtime.Goexit (as t.FailNow and require do), has failed. If it can return an error,
// that is the error; otherwise it counts as having returned. Either way it is logged with its stack.
package callback

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// Error is the error of a callback that did not return.
type Error struct {
	Name   string // such as "Store.Acquire"
	Value  any    // of its panic
	Goexit bool   // it called runtime.Goexit; there is no Value
}

// Error names the callback, and what it did.
func (e *Error) Error() string {
	if e.Goexit {
		return e.Name + " called runtime.Goexit"
	}
	return fmt.Sprintf("%s panicked: %v", e.Name, e.Value)
}

// Guard calls callbacks. It is safe for concurrent use.
type Guard struct {
	Log *slog.Logger // gets a line for each callback that did not return
}

// Do calls f in a goroutine of its own, waits for it, and returns an *Error if f did not return.
func (g Guard) Do(name string, f func()) error {
	err := &Error{Name: name, Goexit: true}
	var stack []byte
	var ended sync.WaitGroup
	ended.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				err, stack = &Error{Name: name, Value: v}, debug.Stack()
			}
		}()
		f()
		err = nil
	})
	ended.Wait()
	if err == nil {
		return nil
	}
	g.Report(err, stack)
	return err
}

// Here calls f in the caller's goroutine and returns its panic as an *Error. If f calls runtime.Goexit, the caller ends.
func (g Guard) Here(name string, f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			e := &Error{Name: name, Value: v}
			g.Report(e, debug.Stack())
			err = e
		}
	}()
	f()
	return nil
}

// Report logs a callback that did not return.
func (g Guard) Report(err *Error, stack []byte) {
	if g.Log != nil {
		g.Log.Error("a callback did not return", "callback", err.Name, "error", err, "stack", string(stack))
	}
}
