package lineage

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/shardmill/shardmill/internal/parentage"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
)

const (
	// confirmWithin is how long a child that its parent has named is believed without a listing that has it. A listing
	// may be older than the child, because it began before, or because the service's view of a stream lags.
	confirmWithin = 5 * time.Minute

	// EarlyRefresh is the least time between two listings that follow the ends of shards.
	EarlyRefresh = time.Second

	// UnsettledRefresh is the interval of listings while something waits for a listing, or after a failed one.
	UnsettledRefresh = 5 * time.Second
)

// Lineage is a run's knowledge of the shards of its stream, and of the complete ones. It decides which may be opened,
// and which have left the stream. It has no clock and starts nothing. One goroutine uses it.
type Lineage struct {
	shards   map[string]poller.Shard // listed, learned, still processed, or missed by one listing
	children map[string][]string     // by parent
	finished map[string]bool         // the complete shards whose end is stored

	// learned is when a parent named its child, for the children that no listing has had yet.
	learned map[string]time.Time

	// rows are the shards' progress at the last reading.
	rows map[string]stored

	// missed are the known shards that the newest listings lack. orphaned are the parents that listed shards name and
	// that no listing ever had: an earlier listing says nothing about such a shard, which may be younger. all counts
	// all listings: the absence of any other shard that none ever had.
	missed   map[string]absence
	orphaned map[string]absence
	all      absence

	// open is when the last listing with the shard as open began.
	open map[string]time.Time

	// created is when the stream was created, zero if that is not known. fickle is set if the service returns a
	// different time whenever it is called, vague if it changes the starting sequence numbers of shards: then neither
	// identifies anything.
	created time.Time
	fickle  bool
	vague   bool

	suspicion suspicion // that the stream is another one of its name
}

// New returns a Lineage that knows no shard.
func New() Lineage {
	return Lineage{
		shards: map[string]poller.Shard{}, children: map[string][]string{}, finished: map[string]bool{},
		learned: map[string]time.Time{}, missed: map[string]absence{}, orphaned: map[string]absence{}, open: map[string]time.Time{},
	}
}

// List takes in a listing that began at a time. A shard that it lacks stays until a second one lacks it too, because
// its children must wait for it; and longer while it is processed. It returns the processed shards that have left the
// stream.
func (l *Lineage) List(listed []poller.Shard, began time.Time, processed map[string]poller.Shard) (gone map[string]bool) {
	had := l.shards
	l.all = l.all.again(began)
	l.shards = make(map[string]poller.Shard, len(listed))
	for _, s := range listed {
		l.shards[s.ID] = completed(s, had[s.ID])
		delete(l.learned, s.ID)
		delete(l.missed, s.ID)
	}
	closed := closedOf(listed)
	for id := range l.shards {
		if !closed[id] {
			l.open[id] = began
		}
	}
	for id, a := range l.missed {
		if _, known := had[id]; !known {
			l.missed[id] = a.again(began)
		}
	}
	for id, s := range had {
		if _, ok := l.shards[id]; !ok && l.miss(id, began) {
			l.shards[id] = s
		}
	}
	gone = map[string]bool{}
	for id, s := range processed {
		if _, ok := l.shards[id]; ok {
			continue
		}
		if gone[id] = l.IsGone(id); !gone[id] {
			delete(gone, id)
		}
		l.missed[id] = l.absence(id)
		l.shards[id] = s
	}
	l.orphan(began)
	l.forget()
	l.children = make(map[string][]string, len(l.shards))
	for id := range l.shards {
		l.adopt(id)
	}
	return gone
}

// orphan records the parents that no listing ever had, each since the first listing with a shard that names it.
func (l *Lineage) orphan(began time.Time) {
	orphaned := map[string]absence{}
	for _, s := range l.shards {
		for _, p := range ParentsOf(s) {
			if _, known := l.shards[p]; !known && l.missed[p].listings == 0 {
				orphaned[p] = l.orphaned[p].again(began)
			}
		}
	}
	l.orphaned = orphaned
}

// forget drops the state of shards that have left, except their absence: see Read.
func (l *Lineage) forget() {
	left := func(id string) bool { _, known := l.shards[id]; return !known }
	maps.DeleteFunc(l.finished, func(id string, _ bool) bool { return left(id) })
	maps.DeleteFunc(l.open, func(id string, _ time.Time) bool { return left(id) })
}

// closedOf returns which shards a listing shows as closed: they have an ending sequence number, or children.
func closedOf(listed []poller.Shard) map[string]bool {
	closed := map[string]bool{}
	for _, s := range listed {
		if s.EndingSequenceNumber != "" {
			closed[s.ID] = true
		}
		for _, p := range ParentsOf(s) {
			closed[p] = true
		}
	}
	return closed
}

