package kinesistest

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// met is what a fault knows about the call that took it.
type met struct {
	service *Service
	call    Call
	by      *Misbehaviour // that drew Kind; nil for a fault that was injected
	dice    *dice         // for the variant of Kind

	back int           // how many records before the place asked for a read begins
	lag  time.Duration // how old a listing is
	odd  wire.OddTime  // how arrival times are written
}

// faultFor is takeFault for callers that hold Service.mu.
func (s *Service) faultFor(call Call) Fault {
	f, injected := s.injected(call)
	f.met = met{service: s, call: call}
	s.mischief = slices.DeleteFunc(s.mischief, (*Misbehaviour).ended)
	if injected {
		f.dice = newDice(f.Seed, uint64(max(0, f.Times)), string(f.Kind), call.Stream, call.Shard)
	} else {
		f.draw(s.mischief)
	}
	f.unfold()
	return f
}

// draw takes the kind of the first mischief that affects the call.
func (f *Fault) draw(mischief []*Misbehaviour) {
	for _, m := range mischief {
		if kind, d := m.draw(f.call); kind != "" {
			f.Kind, f.dice, f.by = kind, d, m
			return
		}
	}
}

// unfold sets the other fields to the effects of the kind, as far as they can express them.
func (f *Fault) unfold() {
	switch f.Kind {
	case SmallPages:
		f.MaxShards = 1 + f.dice.below(3)
	case LaggingListing:
		f.lag = f.dice.between(time.Second, maxLag)
	case Throttled:
		f.Throttle = true
	case NoAnswer:
		f.Hang = true
	case ServerError:
		f.Err = oneOf(f.dice, serverErrors...)
	case BareServerError:
		f.Err = oneOf(f.dice, bareErrors...)
	case ExpiredIterator:
		f.Err = iteratorExpired(f.call.Time.Add(-iteratorAge), f.call.Time)
	case EmptyPage:
		f.Empty = true
	case RepeatedPage:
		f.back = 1 + f.dice.below(maxBack)
	case OddTimestamp:
		f.odd = oneOf(f.dice, wire.OddTimes...)
	case EarlyEnd:
		f.End, f.After = true, f.dice.below(4)
	case BrokenSubscription:
		f.EventErr, f.After = oneOf[error](f.dice, errReset, breakOff), f.dice.below(4)
	case HalfOpenSubscription:
		f.Silent, f.After = true, f.dice.below(4)
	default: // it shows in the answer, see spoil
	}
}

const (
	// maxLag keeps a listing within the 5 minutes for which a reader can be expected to believe its other knowledge.
	maxLag = 4 * time.Minute
	// maxBack is how many records a page repeats at most.
	maxBack = 5
)

var (
	errReset = errors.New("read: connection reset by peer")
	breakOff = &types.InternalFailureException{Message: new("The subscription was interrupted.")}

	serverErrors = []error{
		&httpError{status: http.StatusInternalServerError, code: internalFailure, message: "The request failed due to an internal error."},
		&httpError{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: "The service is unavailable. Try again later."},
	}
	bareErrors = []error{
		&httpError{status: http.StatusInternalServerError},
		&httpError{status: http.StatusServiceUnavailable},
		&httpError{status: http.StatusBadGateway, page: true},
		&httpError{status: http.StatusServiceUnavailable, page: true},
		&httpError{status: http.StatusGatewayTimeout, page: true},
	}
)

// lasting returns the dice of a lasting kind, if it affects the call. The caller holds Service.mu.
func (f *Fault) lasting(k Kind) (*dice, bool) {
	if f.Kind == k {
		return f.dice, true
	}
	for _, m := range f.service.mischief {
		if d, ok := m.has(k, f.call); ok && !m.ended() {
			m.did(k, f.call)
			return d, true
		}
	}
	return nil, false
}

// did records that the fault's kind had an effect. The caller holds Service.mu.
func (f *Fault) did() {
	if f.by != nil {
		f.by.did(f.Kind, f.call)
	}
}

// prank applies, and records, effects of kinds before the operation that no other field of a fault expresses.
func (s *Service) prank(f *Fault) error {
	switch f.Kind {
	case Throttled, NoAnswer, ServerError, BareServerError, ExpiredIterator:
		s.mu.Lock()
		defer s.mu.Unlock()
		f.did()
	case ReplacedStream:
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.replace(f.call.Stream, f.call.Time); err != nil {
			return nil //nolint:nilerr // the operation itself says what is wrong with the stream
		}
		f.did()
		return s.journal.flush()
	default:
	}
	return nil
}
