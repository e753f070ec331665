package batch

import "time"

// LaneState is what a lane does, or is waiting for.
type LaneState string

// The states of a lane.
const (
	Idle       LaneState = "idle"       // it has no record
	Gathering  LaneState = "gathering"  // for a full batch, or the end of the batching window
	Invoking   LaneState = "invoking"   // for the end of an invocation
	Retrying   LaneState = "retrying"   // for the time of the next attempt
	Discarding LaneState = "discarding" // for the end of a discard
)

// LaneStatus is the state of a lane.
type LaneStatus struct {
	Lane  int
	State LaneState
	Since time.Time `json:",omitzero"` // of the state; zero for an idle lane
	Until time.Time `json:",omitzero"` // of the next attempt or the window's end; zero in other states

	ID       ID          // of the batch in hand, 0 without one
	Attempt  int         // the invocations made under that ID
	Failures int         // failures in a row of the batch in hand
	Cause    OutcomeKind // the last of them
	Records  int         // in that batch
	Buffered int         // unresolved records of the lane that are not in that batch
	First    Position    // of the lane's first unresolved record; zero without one

	Final      bool // the batch in hand is the final invocation of a tumbling window: it has no records
	StateBytes int  // of the state of the tumbling window of the batch in hand; 0 without tumbling windows
}

// Lanes appends the status of each lane to dst and returns it.
func (s *Scheduler) Lanes(dst []LaneStatus) []LaneStatus {
	for i := range s.lanes {
		dst = append(dst, s.laneStatus(i))
	}
	return dst
}

func (s *Scheduler) laneStatus(i int) LaneStatus {
	l := &s.lanes[i]
	st := LaneStatus{Lane: i, State: Idle}
	h := l.head()
	if l.queue.len() == 0 && h == nil {
		return st
	}
	if l.queue.len() > 0 {
		st.First = PositionOf(l.queue.front().record())
	}
	if h == nil {
		st.State, st.Since, st.Until = Gathering, l.since, l.since.Add(s.policy.MaximumBatchingWindow)
		st.Buffered = l.buffered()
		return st
	}
	st.ID, st.Attempt, st.Failures, st.Cause = h.id, h.invoked, h.failures, h.cause
	st.Records, st.Since = h.records.Len(), h.since
	st.Buffered = l.queue.len() - h.records.Len()
	st.Final = h.final
	if s.windows.size > 0 {
		st.StateBytes = len(s.windows.state(h.window))
	}
	switch h.state {
	case running:
		st.State = Invoking
	case waiting:
		st.State, st.Until = Retrying, h.notBefore
	case discardPending, discarding:
		st.State = Discarding
	default: // ready: Next invokes it
		st.State = Invoking
	}
	return st
}

// Frontier returns the position at or below which everything is resolved.
func (s *Scheduler) Frontier() Position { return s.frontier.position }

// Read returns the position after the last offered record.
func (s *Scheduler) Read() Position { return s.read }

// Held returns the number of records above the frontier, resolved or not, and their charge in bytes. Pages count whole
// until the frontier has passed them.
func (s *Scheduler) Held() (records, bytes int) {
	return int(s.frontier.offered - s.frontier.resolved), s.frontier.held
}
