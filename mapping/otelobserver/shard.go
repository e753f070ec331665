package otelobserver

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/observe"
)

const (
	// maxPolls bounds the polls that a shard remembers, about 150 bytes each. During a long blockade of a lane there
	// may be more, with a few records each: its later invocations then have no link.
	maxPolls = 256

	// maxLinks bounds the links of a span. It is the default limit of SDKs.
	maxLinks = 128
)

// shard is an open shard of an observed mapping.
type shard struct {
	series
	spans spans

	mu      sync.Mutex
	polls   []poll          // in the order of the stream
	running map[string]*run // by request ID: invocations that were not settled yet
	closed  bool
	err     error // why it was closed
}

// poll is a read that returned records for the function.
type poll struct {
	first, last string // sequence numbers
	span        trace.SpanContext
}

// run is an invocation with a span that is recorded.
type run struct {
	span  trace.Span
	ended time.Time // when the function returned, zero before
}

// polled makes the span of a read that returned records.
func (s *shard) polled(e *observe.Polled) {
	span := s.spans.poll(e)
	if !span.IsSampled() || e.Records == e.Filtered+e.PassedOver {
		return // a link to it would lead nowhere, or none will be made
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.polls) == maxPolls {
		s.polls = slices.Delete(s.polls, 0, 1)
	}
	s.polls = append(s.polls, poll{first: e.FirstSequenceNumber, last: e.LastSequenceNumber, span: span})
}

// broughtBy returns links to the polls that returned the records of an event, oldest first. It uses the first and the
// last record: one of the polls between them may have returned records of other lanes only.
func (s *shard) broughtBy(e *invoke.Event) []trace.Link {
	n := e.Len()
	if n == 0 {
		return nil // the final invocation of a tumbling window
	}
	return s.pollsOf(e.At(0).SequenceNumber, e.At(n-1).SequenceNumber)
}

// pollsOf returns links to the polls that returned records from first to last.
func (s *shard) pollsOf(first, last string) (links []trace.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.polls, first, func(p poll, n string) int {
		return batch.CompareSequenceNumbers(p.last, n)
	})
	for ; i < len(s.polls) && len(links) < maxLinks && batch.CompareSequenceNumbers(s.polls[i].first, last) <= 0; i++ {
		links = append(links, trace.Link{SpanContext: s.polls[i].span})
	}
	return links
}

// forget forgets the polls up to a position.
func (s *shard) forget(p batch.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(s.polls) {
		c := batch.CompareSequenceNumbers(s.polls[n].last, p.SequenceNumber)
		if c > 0 || c == 0 && p.Partial {
			break
		}
		n++
	}
	s.polls = slices.Delete(s.polls, 0, n)
}

// begin records an invocation that begins.
func (s *shard) begin(requestID string, span trace.Span) *run {
	r := &run{span: span}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[requestID] = r
	return r
}

// returned records a function that returned. If the shard no longer waits for it, its span ends here.
func (s *shard) returned(requestID string, r *run) {
	now := time.Now()
	s.mu.Lock()
	r.ended = now
	late, err := s.closed, s.err
	if late {
		delete(s.running, requestID)
	}
	s.mu.Unlock()
	if late {
		r.abandon(err)
	}
}

// take removes and returns the invocation that the mapping has settled, nil if it has no span.
func (s *shard) take(requestID string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.running[requestID]
	delete(s.running, requestID)
	return r
}

// close ends the spans of the invocations that will not be settled: a stop cut them short, or the lease was lost. Those
// whose function still runs end with it.
func (s *shard) close(err error) {
	s.mu.Lock()
	s.closed, s.err = true, err
	var left []*run
	for id, r := range s.running {
		if !r.ended.IsZero() {
			left = append(left, r)
			delete(s.running, id)
		}
	}
	s.mu.Unlock()
	for _, r := range left {
		r.abandon(err)
	}
}
