package poller

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// A service that names no place to resume from, neither a next iterator nor a continuation, thereby says that the shard
// has ended. Together with the child shards, as Kinesis sends them, and nothing behind, that is the end. Alone it is a
// claim: a service with a fault says the same in the middle of a shard, and an older service never names the children.
// It is also a claim if the service says that more is behind: it may name the children of a closed shard with every
// answer.

// endClaims is how often in a row, each time from the read position again, a service must claim the end of a shard
// before a listing is requested.
const endClaims = 2

// quietReads is how many reads in a row must be empty and caught up for a shard that is listed as closed to have ended.
// Some services name a place to resume from for ever. Each read began after the listing, so no record can have been put
// to the shard since, and none is left. The position says nothing about that: for a closed shard some services list the
// number that ends all shards, others that of the last record.
const quietReads = 2

// quietRetry is how many more of them pass before another listing is asked, where one has not confirmed the end: the shards of a
// stream must not use up its listings.
const quietRetry = 8

var (
	errNoPlace  = errors.New("the answer names neither a place to resume from nor child shards, though it reports more records")
	errOpen     = errors.New("the answer names neither a place to resume from nor child shards, and the stream lists the shard as open")
	errUnlisted = errors.New("the answer names neither a place to resume from nor child shards, and the stream does not list the shard")
)

// end reports whether a delivery is the shard's last. If that is only claimed, reading continues at the read position;
// an error says that the delivery contained nothing either.
func (r *reader) end(ctx context.Context, o operation, d *delivery) (bool, error) {
	switch {
	case !d.end:
		if !r.named || len(r.unread(d.records)) > 0 {
			r.claims = 0
		}
		return r.isQuiet(ctx, d) && r.isStillClosed(ctx, d), nil
	case len(d.children) > 0 && !d.isBehind():
		return true, nil
	}
	r.log.LogAttrs(ctx, slog.LevelDebug, "an end that is only claimed", slog.Int("records", len(d.records)),
		slog.Bool("behind", d.isBehind()), slog.Int("children", len(d.children)))
	switch {
	case len(r.unread(d.records)) > 0:
		r.claims = 0
		return false, nil
	case d.isBehind() && len(d.children) == 0:
		r.claims = 0
		return false, o.error(errNoPlace)
	}
	r.named = len(d.children) > 0
	if r.claims++; r.claims < endClaims {
		return false, nil
	}
	return r.confirmEnd(ctx, o)
}

// isQuiet reports whether a delivery that names a place to resume from is the last of quietReads that found nothing in
// a shard that was listed as closed before they began.
func (r *reader) isQuiet(ctx context.Context, d *delivery) bool {
	if !d.isCaughtUp() || len(r.unread(d.records)) > 0 || !r.poller.ends.closedBefore(r.shard, d.began) {
		r.quiet = 0
		return false
	}
	r.quiet++
	return r.quiet >= quietReads
}

// isStillClosed asks a second listing whether a quiet shard is closed: the first one may be old, and of another stream that had
// this one's name. Where it says something else, or nothing, many more quiet reads pass before the next is asked.
func (r *reader) isStillClosed(ctx context.Context, d *delivery) bool {
	if _, err := r.poller.ends.of(ctx, r.shard, r.poller.Shards); err != nil || !r.poller.ends.closedBefore(r.shard, d.began) {
		r.quiet = quietReads - quietRetry
		return false
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "the shard is listed as closed, and nothing is left in it: it has ended, though the service names a place to resume from")
	return true
}

// confirmEnd checks in a listing whether the shard has ended.
func (r *reader) confirmEnd(ctx context.Context, o operation) (bool, error) {
	state, err := r.poller.ends.of(ctx, r.shard, r.poller.Shards)
	if err != nil {
		return false, err
	}
	switch state {
	case shardBounded, shardClosed:
		return true, nil
	case shardUnlisted:
		err := o.error(errUnlisted)
		err.Class = ShardGone
		return false, err
	default:
		return false, o.error(errOpen)
	}
}

// shardState is the state of a shard in a listing.
type shardState uint8

const (
	shardUnlisted shardState = iota
	shardOpen
	shardBounded // it has an ending sequence number
	shardClosed  // it has children
)

// listed is the state of a shard in the newest listing, and since when consecutive listings have shown it as closed:
// when the first of them had arrived. The time is zero if the newest listing does not show the shard as closed.
type listed struct {
	state       shardState
	closedSince time.Time
}

// ends knows from the newest listing which shards have ended. If a newer one is needed it lists, with one call at a
// time for all readers, because a reshard ends many shards together.
type ends struct {
	turn chan struct{} // of capacity 1: the goroutine in it may list

	mu     sync.Mutex
	asked  time.Time // when the newest listing began
	shards map[string]listed
}

func newEnds() *ends { return &ends{turn: make(chan struct{}, 1)} }

// of returns the state of a shard from a listing that began after the call of of. list must pass the listing to learn.
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
	if _, err := list(ctx); err != nil {
		return 0, err
	}
	state, _ := e.known(id, called)
	return state, nil
}

// known returns the state in the newest listing, and whether that began at t or later.
func (e *ends) known(id string, t time.Time) (shardState, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.shards[id].state, !e.asked.IsZero() && !e.asked.Before(t)
}

// closedBefore reports whether a listing that had arrived by t showed a shard as closed, and no later one showed it as
// open.
func (e *ends) closedBefore(id string, t time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	since := e.shards[id].closedSince
	return !since.IsZero() && !since.After(t)
}

// learn takes in a listing. Of two, the one that began later counts.
func (e *ends) learn(shards []Shard, asked, answered time.Time) {
	learned := statesOf(shards)
	closed := closedStates(learned)
	e.mu.Lock()
	defer e.mu.Unlock()
	if asked.Before(e.asked) {
		return
	}
	for id, s := range learned {
		if s.state >= closed {
			s.closedSince = cmp.Or(e.shards[id].closedSince, answered)
			learned[id] = s
		}
	}
	e.asked, e.shards = asked, learned
}

// statesOf returns the state of each shard that a listing contains, or names as a parent.
func statesOf(shards []Shard) map[string]listed {
	states := make(map[string]listed, len(shards))
	for i := range shards {
		s := &shards[i]
		state := shardOpen
		if s.EndingSequenceNumber != "" {
			state = shardBounded
		}
		states[s.ID] = listed{state: max(states[s.ID].state, state)}
		for _, parent := range [2]string{s.Parent, s.AdjacentParent} {
			states[parent] = listed{state: shardClosed}
		}
	}
	return states
}

// closedStates returns the state from which on a shard is closed. If a listing has no open shard, its ending numbers do
// not count as closed: some services listed a last number of each shard, and every stream has an open one.
func closedStates(states map[string]listed) shardState {
	for _, s := range states {
		if s.state == shardOpen {
			return shardBounded
		}
	}
	return shardClosed
}
