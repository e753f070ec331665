package lineage

import (
	"fmt"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

// Standing is the state of a processed shard in the stream, beyond its ID. The lineage creates a new one with each listing.
type Standing struct {
	Info      poller.Shard  // as listed, or as its parent has named it
	Listed    bool          // the newest listing has it
	closed    bool          // as closed
	Gone      bool          // it has left the stream, by two listings
	Open      time.Time     // when the last listing with the shard as open began; zero: none
	Created   time.Time     // of the stream, zero where it is not known
	Fickle    bool          // and must not be stored
	vague     bool          // the numbers at which shards begin identify nothing
	Retention time.Duration // of the stream, 0 where it is not known
}

// Standing returns the state of a shard in the stream. gone is set if it has left, retention is that of the stream.
func (l *Lineage) Standing(id string, gone bool, retention time.Duration) *Standing {
	info, known := l.shards[id]
	if !known {
		info.ID = id
	}
	_, learned := l.learned[id]
	return &Standing{
		Info: info, Listed: known && !learned && l.absence(id).listings == 0, closed: info.EndingSequenceNumber != "" || len(l.children[id]) > 0,
		Gone: gone, Open: l.open[id], Created: l.created, Fickle: l.fickle, vague: l.vague, Retention: retention,
	}
}

// Replaced returns an ErrReplaced if the stored progress cannot be this shard's: it is that of a shard with
// another beginning, it lies before the shard's beginning, or after the end of a shard that is not closed, unless that
// is the same one by its number, and the listing is old. A Source without sequence numbers is believed.
func (st *Standing) Replaced(p driver.Progress) error {
	id, start := st.Info.ID, st.Info.StartingSequenceNumber
	switch {
	case !identifies(start):
		return nil
	case !st.vague && identifies(p.ShardStart) && p.ShardStart != start:
		return fmt.Errorf("%w: shard %s begins at %s, and the stored progress is of one that began at %s: %s", ErrReplaced, id, start, p.ShardStart, advice)
	case !st.vague && isBefore(p.Position.SequenceNumber, start):
		return fmt.Errorf("%w: shard %s begins at %s, the stored position is %s: %s", ErrReplaced, id, start, p.Position, advice)
	case p.End && !st.closed && !isOneShard(start, p.ShardStart):
		return fmt.Errorf("%w: shard %s is open, but stored as fully processed: %s", ErrReplaced, id, advice)
	}
	return nil
}

// Relist returns the state by a newer listing, and false if that does not have the shard.
func (st *Standing) Relist(shards []poller.Shard) (*Standing, bool) {
	closed := closedOf(shards)
	for _, s := range shards {
		if s.ID == st.Info.ID {
			again := *st
			again.Info, again.closed = completed(s, st.Info), closed[s.ID]
			return &again, true
		}
	}
	return nil, false
}