// completed returns a listed shard, with fields that this listing omits from the known one. They never change, and a
// closed shard never opens again.
func completed(s, known poller.Shard) poller.Shard {
	s.Parent, s.AdjacentParent = cmp.Or(s.Parent, known.Parent), cmp.Or(s.AdjacentParent, known.AdjacentParent)
	s.StartingHashKey, s.EndingHashKey = cmp.Or(s.StartingHashKey, known.StartingHashKey), cmp.Or(s.EndingHashKey, known.EndingHashKey)
	s.StartingSequenceNumber = cmp.Or(s.StartingSequenceNumber, known.StartingSequenceNumber)
	s.EndingSequenceNumber = cmp.Or(s.EndingSequenceNumber, known.EndingSequenceNumber)
	return s
}

// Shard returns a known shard, and false if the shard is not known.
func (l *Lineage) Shard(id string) (poller.Shard, bool) {
	s, known := l.shards[id]
	return s, known
}

// Count returns the number of known shards.
func (l *Lineage) Count() int { return len(l.shards) }

// Finish records that the end of a shard is stored: its children may open.
func (l *Lineage) Finish(id string) { l.finished[id] = true }

// Resume takes in which known shards are finished at the start of a run. It returns, in order, those that are finished
// though nothing is stored for them.
func (l *Lineage) Resume(progress map[string]driver.Progress) (implied []string) {
	for id, p := range progress {
		if _, known := l.shards[id]; known {
			l.finished[id] = p.End
		}
	}
	implied = l.impliedFinished(progress)
	for _, id := range implied {
		l.finished[id] = true
	}
	return implied
}

// adopt adds a shard to the children of its parents.
func (l *Lineage) adopt(id string) {
	for _, p := range ParentsOf(l.shards[id]) {
		l.children[p] = append(l.children[p], id)
	}
}

// impliedFinished returns, in order, the listed shards that are finished though nothing is stored for them.
func (l *Lineage) impliedFinished(progress map[string]driver.Progress) (ids []string) {
	implied := map[string]bool{}
	var begun []string
	for id, p := range progress {
		if isBegun(p) {
			begun = append(begun, id)
		}
	}
	parents := func(id string) []string { return ParentsOf(l.shards[id]) }
	parentage.ImplyFinished(slices.Values(begun), parents, func(id string) bool {
		_, listed := l.shards[id]
		_, isStored := progress[id]
		if !listed || isStored || implied[id] {
			return false
		}
		implied[id] = true
		return true
	})
	return slices.Sorted(maps.Keys(implied))
}

// isBegun reports whether a shard has progress.
func isBegun(p driver.Progress) bool { return p.End || !p.Position.IsZero() }

// Learn takes in the children that the last page of a shard named, and returns the new ones.
func (l *Lineage) Learn(parent string, children []poller.Shard, now time.Time) (news []poller.Shard) {
	for _, c := range children {
		if _, ok := l.shards[c.ID]; ok || c.ID == "" || !slices.Contains(ParentsOf(c), parent) {
			continue
		}
		l.shards[c.ID], l.learned[c.ID] = c, now
		l.adopt(c.ID)
		news = append(news, c)
	}
	return news
}

// Openable returns the shards that may be processed, or already are.
func (l *Lineage) Openable() []poller.Shard {
	all := make([]poller.Shard, 0, len(l.shards))
	for _, s := range l.shards {
		all = append(all, s)
	}
	return l.filter(all)
}

// OpenableChildren is Openable for the children of one shard. It looks only at them and their parents, so that the cost
// of a reshard of thousands of shards is proportional to their number.
func (l *Lineage) OpenableChildren(parent string) []poller.Shard {
	var family []poller.Shard
	for _, id := range l.children[parent] {
		family = append(family, l.shards[id])
		for _, p := range ParentsOf(l.shards[id]) {
			if s, ok := l.shards[p]; ok {
				family = append(family, s)
			}
		}
	}
	return slices.DeleteFunc(l.filter(family), func(s poller.Shard) bool {
		return !slices.Contains(ParentsOf(s), parent) // a parent, whose own parents are not in family
	})
}

// filter returns those of some shards, which must include their parents, that may be processed.
func (l *Lineage) filter(shards []poller.Shard) []poller.Shard {
	open := poller.Openable(shards, func(id string) bool { return l.finished[id] })
	return slices.DeleteFunc(open, l.isEarly)
}

// NeedsListing reports whether a complete shard requires a listing soon, and how long after the last one. Its children
// may be unknown, or not known enough to open them. Children that it has named itself are opened, but not identified
// yet.
func (l *Lineage) NeedsListing(id string) (soon time.Duration, ok bool) {
	children := l.children[id]
	if len(children) == 0 || slices.ContainsFunc(children, func(c string) bool { return l.isEarly(l.shards[c]) }) {
		return EarlyRefresh, true
	}
	return UnsettledRefresh, slices.ContainsFunc(children, func(c string) bool { _, learned := l.learned[c]; return learned })
}

// ParentsOf returns the parents of a shard: none, one or two.
func ParentsOf(s poller.Shard) []string {
	return slices.DeleteFunc([]string{s.Parent, s.AdjacentParent}, func(p string) bool { return p == "" })
}
