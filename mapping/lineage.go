package mapping

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

// confirmWithin is how long a child that its parent told of is believed though listings do not have it. A listing may be
// older than the child, because it began before, or because the service's view of a stream is behind for a moment.
const confirmWithin = 5 * time.Minute

// lineage is what a run knows of the shards of its stream, and of which of them are done with. It decides which may be
// opened; it has no clock and starts nothing. The run's goroutine owns it.
type lineage struct {
	shards   map[string]poller.Shard // listed, learned, or still processed
	children map[string][]string     // by parent
	finished map[string]bool         // of shards: wholly resolved, and that is stored

	// learned tells when a parent told of its child, of those children that no listing has had yet.
	learned map[string]time.Time
}

func newLineage() lineage {
	return lineage{
		shards: map[string]poller.Shard{}, children: map[string][]string{}, finished: map[string]bool{},
		learned: map[string]time.Time{},
	}
}

// list takes over a listing that began at a time. The shards that are still processed stay, for their children must wait
// for them, and so do learned ones that the listing may be too old to have. It returns those of the processed ones that
// have left the stream.
func (l *lineage) list(listed []poller.Shard, began time.Time, processed map[string]poller.Shard) (gone map[string]bool) {
	had := l.shards
	l.shards = make(map[string]poller.Shard, len(listed))
	for _, s := range listed {
		l.shards[s.ID] = s
		delete(l.learned, s.ID)
	}
	for id, at := range l.learned {
		if began.Sub(at) >= confirmWithin {
			delete(l.learned, id)
			continue
		}
		l.shards[id] = had[id]
	}
	gone = map[string]bool{}
	for id, s := range processed {
		if _, ok := l.shards[id]; !ok {
			gone[id] = true
		}
		l.shards[id] = s
	}
	for id := range l.finished {
		if _, ok := l.shards[id]; !ok {
			delete(l.finished, id)
		}
	}
	l.children = make(map[string][]string, len(l.shards))
	for id := range l.shards {
		l.adopt(id)
	}
	return gone
}

// replaced returns a shard that is another one than that which was listed before under its ID, and false if there is none:
// the stream was deleted, and one of its name was made, whose shards have the same IDs.
func (l *lineage) replaced(listed []poller.Shard) (was, is poller.Shard, ok bool) {
	for _, is := range listed {
		was := l.shards[is.ID]
		if was.StartingSequenceNumber != "" && is.StartingSequenceNumber != "" && was.StartingSequenceNumber != is.StartingSequenceNumber {
			return was, is, true
		}
	}
	return was, is, false
}

// adopt enters a shard among the children of its parents.
func (l *lineage) adopt(id string) {
	for _, p := range parentsOf(l.shards[id]) {
		l.children[p] = append(l.children[p], id)
	}
}

// passed returns the shards that are finished though nothing is stored for them: those with a child that was begun, or that is
// such a shard itself. No shard is begun before its parents are wholly resolved, neither here nor in KCL. But KCL's clean-up
// deletes the row of a finished shard as soon as all its children are begun, while the stream still lists it.
func (l *lineage) passed(progress map[string]Progress) (ids []string) {
	known := map[string]bool{}
	var pass func(child string)
	pass = func(child string) {
		for _, p := range parentsOf(l.shards[child]) {
			_, listed := l.shards[p]
			_, stored := progress[p]
			if listed && !stored && !known[p] {
				known[p] = true
				ids = append(ids, p)
				pass(p)
			}
		}
	}
	for id, p := range progress {
		if isBegun(p) {
			pass(id)
		}
	}
	slices.Sort(ids)
	return ids
}

// isBegun reports whether something of a shard is processed.
func isBegun(p Progress) bool { return p.End || !p.Position.IsZero() }

// learn takes in what the last page of a shard told of its children, and returns those that are new.
func (l *lineage) learn(parent string, children []poller.Shard, now time.Time) (news []poller.Shard) {
	for _, c := range children {
		if _, ok := l.shards[c.ID]; ok || c.ID == "" || !slices.Contains(parentsOf(c), parent) {
			continue
		}
		l.shards[c.ID], l.learned[c.ID] = c, now
		l.adopt(c.ID)
		news = append(news, c)
	}
	return news
}

