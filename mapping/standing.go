package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// maxAhead is how far ahead of the clock a meaningful arrival time may be.
const maxAhead = time.Hour

// standing is the state of a processed shard in the stream, beyond its ID. Run's goroutine creates a new one with each
// listing.
type standing struct {
	info      poller.Shard  // as listed, or as its parent has named it
	listed    bool          // the newest listing has it
	closed    bool          // as closed
	gone      bool          // it has left the stream, by two listings
	open      time.Time     // when the last listing with the shard as open began; zero: none
	created   time.Time     // of the stream, zero where it is not known
	fickle    bool          // and must not be stored
	vague     bool          // the numbers at which shards begin identify nothing
	retention time.Duration // of the stream, 0 where it is not known
}

// standing returns the state of a shard in the stream.
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

// replaced returns an ErrStreamReplaced if the stored progress cannot be this shard's: it is that of a shard with
// another beginning, it lies before the shard's beginning, or after the end of a shard that is not closed, unless that
// is the same one by its number, and the listing is old. A Source without sequence numbers is believed.
func (st *standing) replaced(p driver.Progress) error {
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

// isStored reports whether a shard has stored progress.
func isStored(p driver.Progress) bool { return p.End || !p.Position.IsZero() || p.Version != 0 }

// identify adds the shard's identity to its progress, as far as that is known by now. The committer's goroutine calls
// it.
func (s *shard) identify(p *driver.Progress) {
	st := s.standing.Load()
	p.ShardStart = cmp.Or(st.info.StartingSequenceNumber, s.was.ShardStart)
	if !st.fickle {
		p.StreamCreated = cmp.Or(st.created, s.was.StreamCreated)
	}
}

// confirm returns an error if the stored progress cannot be this shard's: an ErrStreamReplaced, once two listings say
// so. A listing must have had the shard before, because its parent names it by its ID only, which may be that of a
// shard of another stream.
func (s *shard) confirm(progress driver.Progress) error {
	if !isStored(progress) {
		return nil
	}
	defer s.wait("")
	if err := s.awaitListing(); err != nil {
		return err
	}
	err := s.standing.Load().replaced(progress)
	for began := time.Now(); errors.Is(err, ErrStreamReplaced) && time.Since(began) < listingLag; {
		s.wait("the stored progress contradicts the listing, which is repeated")
		if err := s.retryLater(); err != nil {
			return err
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

// relisted lists the stream, and returns its contradiction to the progress, and false if it says nothing about the
// shard.
func (s *shard) relisted(progress driver.Progress) (listed bool, err error) {
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

// awaitListing waits until a listing has shown the shard's starting number, if its service has one, or two lack it. It
// returns false when stopping.
func (s *shard) awaitListing() error {
	for {
		st := s.standing.Load()
		if st.listed || st.gone || st.info.StartingSequenceNumber != "" {
			return nil
		}
		s.wait("waiting for a listing to have the shard: something is stored for one of its ID")
		if err := s.retryLater(); err != nil {
			return err
		}
	}
}

// retryLater waits before the next try. A stop ends it, and the loss of the lease.
func (s *shard) retryLater() error {
	if !sleep(s.soft, leaseRetry) {
		return s.soft.Err()
	}
	if s.wasLost() {
		return driver.ErrLeaseLost
	}
	return nil
}

// wait shows what the shard is waiting for.
func (s *shard) wait(reason string) {
	s.view.set(func(v *shardView) { v.status.Waiting = reason })
}

// hasLeft reports whether a shard that the service does not know has left the stream: two listings lack it, and it was
// last known a retention period ago. If that period is not known, the shortest must have passed since, because here the
// service itself says that the shard does not exist.
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
