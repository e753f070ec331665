package mapping

import (
	"cmp"
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/lineage"
)

// maxAhead is how far ahead of the clock a meaningful arrival time may be.
const maxAhead = time.Hour

// isStored reports whether a shard has stored progress.
func isStored(p driver.Progress) bool { return p.End || !p.Position.IsZero() || p.Version != 0 }

// identify adds the shard's identity to its progress, as far as that is known by now. The committer's goroutine calls
// it.
func (s *shard) identify(p *driver.Progress) {
	st := s.standing.Load()
	p.ShardStart = cmp.Or(st.Info.StartingSequenceNumber, s.was.ShardStart)
	if !st.Fickle {
		p.StreamCreated = cmp.Or(st.Created, s.was.StreamCreated)
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
	err := s.standing.Load().Replaced(progress)
	for began := time.Now(); errors.Is(err, ErrStreamReplaced) && time.Since(began) < lineage.ListingLag; {
		s.wait("the stored progress contradicts the listing, which is repeated")
		if err := s.retryLater(); err != nil {
			return err
		}
		if s.standing.Load().Gone {
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
	shards, err := s.deps.shards(s.stopCtx)
	if err != nil {
		return false, err
	}
	st, listed := s.standing.Load().Relist(shards)
	if !listed {
		return false, nil
	}
	return true, st.Replaced(progress)
}

// awaitListing waits until a listing has shown the shard's starting number, if its service has one, or two lack it. It
// returns false when stopping.
func (s *shard) awaitListing() error {
	for {
		st := s.standing.Load()
		if st.Listed || st.Gone || st.Info.StartingSequenceNumber != "" {
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
	if !sleep(s.stopCtx, leaseRetry) {
		return s.stopCtx.Err()
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
	if !st.Gone {
		return false
	}
	expired := func(at, now time.Time) bool {
		age := now.Sub(at)
		return at.IsZero() || age >= cmp.Or(st.Retention, lineage.MinRetention) || age < -maxAhead
	}
	return expired(s.readTo, s.deps.clocks(time.Now()).service) && expired(st.Open, time.Now())
}
