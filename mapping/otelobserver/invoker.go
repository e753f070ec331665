package otelobserver

import (
	"context"

	"github.com/shardmill/shardmill/invoke"
)

// invoker runs a function in a span.
type invoker struct {
	next     invoke.Invoker
	observed *observed
}

// Invoke begins the span, which the observer ends when the mapping has settled the invocation.
func (i *invoker) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	s := i.observed.shard(in.Event.Origin.ShardID)
	if s == nil {
		return i.next.Invoke(ctx, in)
	}
	ctx, span := s.spans.process(ctx, in, s.broughtBy(in.Event))
	if span.IsRecording() {
		r := s.begin(in.RequestID, span)
		defer s.returned(in.RequestID, r)
	}
	return i.next.Invoke(ctx, in)
}
