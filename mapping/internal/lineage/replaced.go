package lineage

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
	// ListingLag is how long a shard may be listed as open after it was read to its end. It is also the time between
	// the two witnesses that prove that a stream was replaced by another one of its name.
	ListingLag = 10 * time.Second

	// createdSlack is the greatest difference of two creation times of one stream: services round them in different
	// ways.
	createdSlack = time.Second

	// stampFormat is the form of times in messages.
	stampFormat = "2006-01-02T15:04:05.000Z"

	// awsDigits is the length from which a sequence number contains the creation time of its shard, as AWS's do. Two
	// streams never have the same.
	awsDigits = 50
)

// ErrDoubt becomes an ErrReplaced if a second witness confirms it.
var ErrDoubt = errors.New("mapping: the stream may have been deleted and created again under its name")

// ErrReplaced says that the stream is another one than before, or than that of the stored progress.
var ErrReplaced = errors.New("mapping: the stream was deleted and recreated under its name")

// advice is the remedy for an ErrReplaced.
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
func (l *Lineage) contradicts(listed []poller.Shard, read map[string]string) contradiction {
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
func (l *Lineage) startOf(id string) string {
	for _, start := range [...]string{l.shards[id].StartingSequenceNumber, l.rows[id].start} {
		if identifies(start) {
			return start
		}
	}
	return ""
}

// reopens returns the contradiction of a listing that has a shard as open which was stored as ended before the listing
// began. If it is certainly the same shard, the listing is old, and there is none.
func (l *Lineage) reopens(listed []poller.Shard) contradiction {
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
func (l *Lineage) createds() (all []time.Time) {
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
func (l *Lineage) creation(now time.Time) (same bool, differs string) {
	if now.IsZero() || l.fickle {
		return false, ""
	}
	for _, was := range l.createds() {
		if !sameTime(was, now) {
			return false, fmt.Sprintf("the stream was created at %s, and the one that is known at %s", now.UTC().Format(stampFormat), was.UTC().Format(stampFormat))
		}
		same = true
	}
	return same, ""
}

func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() <= createdSlack }

// isVouchedFor reports whether a listing has a shard with a known starting number that no other stream has.
func (l *Lineage) isVouchedFor(listed []poller.Shard) bool {
	for _, s := range listed {
		if isOneShard(s.StartingSequenceNumber, l.startOf(s.ID)) {
			return true
		}
	}
	return false
}

// suspicion is the suspicion that the stream was replaced by another one of its name. It needs two witnesses: other
// shards and another creation time, or one of them again after ListingLag. The zero value is no suspicion.
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
func (s *suspicion) weigh(l *Lineage, v *Look, c contradiction) (reason string, certain bool) {
	same, differs := l.creation(v.Created)
	if c.text == "" && l.isVouchedFor(v.Shards) {
		differs = ""
	}
	if differs != "" && !s.created.IsZero() && !sameTime(s.created, v.Created) {
		l.fickle, differs = true, ""
	}
	lasts := !s.since.IsZero() && v.Began.Sub(s.since) >= ListingLag
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
	s.since, s.created = cmp.Or(s.since, v.Began), cmp.Or(s.created, v.Created)
	return cmp.Or(c.text, differs), lasts
}

// Weigh returns an error if the stream of a look seems to be another one than before, or than that of the rows: an
// ErrReplaced if that is certain, else an ErrDoubt. Then no part of the look may be used. read has the read positions of
// the processed shards. first is set for the first look. renumbered says how the numbers of shards have changed, when
// that has just turned out to be the service's way.
func (l *Lineage) Weigh(v *Look, read map[string]string, first bool) (renumbered string, err error) {
	c := l.contradicts(v.Shards, read)
	if c.text == "" && first {
		c = l.reopens(v.Shards)
	}
	reason, certain := l.suspicion.weigh(l, v, c)
	switch {
	case certain:
		return "", fmt.Errorf("%w: %s: %s", ErrReplaced, reason, advice)
	case reason != "":
		return "", fmt.Errorf("%w: %s", ErrDoubt, reason)
	}
	return c.text, nil // a contradiction without a reason is the service's way
}

// IsDoubted reports whether the last look may have been at another stream.
func (l *Lineage) IsDoubted() bool { return l.suspicion != (suspicion{}) }

// Describe takes in the creation time of the stream, zero if it is not known.
func (l *Lineage) Describe(created time.Time) {
	if l.created.IsZero() && !l.fickle {
		l.created = created
	}
}
