package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

const (
	// listingLag is how long a shard may be listed as open though it was read to its end, and what lies between the two
	// witnesses by which a stream is taken for another one of its name.
	listingLag = 10 * time.Second

	// createdSlack is how far two creation times of one stream may lie apart: services round them, each in its way.
	createdSlack = time.Second

	// awsDigits is the length from which on a sequence number is made of the time of its shard's creation, as AWS does it:
	// then two streams never have the same.
	awsDigits = 50
)

// errDoubt is what becomes an ErrStreamReplaced if a second witness says so too.
var errDoubt = errors.New("mapping: the stream may have been deleted and created again under its name")

// advice is what to do about an ErrStreamReplaced.
const advice = "give the mapping another FunctionName or store"

// identifies reports whether a starting sequence number distinguishes a shard from others. Services without such numbers say 0.
func identifies(start string) bool { return strings.Trim(start, "0") != "" }

// isOneShard reports whether two starting sequence numbers are the same one, which no other stream has.
func isOneShard(start, known string) bool { return len(start) >= awsDigits && start == known }

// isBefore reports whether a position lies before the beginning of a shard, where both can be compared.
func isBefore(position, start string) bool {
	return isDecimal(position) && isDecimal(start) && batch.CompareSequenceNumbers(position, start) < 0
}

func isDecimal(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool { return c < '0' || c > '9' }) < 0
}

// contradiction is what a listing says against that which is known, empty if there is nothing. renumbered is set where a service that
// changes the numbers at which its shards begin would say it of one and the same stream.
type contradiction struct {
	text       string
	renumbered bool
}

// contradictionOf is a contradiction between the number at which a shard begins and another one of it. AWS never changes a number:
// two that are as long as AWS's belong to two streams.
func contradictionOf(start, other, text string) contradiction {
	return contradiction{text: text, renumbered: len(start) < awsDigits || len(other) < awsDigits}
}

// contradicts returns what a listing contradicts of that which is known of the stream's shards, or stored for them. read are the
// read positions of the shards that are processed.
func (l *lineage) contradicts(listed []poller.Shard, read map[string]string) contradiction {
	for _, s := range listed {
		start, row := s.StartingSequenceNumber, l.rows[s.ID]
		if l.vague || !identifies(start) {
			continue
		}
		if was := l.startOf(s.ID); was != "" && was != start {
			return contradictionOf(start, was, fmt.Sprintf("shard %s began at %s, and begins at %s now", s.ID, was, start))
		}
		for _, position := range [...]string{row.position, read[s.ID]} {
			if isBefore(position, start) {
				return contradictionOf(start, position, fmt.Sprintf("shard %s begins at %s, and its position is %s", s.ID, start, position))
			}
		}
	}
	return contradiction{}
}

// startOf returns the starting sequence number that is known of a shard, else the one that is stored; empty where neither is.
func (l *lineage) startOf(id string) string {
	for _, start := range [...]string{l.shards[id].StartingSequenceNumber, l.rows[id].start} {
		if identifies(start) {
			return start
		}
	}
	return ""
}

// reopens returns what a listing says of a shard that was stored as ended before it began, and that it has as open, unless it is
// that very shard: then the listing is old.
func (l *lineage) reopens(listed []poller.Shard) contradiction {
	closed := closedOf(listed)
	for _, s := range listed {
		row, start := l.rows[s.ID], s.StartingSequenceNumber
		if row.end && !closed[s.ID] && identifies(start) && !isOneShard(start, row.start) {
			return contradiction{text: fmt.Sprintf("shard %s is open, but stored as fully processed", s.ID)}
		}
	}
	return contradiction{}
}

// createds returns the creation times that are known of the stream: the one of this run, else those stored.
func (l *lineage) createds() (all []time.Time) {
	if !l.created.IsZero() {
		return []time.Time{l.created}
	}
	for _, row := range l.rows {
		if !row.created.IsZero() {
			all = append(all, row.created)
		}
	}
	return all
}

// creation compares the time of the stream's creation with what is known.
func (l *lineage) creation(now time.Time) (same bool, differs string) {
	if now.IsZero() || l.fickle {
		return false, ""
	}
	for _, was := range l.createds() {
		if !sameTime(was, now) {
			return false, fmt.Sprintf("the stream was created at %s, and the one that is known at %s", stamp(now), stamp(was))
		}
		same = true
	}
	return same, ""
}

func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() <= createdSlack }

// isVouchedFor reports whether a listing has a shard that is known to have begun at the same number, one that no other stream
// has.
func (l *lineage) isVouchedFor(listed []poller.Shard) bool {
	for _, s := range listed {
		if isOneShard(s.StartingSequenceNumber, l.startOf(s.ID)) {
			return true
		}
	}
	return false
}

// suspicion is that the stream is another one of its name. It needs two witnesses: shards that are others and a creation time
// that is another, or either of them again after listingLag. The zero suspicion is none.
type suspicion struct {
	since   time.Time // when the look that roused it began
	created time.Time // what a look said of the stream's creation, if any did
	same    bool      // which is what was known
}

// weigh takes in a look at the stream, and what it contradicts. It returns the reason of the suspicion, empty if there is none,
// and whether it is certain.
//
// Two things clear the stream: a creation time that is the same though the numbers of its shards are others, unless they are as AWS
// makes them, for then its service changes them; and one that is another each time it is asked, for then that says nothing. The lineage
// keeps either in mind. A creation time that is the same does not clear AWS's numbers: the stream may have been replaced between the
// first listing and the description that followed it.
func (s *suspicion) weigh(l *lineage, v *sight, c contradiction) (reason string, certain bool) {
	same, differs := l.creation(v.created)
	if c.text == "" && l.isVouchedFor(v.shards) {
		differs = ""
	}
	if differs != "" && !s.created.IsZero() && !sameTime(s.created, v.created) {
		l.fickle, differs = true, ""
	}
	lasts := !s.since.IsZero() && v.began.Sub(s.since) >= listingLag
	s.same = s.same || same
	switch {
	case c.text != "" && differs != "":
		return c.text + ", and " + differs, true
	case c.renumbered && s.same && lasts:
		l.vague = true
		*s = suspicion{}
		return "", false
	case c.text == "" && differs == "":
		*s = suspicion{}
		return "", false
	}
	s.since, s.created = cmp.Or(s.since, v.began), cmp.Or(s.created, v.created)
	return cmp.Or(c.text, differs), lasts
}
