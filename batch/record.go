package batch

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// Record is one record of a shard, as a function will see it: a stream record, or one member of a KPL aggregate.
//
// A Record and its Data are read-only from the moment they are offered, and stay valid for as long as they are referenced.
type Record struct {
	// SequenceNumber is the decimal sequence number that the stream assigned to the record. The members of an aggregate
	// share it.
	SequenceNumber string

	// SubSequence is the member's place within its aggregate, from 0. It is 0 for a record that is not an aggregate.
	SubSequence int64

	// More is set when further members of the same aggregate follow, so that a position after this record lies within
	// the aggregate. It is false for the last member and for a record that is not an aggregate.
	More bool

	// Filtered is set when no filter of the mapping matches the record. Such a record is never invoked: it only moves
	// the frontier.
	Filtered bool

	// PartitionKey is empty if the record has none (streams whose record distribution is AUTO).
	PartitionKey string

	// Data is the payload, as it was put.
	Data []byte

	// ArrivalTime is the stream's approximate arrival time, to the millisecond. The zero time means unknown: such a
	// record never grows too old.
	ArrivalTime time.Time

	// Size is the number of bytes of the record in the encoded event, without the separator between records. The caller
	// that offers the record sets it. The Scheduler never encodes a record to measure it.
	Size int
}

// Position is a place in a shard: after the record or the aggregate member that it names. The zero Position lies before
// the first record.
type Position struct {
	// SequenceNumber is that of the last record before the position, or empty at the shard's beginning.
	SequenceNumber string

	// SubSequence is the last member before the position, if the record is an aggregate.
	SubSequence int64

	// Partial is set when members of the same aggregate follow: a reader that starts here begins AT the sequence number
	// and skips the members up to SubSequence. Otherwise it begins AFTER it.
	Partial bool
}

// PositionOf returns the position right after r.
func PositionOf(r *Record) Position {
	return Position{SequenceNumber: r.SequenceNumber, SubSequence: r.SubSequence, Partial: r.More}
}

// IsZero reports whether p lies before the first record.
func (p Position) IsZero() bool { return p == Position{} }

// Compare returns -1, 0 or +1 if p lies before, at or after q. Sequence numbers are compared as numbers.
func (p Position) Compare(q Position) int {
	if c := CompareSequenceNumbers(p.SequenceNumber, q.SequenceNumber); c != 0 {
		return c
	}
	if p.Partial != q.Partial {
		if p.Partial {
			return -1
		}
		return 1
	}
	if !p.Partial {
		return 0
	}
	return cmp.Compare(p.SubSequence, q.SubSequence)
}

// String returns the position as scenarios and logs print it: "-" at the beginning, "42" after a whole record, "42.3+"
// after member 3 of an aggregate that has more.
func (p Position) String() string {
	switch {
	case p.IsZero():
		return "-"
	case p.Partial:
		return fmt.Sprintf("%s.%d+", p.SequenceNumber, p.SubSequence)
	case p.SubSequence > 0:
		return p.SequenceNumber + "." + strconv.FormatInt(p.SubSequence, 10)
	}
	return p.SequenceNumber
}

// CompareSequenceNumbers returns -1, 0 or +1 if the decimal number a is less than, equal to or greater than b. The
// empty string is less than every number. It allocates nothing: sequence numbers have up to 129 digits.
func CompareSequenceNumbers(a, b string) int {
	a, b = trimZeros(a), trimZeros(b)
	switch {
	case len(a) < len(b):
		return -1
	case len(a) > len(b):
		return 1
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// trimZeros drops leading zeros, but distinguishes "0" from "".
func trimZeros(s string) string {
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s
}

// Page is the result of one read of a shard.
type Page struct {
	// Records are in the order of the stream. The Scheduler keeps the slice until all of it is resolved; it must not be
	// written to after Offer.
	Records []Record

	// CaughtUpTo is set when the read was caught up (MillisBehindLatest 0): the time at which the read began, on the
	// source's clock. Everything that arrived before it has been read. It is zero when the read was behind.
	CaughtUpTo time.Time

	// Behind is how far the end of the page was behind the tip of the shard (MillisBehindLatest).
	Behind time.Duration

	// End is set on the last page of a closed shard. No page follows it.
	End bool
}