// openable returns the shards that may be processed, or are already.
func (l *lineage) openable() []poller.Shard {
	all := make([]poller.Shard, 0, len(l.shards))
	for _, s := range l.shards {
		all = append(all, s)
	}
	return l.filter(all)
}

// openableChildren is openable for the children of one shard. It looks at no others but their parents, so that a reshard
// of thousands of shards costs no more than their number.
func (l *lineage) openableChildren(parent string) []poller.Shard {
	var family []poller.Shard
	for _, id := range l.children[parent] {
		family = append(family, l.shards[id])
		for _, p := range parentsOf(l.shards[id]) {
			if s, ok := l.shards[p]; ok {
				family = append(family, s)
			}
		}
	}
	return slices.DeleteFunc(l.filter(family), func(s poller.Shard) bool {
		return !slices.Contains(parentsOf(s), parent) // a parent, whose own parents are not in family
	})
}

// filter returns those of some shards, their parents being among them, that may be processed.
func (l *lineage) filter(shards []poller.Shard) []poller.Shard {
	open := poller.Openable(shards, func(id string) bool { return l.finished[id] })
	return slices.DeleteFunc(open, l.isEarly)
}

// isEarly reports whether a learned shard has a parent that nobody knows. Of a listed shard that means that the parent
// has left the stream; here it may be one that was made after the last listing, and must be processed first.
func (l *lineage) isEarly(s poller.Shard) bool {
	if _, ok := l.learned[s.ID]; !ok {
		return false
	}
	return slices.ContainsFunc(parentsOf(s), func(p string) bool {
		_, known := l.shards[p]
		return !known
	})
}

// needsListing reports whether a shard that is finished calls for a listing soon: nothing is known of its children, or
// not enough to open them.
func (l *lineage) needsListing(id string) bool {
	children := l.children[id]
	return len(children) == 0 || slices.ContainsFunc(children, func(c string) bool { return l.isEarly(l.shards[c]) })
}

// waiting returns the shards that wait for their parents, or for a listing.
func (l *lineage) waiting(processed func(id string) bool) (waiting []poller.Shard) {
	for id, s := range l.shards {
		if !l.finished[id] && !processed(id) {
			waiting = append(waiting, s)
		}
	}
	return waiting
}

// described returns all shards with their parents and children.
func (l *lineage) described() []FleetShard {
	all := make([]FleetShard, 0, len(l.shards))
	for id, s := range l.shards {
		all = append(all, FleetShard{
			ID: id, Parents: parentsOf(s), Children: slices.Sorted(slices.Values(l.children[id])),
			StartingHashKey: s.StartingHashKey, EndingHashKey: s.EndingHashKey,
		})
	}
	return all
}

func parentsOf(s poller.Shard) []string {
	return slices.DeleteFunc([]string{s.Parent, s.AdjacentParent}, func(p string) bool { return p == "" })
}

// listingLag is how long a shard may be listed as open though it was read to its end.
const listingLag = 10 * time.Second

// errListedOpen is the ErrStreamReplaced of a shard that is listed as open and stored as ended, which may pass.
var errListedOpen = fmt.Errorf("%w", ErrStreamReplaced)

// replaced returns an error if the progress stored for a shard can't be this shard's: it lies before the shard's
// beginning, or behind the end of a shard that is still open. Sources that tell no sequence numbers are believed.
func replaced(s poller.Shard, p Progress) error {
	switch {
	case s.StartingSequenceNumber == "":
		return nil
	case p.Position.SequenceNumber != "" && batch.CompareSequenceNumbers(p.Position.SequenceNumber, s.StartingSequenceNumber) < 0:
		return fmt.Errorf("%w: shard %s begins at %s, the stored position is %s: give the mapping another FunctionName or store",
			ErrStreamReplaced, s.ID, s.StartingSequenceNumber, p.Position)
	case p.End && s.EndingSequenceNumber == "":
		return fmt.Errorf("%w: shard %s is open, but stored as wholly processed: give the mapping another FunctionName or store",
			errListedOpen, s.ID)
	}
	return nil
}
