package batch

import (
	"math/rand/v2"
	"time"
)

// Scheduler decides what happens next to the records of one shard: when a batch is cut, what is retried, bisected or
// discarded, and how far the shard may be checkpointed. It holds no clock and starts nothing. Its caller reports events
// with their time (Offer, Report); the Scheduler returns what to do (Next) and when to call again (Wake).
//
// A Scheduler is used by one goroutine. Time never runs backwards: each now is at or after the previous one. The times
// of records are by the source's clock, which may differ: see SetSourceTime.
type Scheduler struct {
	policy   Policy
	rng      *rand.Rand // nil: no jitter
	lanes    []lane
	frontier frontier
	windows  windows
	clock    clock
	stall    stall
	read     Position // after the last offered record
	lastID   ID

	caughtUp     time.Time // the time up to which the source was read to its tip, on its own clock
	resolvedUpTo time.Time // as in Commit
	committedTo  time.Time // ... and what the last Commit had

	ended   bool // the last page was offered
	stopped bool // no new action may start
	hurried bool // batching windows are ignored
	moved   bool // the frontier moved, or the end was reached, since the last Commit
	version uint64

	actions []Action // the result of Next, reused
	beside  *Commit  // memory for the Commit of this Next, allocated with its first Invoke
}

// New returns the Scheduler of a shard that resumes after resume, its last Commit. The zero Commit is for a shard
// without a checkpoint. The error names all fields of p that are out of bounds.
func New(p Policy, resume Commit) (*Scheduler, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p = p.withDefaults()
	s := &Scheduler{policy: p, lanes: make([]lane, p.ParallelizationFactor), read: resume.Position, ended: resume.End}
	s.frontier.position = resume.Position
	s.resolvedUpTo, s.committedTo = resume.ResolvedUpTo, resume.ResolvedUpTo
	s.windows.size, s.windows.grace = p.TumblingWindow, p.TumblingWindowGrace
	s.windows.resume(&resume)
	if p.Seed != 0 {
		s.rng = rand.New(rand.NewPCG(p.Seed, p.Seed))
	}
	return s, nil
}

// Next returns the actions that are due now, in order, each action once. The slice is valid until the next call; the
// actions are valid for as long as they are referenced.
func (s *Scheduler) Next(now time.Time) []Action {
	clear(s.actions)
	s.actions = s.actions[:0]
	if !s.stopped {
		for i := range s.lanes {
			s.step(now, i)
		}
	}
	if s.moved {
		s.commit()
	}
	return s.actions
}

// commit appends the Commit of the frontier.
func (s *Scheduler) commit() {
	s.moved = false
	s.version++
	c := s.beside
	if c == nil {
		c = new(Commit)
	}
	*c = Commit{
		Version: s.version, Position: s.frontier.position, End: s.Ended(), ResolvedUpTo: s.resolvedUpTo,
		Window: s.windows.committed(), ClosedUpTo: s.windows.closed,
	}
	s.committedTo = s.resolvedUpTo
	s.actions, s.beside = append(s.actions, c), nil
}

// Hurry ends the batching windows of all lanes, and lets none begin, until it is called with false. It is for a caller
// that needs the memory of the records. Tumbling windows continue. Call it before Next.
func (s *Scheduler) Hurry(on bool) { s.hurried = on }

// Stop prevents new actions: from now on Next yields commits only. Running invocations are still reported.
func (s *Scheduler) Stop() { s.stopped = true }

// Ended reports whether the shard was read to its end and all of it is resolved.
// With tumbling windows, the last one is closed too.
func (s *Scheduler) Ended() bool {
	return s.ended && s.frontier.resolved == s.frontier.offered && s.windows.open == nil
}

// Room returns how many more bytes the Scheduler accepts. Nothing should be read while it is zero or less.
func (s *Scheduler) Room() int { return s.policy.BufferBytes - s.frontier.held }
