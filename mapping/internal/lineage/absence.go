package lineage

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

const (
	// AbsentFor is how long listings must lack a shard for it to have left the stream: from the beginning of the first
	// of them to that of another one, with none in between that has the shard. It is longer than the lag of the
	// service's view of a stream, and short enough for children to wait. A listing is made at that age, whatever
	// ShardRefreshInterval is.
	AbsentFor = time.Minute

	// unknownFor replaces it for an unknown parent: no listing ever had it, and it has no progress. Most parents are
	// such when a mapping starts for the first time, and only the order is at stake.
	unknownFor = 2 * time.Second

	// MinRetention is the shortest retention period of a stream.
	MinRetention = 24 * time.Hour

	// MaxRetention is the longest retention period of a stream.
	MaxRetention = 8760 * time.Hour
)

// absence counts consecutive listings that lack a shard. The zero absence is none.
type absence struct {
	since, last time.Time // when the first and the last of them began
	listings    int
}

// again returns the absence with another listing.
func (a absence) again(began time.Time) absence {
	return absence{since: cmp.Or(a.since, began), last: began, listings: a.listings + 1}
}

// lasts reports whether two listings that began d apart lack the shard. One listing proves nothing: it may be cut
// short.
func (a absence) lasts(d time.Duration) bool {
	return a.listings >= 2 && a.last.Sub(a.since) >= d
}

// absence returns the absence of a shard in the newest listings. A shard that no listing ever had or named as a parent
// was absent from all of them.
func (l *Lineage) absence(id string) absence {
	if a, ok := l.missed[id]; ok {
		return a
	}
	if _, ok := l.shards[id]; ok {
		return absence{}
	}
	if a, ok := l.orphaned[id]; ok {
		return a
	}
	return l.all
}

// IsGone reports whether a shard has left the stream, according to the listings.
func (l *Lineage) IsGone(id string) bool { return l.absence(id).lasts(AbsentFor) }

// miss records that a listing lacks a known shard, and reports whether the shard may still be in the stream: the
// listing is older than the shard, which its parent has named, or no second listing lacks it.
func (l *Lineage) miss(id string, began time.Time) (stays bool) {
	named, learned := l.learned[id]
	if learned && !began.After(named) {
		return true
	}
	l.missed[id] = l.missed[id].again(began)
	if learned && began.Sub(named) < confirmWithin {
		return true
	}
	delete(l.learned, id)
	return !l.missed[id].lasts(AbsentFor)
}

// stored is the part of a shard's progress that the lineage needs.
type stored struct {
	position string // the sequence number
	begun    bool   // the shard has progress
	end      bool
	start    string    // its ShardStart
	created  time.Time // its StreamCreated
}

// Read takes in the progress of the shards. The absence of a shard without a row is dropped.
func (l *Lineage) Read(progress map[string]driver.Progress) {
	l.rows = make(map[string]stored, len(progress))
	for id, p := range progress {
		l.rows[id] = stored{
			position: p.Position.SequenceNumber, begun: isBegun(p), end: p.End, start: p.ShardStart, created: p.StreamCreated,
		}
	}
	maps.DeleteFunc(l.missed, func(id string, _ absence) bool {
		_, known := l.shards[id]
		_, isStored := l.rows[id]
		return !known && !isStored
	})
}

// End records that the end of a shard is stored.
func (l *Lineage) End(id string) {
	row := l.rows[id]
	row.end = true
	l.rows[id] = row
}

// isEarly reports whether a shard has a parent that may still have to be processed, though no listing has it: one that
// was created after the last listing, or that a listing omitted. The shard must not open before that parent.
func (l *Lineage) isEarly(s poller.Shard) bool {
	return slices.ContainsFunc(ParentsOf(s), func(p string) bool { return l.isDoubtful(s, p) })
}

