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
	// listingLag is how long a shard may be listed as open after it was read to its end. It is also the time between
	// the two witnesses that prove that a stream was replaced by another one of its name.
	listingLag = 10 * time.Second

	// createdSlack is the greatest difference of two creation times of one stream: services round them in different
	// ways.
	createdSlack = time.Second

	// awsDigits is the length from which a sequence number contains the creation time of its shard, as AWS's do. Two
	// streams never have the same.
	awsDigits = 50
)

// errDoubt becomes an ErrStreamReplaced if a second witness confirms it.
var errDoubt = errors.New("mapping: the stream may have been deleted and created again under its name")

// advice is the remedy for an ErrStreamReplaced.
const advice = "give the mapping another FunctionName or store"

// identifies reports whether a starting sequence number distinguishes a shard from others. Services without such
// numbers return 0.
func identifies(start string) bool { return strings.Trim(start, "0") != "" }

// isOneShard reports whether two starting sequence numbers are equal and unique to one stream.
func isOneShard(start, known string) bool { return len(start) >= awsDigits && start == known }

// isBefore reports whether a position lies before the beginning of a shard. It is false if they cannot be compared.
func isBefore(position, start string) bool {
	return isDecimal(position) && isDecimal(start) && batch.CompareSequenceNumbers(position, start) < 0
}

func isDecimal(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool { return c < '0' || c > '9' }) < 0
}

// contradiction is the difference between a listing and what is known, empty if there is none. renumbered is set if one
// and the same stream would show it on a service that changes the numbers at which its shards begin.
type contradiction struct {
	text       string
	renumbered bool
}

// contradictionOf returns the contradiction between two starting numbers of a shard. AWS never changes a number: two
// that are as long as AWS's belong to two streams.
func contradictionOf(start, other, text string) contradiction {
	return contradiction{text: text, renumbered: len(start) < awsDigits || len(other) < awsDigits}
}

// contradicts returns how a listing contradicts the known or stored shards of the stream. read has the read positions
// of the processed shards.
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

// startOf returns the known starting sequence number of a shard, else the stored one; empty if there is neither.
func (l *lineage) startOf(id string) string {
	for _, start := range [...]string{l.shards[id].StartingSequenceNumber, l.rows[id].start} {
		if identifies(start) {
			return start
		}
	}
	return ""
}

// reopens returns the contradiction of a listing that has a shard as open which was stored as ended before the listing
// began. If it is certainly the same shard, the listing is old, and there is none.
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

// createds returns the known creation times of the stream: that of this run, else the stored ones.
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

// creation compares the creation time of the stream with the known ones.
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

// isVouchedFor reports whether a listing has a shard with a known starting number that no other stream has.
func (l *lineage) isVouchedFor(listed []poller.Shard) bool {
	for _, s := range listed {
		if isOneShard(s.StartingSequenceNumber, l.startOf(s.ID)) {
			return true
		}
	}
	return false
}

// suspicion is the suspicion that the stream was replaced by another one of its name. It needs two witnesses: other
// shards and another creation time, or one of them again after listingLag. The zero value is no suspicion.
type suspicion struct {
	since   time.Time // when the look that caused it began
	created time.Time // the creation time that a look returned, if any did
	same    bool      // created is the known one
}

// weigh judges a look at the stream, with its contradiction. It returns the reason of the suspicion, empty if there is none,
// and whether it is certain.
//
// Two observations clear the stream. First, the creation time is unchanged though the numbers of the shards differ: then the
// service changes the numbers. That does not apply to numbers of AWS's form, because the stream may have been replaced
// between the first listing and the description after it. Second, the creation time differs between two requests: then it
// proves nothing. The lineage remembers both.
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
