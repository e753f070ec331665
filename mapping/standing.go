package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/poller"
)

// maxAhead is how far ahead of the clock an arrival time may be that means something.
const maxAhead = time.Hour

// standing is what is known of a shard that is processed, beyond its ID. Run's goroutine makes a new one with each listing.
type standing struct {
	info      poller.Shard  // as listed, or as its parent has named it
	listed    bool          // the newest listing has it
	closed    bool          // as closed
	gone      bool          // it has left the stream, by two listings
	open      time.Time     // when the last listing began that had it as open; zero: none had
	created   time.Time     // of the stream, zero where it is not known
	fickle    bool          // and must not be stored
	vague     bool          // the numbers at which shards begin identify nothing
	retention time.Duration // of the stream, 0 where it is not known
}

// standing returns what is known of a shard.
func (r *run) standing(id string, gone bool) *standing {
	l := &r.lineage
	info, known := l.shards[id]
	if !known {
		info.ID = id
	}
	_, learned := l.learned[id]
	return &standing{
		info: info, listed: known && !learned && l.absence(id).listings == 0, closed: info.EndingSequenceNumber != "" || len(l.children[id]) > 0,
		gone: gone, open: l.open[id], created: l.created, fickle: l.fickle, vague: l.vague, retention: r.retention,
	}
}

// replaced returns an ErrStreamReplaced if the progress stored for a shard can't be this shard's: it is that of a shard with
// another beginning, it lies before the shard's beginning, or behind the end of a shard that is not closed, unless that is
// the same one by its number, and the listing old. A Source without sequence numbers is believed.
func (st *standing) replaced(p Progress) error {
	id, start := st.info.ID, st.info.StartingSequenceNumber
	switch {
	case !identifies(start):
		return nil
	case !st.vague && identifies(p.ShardStart) && p.ShardStart != start:
		return fmt.Errorf("%w: shard %s begins at %s, and the stored progress is of one that began at %s: %s", ErrStreamReplaced, id, start, p.ShardStart, advice)
	case !st.vague && isBefore(p.Position.SequenceNumber, start):
		return fmt.Errorf("%w: shard %s begins at %s, the stored position is %s: %s", ErrStreamReplaced, id, start, p.Position, advice)
	case p.End && !st.closed && !isOneShard(start, p.ShardStart):
		return fmt.Errorf("%w: shard %s is open, but stored as fully processed: %s", ErrStreamReplaced, id, advice)
	}
	return nil
}

// isStored reports whether something is stored for a shard.
func isStored(p Progress) bool { return p.End || !p.Position.IsZero() || p.Version != 0 }

// identify adds to a shard's progress which shard it is of, as far as that is known by now. The committer's goroutine calls it.
func (s *shard) identify(p *Progress) {
	st := s.standing.Load()
	p.ShardStart = cmp.Or(st.info.StartingSequenceNumber, s.was.ShardStart)
	if !st.fickle {
		p.StreamCreated = cmp.Or(st.created, s.was.StreamCreated)
	}
}

// confirm returns an error if the stored progress can't be this shard's: an ErrStreamReplaced, once two listings say so. A listing
// must have had the shard before, for its parent names it by its ID only, which may be that of a shard of another stream.
func (s *shard) confirm(progress Progress) error {
	if !isStored(progress) {
		return nil
	}
	defer s.wait("")
	if !s.awaitListing() {
		return s.soft.Err()
	}
	err := s.standing.Load().replaced(progress)
	for began := time.Now(); errors.Is(err, ErrStreamReplaced) && time.Since(began) < listingLag; {
		s.wait("the stored progress contradicts the listing, which is repeated")
		if !sleep(s.soft, leaseRetry) {
			return s.soft.Err()
		}
		if s.standing.Load().gone {
			return nil // reading it shows that
		}
		listed, again := s.relisted(progress)
		if !listed {
			began = time.Now()
			continue
		}
		err = again
	}
	return err
}

// relisted lists the stream, and returns what that contradicts, and false where it says nothing of the shard.
func (s *shard) relisted(progress Progress) (listed bool, err error) {
	shards, err := s.m.shards(s.soft)
	if err != nil {
		return false, err
	}
	closed := closedOf(shards)
	for _, l := range shards {
		if l.ID == s.info.ID {
			st := *s.standing.Load()
			st.info, st.closed = completed(l, st.info), closed[l.ID]
			return true, st.replaced(progress)
		}
	}
	return false, nil
}

// awaitListing waits until a listing has shown at which number the shard begins, if its service says that, or two say that it has
// left the stream. It reports false at a stop.
func (s *shard) awaitListing() bool {
	for {
		st := s.standing.Load()
		if st.listed || st.gone || st.info.StartingSequenceNumber != "" {
			return true
		}
		s.wait("waiting for a listing to have the shard: something is stored for one of its ID")
		if !sleep(s.soft, leaseRetry) {
			return false
		}
	}
}

// wait shows what the shard waits for.
func (s *shard) wait(reason string) {
	s.view.set(func(v *shardView) { v.status.Waiting = reason })
}

// hasLeft reports whether a shard that the service does not know has left the stream: two listings say so, and it was last known
// a retention period ago. Where that period is not known, the shortest must have passed since: here the service itself says that
// the shard is not there.
func (s *shard) hasLeft() bool {
	st := s.standing.Load()
	if !st.gone {
		return false
	}
	expired := func(at, now time.Time) bool {
		age := now.Sub(at)
		return at.IsZero() || age >= cmp.Or(st.retention, minRetention) || age < -maxAhead
	}
	return expired(s.readTo, s.m.clocks(time.Now()).service) && expired(st.open, time.Now())
}
