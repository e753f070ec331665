package poller

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// A service that names no place to go on from, neither a next iterator nor a continuation, says by it that the shard has
// ended. Together with the shards that it was split or merged into, as Kinesis sends them, that is the end. Alone it is a
// claim: a service that is out of order says the same in the midst of a shard, and an older one never names the children.

// endClaims is how often in a row, each time asked at the read position anew, a service must claim that there is nothing
// more in a shard before a listing is asked.
const endClaims = 2

var (
	errUntold   = errors.New("the answer names neither a place to go on from nor child shards, though it tells of more records")
	errOpen     = errors.New("the answer names neither a place to go on from nor child shards, and the stream lists the shard as open")
	errUnlisted = errors.New("the answer names neither a place to go on from nor child shards, and the stream does not list the shard")
)

// end reports whether a delivery is the shard's last. Where that is only claimed, reading goes on at the read position; an
// error tells that the delivery brought nothing either.
func (r *reader) end(ctx context.Context, o operation, d *delivery) (bool, error) {
	if !d.end || len(d.children) > 0 {
		r.claims = 0
		return d.end, nil
	}
	behind := d.behind != nil && *d.behind > 0
	r.log.LogAttrs(ctx, slog.LevelDebug, "an end without child shards", slog.Int("records", len(d.records)), slog.Bool("behind", behind))
	switch {
	case len(r.unread(d.records)) > 0:
		r.claims = 0
		return false, nil
	case behind:
		r.claims = 0
		return false, o.error(errUntold)
	}
	if r.claims++; r.claims < endClaims {
		return false, nil
	}
	return r.confirmEnd(ctx, o)
}

// confirmEnd asks a listing whether the shard has ended.
func (r *reader) confirmEnd(ctx context.Context, o operation) (bool, error) {
	state, err := r.poller.ends.of(ctx, r.shard, r.poller.Shards)
	if err != nil {
		return false, err
	}
	switch state {
	case shardClosed:
		return true, nil
	case shardUnlisted:
		err := o.error(errUnlisted)
		err.Class = ShardGone
		return false, err
	default:
		return false, o.error(errOpen)
	}
}

// shardState is what a listing says of a shard.
type shardState uint8

const (
	shardUnlisted shardState = iota
	shardOpen
	shardClosed // it has an ending sequence number, or children
)

// ends asks listings which shards have ended, one at a time for all readers: a reshard ends many shards at once.
type ends struct {
	turn chan struct{} // of capacity 1: who is in it may list

	mu     sync.Mutex
	asked  time.Time // when the newest listing began
	states map[string]shardState
}

func newEnds() *ends { return &ends{turn: make(chan struct{}, 1)} }

// of returns the state of a shard by a listing that began after the call of it.
func (e *ends) of(ctx context.Context, id string, list func(context.Context) ([]Shard, error)) (shardState, error) {
	called := time.Now()
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { <-e.turn }()
	if state, fresh := e.known(id, called); fresh {
		return state, nil
	}
	asked := time.Now()
	shards, err := list(ctx)
	if err != nil {
		return 0, err
	}
	e.learn(shards, asked)
	state, _ := e.known(id, called)
	return state, nil
}

// known returns what the newest listing says, and whether it began at t or later.
func (e *ends) known(id string, t time.Time) (shardState, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.states[id], !e.asked.IsZero() && !e.asked.Before(t)
}

func (e *ends) learn(shards []Shard, asked time.Time) {
	states := make(map[string]shardState, len(shards))
	for i := range shards {
		s := &shards[i]
		state := shardOpen
		if s.EndingSequenceNumber != "" {
			state = shardClosed
		}
		states[s.ID] = max(states[s.ID], state)
		for _, parent := range [2]string{s.Parent, s.AdjacentParent} {
			states[parent] = shardClosed
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked, e.states = asked, states
}
