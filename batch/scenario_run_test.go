package batch_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// flight is an invocation or a discard that was not reported yet.
type flight struct {
	action  batch.Action
	decided bool
	ends    time.Time
	outcome batch.Outcome
}

func (f *flight) id() batch.ID {
	switch a := f.action.(type) {
	case *batch.Invoke:
		return a.ID
	case *batch.Discard:
		return a.ID
	}
	return 0
}

// land forgets what was under way under an id.
func (w *world) land(id batch.ID) {
	w.flight = slices.DeleteFunc(w.flight, func(f flight) bool { return f.id() == id })
}

// runLimit is how many actions a run may lead to where it says no other limit.
const runLimit = 1000

// runOptions are what stands behind run.
type runOptions struct {
	until   time.Time // zero: until nothing is left
	limit   int
	reports bool
}

func (w *world) parseRun(c *cursor) (runOptions, error) {
	o := runOptions{limit: runLimit}
	for !c.done() {
		name, err := c.word("until, for, limit or reports")
		if err != nil {
			return o, err
		}
		var d time.Duration
		switch name {
		case "reports":
			o.reports = true
		case "limit":
			o.limit, err = counted(c, name)
		case "until":
			d, err = timed(c, name, parseElapsed)
			o.until = w.start.Add(d)
		case "for":
			d, err = timed(c, name, parseElapsed)
			o.until = w.now.Add(d)
		default:
			err = fmt.Errorf("unknown option %q; known are until, for, limit, reports", name)
		}
		if err != nil {
			return o, err
		}
	}
	if !o.until.IsZero() && o.until.Before(w.now) {
		return o, fmt.Errorf("until=%s is over: it is %s", w.elapsed(o.until), w.elapsed(w.now))
	}
	return o, nil
}

// run does what Next says, with the scripted function and destination, and lets time pass, until nothing is left to do.
func (w *world) run(c *cursor) error {
	o, err := w.parseRun(c)
	if err != nil {
		return err
	}
	for done := 0; done < o.limit; {
		done += w.act()
		w.decide()
		f := w.nextFlight()
		at, ok := w.s.Wake(w.now)
		if f != nil && (!ok || !at.Before(f.ends)) {
			at, ok = f.ends, true
		} else {
			f = nil
		}
		if !ok || !o.until.IsZero() && at.After(o.until) {
			if !o.until.IsZero() {
				w.now = o.until
			}
			return nil
		}
		if at.After(w.now) {
			w.now = at
		}
		if f == nil {
			done++ // so that a Wake that leads to nothing comes to an end
			continue
		}
		id, outcome := f.id(), f.outcome
		w.land(id)
		v := w.s.Report(w.now, id, outcome)
		if o.reports {
			w.printf("report id=%d %s", id, dispositionLine(v))
		}
	}
	w.printf("(run stopped at its limit of %d actions)", o.limit)
	return nil
}

// decide gives each invocation and discard that just began its outcome and its end.
func (w *world) decide() {
	for i := range w.flight {
		f := &w.flight[i]
		if f.decided {
			continue
		}
		f.decided = true
		switch a := f.action.(type) {
		case *batch.Invoke:
			f.outcome, f.ends = w.function.decide(a), w.now.Add(w.function.takes)
		case *batch.Discard:
			f.outcome, f.ends = w.destination.decide(), w.now.Add(w.destination.takes)
		}
	}
}

// nextFlight returns the one that ends first; of several the one that began first.
func (w *world) nextFlight() *flight {
	var first *flight
	for i := range w.flight {
		if f := &w.flight[i]; first == nil || f.ends.Before(first.ends) {
			first = f
		}
	}
	return first
}
