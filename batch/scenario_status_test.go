package batch_test

import (
	"fmt"

	"github.com/shardmill/shardmill/batch"
)

func (w *world) wake(*cursor) error {
	switch at, ok := w.s.Wake(w.now); {
	case !ok:
		w.printf("wake never")
	case at.After(w.now):
		w.printf("wake %s", w.elapsed(at))
	default:
		w.printf("wake now")
	}
	return nil
}

func (w *world) status(*cursor) error {
	records, bytes := w.s.Held()
	w.printf("status frontier=%s read=%s held=%d bytes=%d ended=%t", w.s.Frontier(), w.s.Read(), records, bytes, w.s.Ended())
	return nil
}

func (w *world) room(*cursor) error {
	w.printf("room %d", w.s.Room())
	return nil
}

// hurry lets batching windows no longer count, or count again.
func (w *world) hurry(c *cursor) error {
	if c.accept("off") {
		w.s.Hurry(false)
		return nil
	}
	w.s.Hurry(true)
	return nil
}

func (w *world) stop(*cursor) error {
	w.s.Stop()
	return nil
}

func (w *world) lanes(*cursor) error {
	for _, l := range w.s.Lanes(nil) {
		w.printf("%s", w.laneLine(l))
	}
	return nil
}

// laneLine prints the state of a lane, and of its fields those that are not zero.
func (w *world) laneLine(l batch.LaneStatus) string {
	s := fmt.Sprintf("lane=%d %s", l.Lane, l.State)
	for _, f := range []struct {
		name  string
		value int
	}{{"id", int(l.ID)}, {"attempt", l.Attempt}, {"failures", l.Failures}, {"records", l.Records}, {"buffered", l.Buffered}} {
		if f.value != 0 {
			s += fmt.Sprintf(" %s=%d", f.name, f.value)
		}
	}
	if l.Cause != batch.None {
		s += fmt.Sprintf(" cause=%s", l.Cause)
	}
	if !l.First.IsZero() {
		s += fmt.Sprintf(" first=%s", l.First)
	}
	if !l.Since.IsZero() {
		s += fmt.Sprintf(" since=%s", w.elapsed(l.Since))
	}
	if !l.Until.IsZero() {
		s += fmt.Sprintf(" until=%s", w.elapsed(l.Until))
	}
	return s
}

func (w *world) laneOf(c *cursor) error {
	if c.done() {
		return fmt.Errorf("a key is missing")
	}
	for !c.done() {
		key, err := c.word("a key")
		if err != nil {
			return err
		}
		w.printf("laneof %s=%d", key, batch.LaneOf(&batch.Record{PartitionKey: key}, w.factor()))
	}
	return nil
}

func (w *world) factor() int { return max(1, w.policy.ParallelizationFactor) }

// restart begins again from a commit, as after a crash: the newest, or that of the given version.
func (w *world) restart(c *cursor) error {
	p := w.policy
	resume := w.resumed
	if n := len(w.commits); n > 0 {
		resume = *w.commits[n-1]
	}
	for !c.done() {
		name, err := c.word("commit, position, window, state or a policy field")
		if err != nil {
			return err
		}
		switch {
		case policyFields[name] != nil:
			err = setField(c, name, &p)
		case name == "window" || name == "state":
			resume.Window, err = w.resumeWindow(c, name, resume.Window)
		default:
			resume, err = w.resumeFrom(c, name)
		}
		if err != nil {
			return err
		}
	}
	if resume.Window != nil && resume.Window.Start.IsZero() {
		return fmt.Errorf("state= needs a window: window=0s/10s")
	}
	next, err := batch.New(p, resume)
	if err != nil {
		return err
	}
	w.s, w.policy, w.resumed, w.commits, w.flight = next, p, resume, nil, nil
	w.s.SetSourceTime(w.now, w.sourceNow())
	if resume.Window == nil {
		w.printf("restart position=%s", resume.Position)
	} else {
		w.printf("restart position=%s %s", resume.Position, w.windowLine(resume.Window))
	}
	return nil
}

// resumeFrom reads what restart resumes from.
func (w *world) resumeFrom(c *cursor, name string) (batch.Commit, error) {
	if name != "position" && name != "commit" {
		return batch.Commit{}, fmt.Errorf("unknown attribute %q; known are commit, position, window, state and the fields of a policy", name)
	}
	value, err := c.value(name)
	if err != nil {
		return batch.Commit{}, err
	}
	if name == "position" {
		p, err := parsePosition(value)
		return batch.Commit{Position: p}, err
	}
	version, err := parseCount(name, value)
	if err != nil || version == 0 {
		return batch.Commit{}, err
	}
	for _, commit := range w.commits {
		if commit.Version == uint64(version) {
			return *commit, nil
		}
	}
	return batch.Commit{}, fmt.Errorf("there was no commit with version %d", version)
}