// isDoubtful is isEarly for one parent.
func (l *Lineage) isDoubtful(s poller.Shard, parent string) bool {
	if _, known := l.shards[parent]; known {
		return false // then poller.Openable waits for it
	}
	row, isStored := l.rows[parent]
	_, learned := l.learned[s.ID]
	switch {
	case row.end:
		return false
	case learned:
		return true
	case l.rows[s.ID].begun:
		return false // it was opened before, when its parents were complete or gone
	case isStored:
		return !l.IsGone(parent)
	default:
		return !l.absence(parent).lasts(unknownFor)
	}
}

// Unsettled returns how soon the next listing is needed, 0 if nothing waits for it.
func (l *Lineage) Unsettled() (soon time.Duration) {
	if len(l.learned) > 0 {
		soon = UnsettledRefresh
	}
	for id, s := range l.shards {
		if l.rows[id].end && l.open[id].Equal(l.all.last) {
			soon = UnsettledRefresh // the listing is older than the shard's end: it may lack children
		}
		if _, learned := l.learned[id]; learned || l.finished[id] || !l.isEarly(s) {
			continue
		}
		soon = UnsettledRefresh
		if slices.ContainsFunc(ParentsOf(s), func(p string) bool { return l.isUnknown(p) && l.isDoubtful(s, p) }) {
			return EarlyRefresh
		}
	}
	return soon
}

// isUnknown reports whether no listing has a shard, and it has no progress.
func (l *Lineage) isUnknown(id string) bool {
	_, isStored := l.rows[id]
	return !isStored
}

// IsMissingSome reports whether the newest listing lacks shards that may still be in the stream.
func (l *Lineage) IsMissingSome() bool {
	for _, a := range l.missed {
		if !a.lasts(AbsentFor) {
			return true
		}
	}
	return false
}

// IsLeaving reports whether there are rows of shards that the newest listing lacks, but that are not gone yet.
func (l *Lineage) IsLeaving() bool {
	for id := range l.rows {
		if a := l.absence(id); a.listings > 0 && !a.lasts(AbsentFor) {
			return true
		}
	}
	return false
}

// Position returns the sequence number up to which a shard is stored as processed; empty if nothing is stored.
func (l *Lineage) Position(id string) string { return l.rows[id].position }

// Unread returns the incomplete shards with progress, in order, that the stream no longer lists.
func (l *Lineage) Unread() (ids []string) {
	for id, row := range l.rows {
		if _, known := l.shards[id]; !known && !row.end && l.IsGone(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Removable returns the shards whose rows are not needed any more: they are complete, they have left the stream, and
// each of their listed children has progress of its own. retention is that of the stream.
//
// A row that is deleted too soon would open its shard again from the start.
func (l *Lineage) Removable(progress map[string]driver.Progress, now time.Time, retention time.Duration) (ids []string) {
	for id, p := range progress {
		if p.End && l.hasExpired(id, p, now, retention) && l.areUnderWay(l.children[id], progress) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Lost returns the shards that have left the stream before they were complete.
func (l *Lineage) Lost(progress map[string]driver.Progress, now time.Time, retention time.Duration) (ids []string) {
	for id, p := range progress {
		if !p.End && l.hasExpired(id, p, now, retention) {
			ids = append(ids, id)
		}
	}
	return ids
}

// hasExpired reports whether a shard has left the stream because all its records have expired: two listings lack it,
// and its last known time is a retention period ago. For a shard without such a time that is when it was first missed.
func (l *Lineage) hasExpired(id string, p driver.Progress, now time.Time, retention time.Duration) bool {
	if _, known := l.shards[id]; known || !l.IsGone(id) {
		return false
	}
	if a := l.absence(id); p.ResolvedUpTo.IsZero() {
		return a.last.Sub(a.since) >= retention
	}
	return now.Sub(p.ResolvedUpTo) >= retention
}

func (l *Lineage) areUnderWay(shards []string, progress map[string]driver.Progress) bool {
	for _, id := range shards {
		if !isBegun(progress[id]) {
			return false
		}
	}
	return true
}
