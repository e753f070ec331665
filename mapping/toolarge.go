package mapping

import (
	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/observe"
)

// tooLarge identifies a record, or the final invocation of a window, that is too large to be invoked. The zero value
// means none.
type tooLarge struct {
	first batch.Position
	final bool
}

// checkSize reports once each event that is too large. The Scheduler never invokes it.
func (s *shard) checkSize(l *batch.LaneStatus) {
	reported := &s.calls[l.Lane].tooLarge
	if l.Cause != batch.TooLarge || l.Attempt > 0 {
		*reported = tooLarge{}
		return
	}
	what := tooLarge{first: l.First, final: l.Final}
	if *reported == what {
		return
	}
	*reported = what
	e := observe.TooLarge{Shard: s.info.ID, Lane: l.Lane, SequenceNumber: l.First.SequenceNumber, StateBytes: l.StateBytes}
	log := s.log.With("lane", l.Lane, "state", string(l.State), "payloadLimit", s.deps.cfg.policy.PayloadLimit)
	switch {
	case l.Final:
		e.SequenceNumber = ""
		log.Error("the state of a tumbling window is too large for the function: its final invocation cannot be made",
			"stateBytes", l.StateBytes)
	case l.StateBytes > 0:
		log.Error("record is too large for the function with the state of its tumbling window: it is never invoked",
			"sequenceNumber", e.SequenceNumber, "stateBytes", l.StateBytes)
	default:
		log.Error("record is too large for the function: it is never invoked", "sequenceNumber", e.SequenceNumber)
	}
	call(s.deps.observer.TooLarge, e)
}
