package kinesistest

import (
	"context"
	"slices"
	"time"
)

// Fault is a disturbance of the next calls that it matches. Its effects can be combined: a Delay comes before the
// others. A call takes the oldest matching fault, and no second one.
type Fault struct {
	// Op, Stream and Shard select the calls. Empty: any. A PutRecords call matches any Shard, see Throttle; otherwise
	// calls that name no shard match only faults without one.
	Op            Op
	Stream, Shard string

	// Times is how many calls are disturbed. Zero means one, a negative number all until ClearFaults.
	Times int

	// Delay delays the call before it takes effect.
	Delay time.Duration

	// Hang never answers the call: it ends with its context, or with the Server's connection.
	Hang bool

	// Err is the call's answer. An error of the SDK's types package, or any smithy.APIError, is sent over HTTP
	// unchanged; any other becomes an InternalFailure there, and looks like a broken connection to users of a Client.
	Err error

	// Throttle answers as the service does beyond its limits: ProvisionedThroughputExceededException if a shard is
	// named, LimitExceededException otherwise. PutRecords fails the records for Shard, or all of them.
	Throttle bool

	// Empty makes GetRecords return no records and not advance, as the service may do while it searches for them.
	Empty bool

	// MaxRecords caps the page of GetRecords, and the events of a subscription. Zero: no cap.
	MaxRecords int

	// MaxShards caps the page of ListShards. Zero: no cap.
	MaxShards int

	// Kind gives the call a kind of mischief, in the variant that Seed chooses. Such a fault matches only calls that
	// the kind can affect. Empty: none.
	Kind Kind
	Seed uint64

	// After is how many events a subscription of SubscribeToShard sends before Silent, End or EventErr takes effect.
	// Zero: immediately, after the answer that grants the subscription.
	After int

	// Silent makes the subscription half-open: it stays open, even for longer than the 5 minutes, and sends nothing
	// more, including heartbeats.
	Silent bool

	// End ends the subscription normally.
	End bool

	// EventErr ends the subscription. An error of the SDK's types package, or any smithy.APIError, arrives as an
	// exception inside the stream; any other breaks the connection.
	EventErr error

	met // the state of a fault that was taken
}

// Inject disturbs the next calls that f matches. It panics on a Kind that does not exist.
func (s *Service) Inject(f Fault) {
	if f.Kind != "" {
		mustBeKinds(f.Kind)
	}
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Throttle makes the next n calls of op answer that a limit is exceeded.
func (s *Service) Throttle(op Op, n int) { s.next(n, Fault{Op: op, Throttle: true}) }

// Fail makes the next n calls of op answer err.
func (s *Service) Fail(op Op, err error, n int) { s.next(n, Fault{Op: op, Err: err}) }

// Delay holds the next n calls of op back for d.
func (s *Service) Delay(op Op, d time.Duration, n int) { s.next(n, Fault{Op: op, Delay: d}) }

// HalfOpen makes the next n subscriptions half-open from their beginning.
func (s *Service) HalfOpen(n int) { s.next(n, Fault{Op: SubscribeToShard, Silent: true}) }

// EmptyReads makes the next n calls of GetRecords return no records, whatever there is to read.
func (s *Service) EmptyReads(n int) { s.next(n, Fault{Op: GetRecords, Empty: true}) }

func (s *Service) next(n int, f Fault) {
	if f.Times = n; n != 0 {
		s.Inject(f)
	}
}

// ClearFaults drops all faults that are not used up.
func (s *Service) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault uses up one disturbance for a call, if there is any, and returns it.
func (s *Service) takeFault(call Call) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faultFor(call)
}

// injected uses up one fault of Inject for a call, if there is any, and returns it.
func (s *Service) injected(call Call) (Fault, bool) {
	i := slices.IndexFunc(s.faults, func(f *Fault) bool { return f.matches(call) })
	if i < 0 {
		return Fault{}, false
	}
	f := s.faults[i]
	if f.Times > 0 {
		f.Times--
	}
	if f.Times == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return *f, true
}

func (f *Fault) matches(call Call) bool {
	op := f.Op == call.Op || f.Op == "" && (f.Kind != "" || call.Op != SubscribeToShardEvent)
	return op && (f.Kind == "" || f.Kind.befalls(call.Op)) &&
		(f.Stream == "" || f.Stream == call.Stream) &&
		(f.Shard == "" || f.Shard == call.Shard || call.Op == PutRecords)
}

// isDeliberate reports whether the fault replaces the service's own answer to a call.
func (f *Fault) isDeliberate() bool { return f.Kind != "" || f.Err != nil }

// strike applies the part of a fault that comes before the operation, and returns the call's answer if that is an
// error.
func (f *Fault) strike(ctx context.Context, s *Service, call Call) error {
	if err := wait(ctx, f.Delay); err != nil {
		return err
	}
	if err := s.prank(f); err != nil {
		return err
	}
	if f.Hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if f.Err != nil {
		return f.Err
	}
	if !f.Throttle || call.Op == PutRecords {
		return nil
	}
	if call.Op == GetRecords || call.Op == GetShardIterator || call.Op == PutRecord {
		return s.rateExceeded(call.Stream, call.Shard)
	}
	return s.callsExceeded(call.Stream)
}

// wait lets d pass, or ctx end.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
