package batch

import (
	"fmt"
	"strconv"
	"time"
)

// Record is one record of a shard, as a function will see it: a stream record, or one member of a KPL aggregate.
//
// A Record and its Data are read-only from the moment they are offered, and stay valid for as long as they are referenced.
type Record struct {
	// SequenceNumber is the decimal sequence number that the stream gave the record. The members of an aggregate share it.
	SequenceNumber string

	// SubSequence is the member's place within its aggregate, from 0. It is 0 for a record that is no aggregate.
	SubSequence int64

	// More is set when further members of the same aggregate follow, so that a position behind this record
	// lies within the aggregate. It is false for the last member and for a record that is no aggregate.
	More bool

	// Filtered is set when no filter of the mapping lets the record through. Such a record is never invoked:
	// it only lets the frontier move on.
	Filtered bool

	// PartitionKey is empty when the stream gave the record none (streams whose record distribution is AUTO).
	PartitionKey string

	// Data is the payload, as it was put.
	Data []byte

	// ArrivalTime is the stream's approximate arrival time, to the millisecond. The zero time means that it is not known:
	// such a record never grows too old.
	ArrivalTime time.Time

	// Size is the number of bytes that the record takes in the encoded event, without the separator between records.
	// Whoever offers the record sets it; nothing is encoded to be measured.
	Size int
}

// Position is a place in a shard: behind the record or the aggregate member that it names.
// The zero Position lies before the first record.
type Position struct {
	// SequenceNumber is that of the last record behind which the position lies, or empty at the shard's beginning.
	SequenceNumber string

	// SubSequence is the last member passed, where the record is an aggregate.
	SubSequence int64

	// Partial is set when members of the same aggregate are still ahead: a reader that starts here begins
	// AT the sequence number and skips the members up to SubSequence. Otherwise it begins AFTER it.
	Partial bool
}

// PositionOf returns the position right behind r.
func PositionOf(r *Record) Position {
	return Position{SequenceNumber: r.SequenceNumber, SubSequence: r.SubSequence, Partial: r.More}
}

// IsZero reports whether p lies before the first record.
func (p Position) IsZero() bool { return p == Position{} }

// Compare returns -1, 0 or +1 as p lies before, at or behind q. Sequence numbers are compared as numbers.
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
	switch {
	case !p.Partial || p.SubSequence == q.SubSequence:
		return 0
	case p.SubSequence < q.SubSequence:
		return -1
	}
	return 1
}

// String returns the position as scenarios and logs print it: "-" at the beginning, "42" behind a whole record,
// "42.3+" behind member 3 of an aggregate that has more.
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

// CompareSequenceNumbers returns -1, 0 or +1 as the decimal number a is less than, equal to or greater than b.
// The empty string counts as less than every number. It allocates nothing: sequence numbers have up to 129 digits.
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

// trimZeros drops leading zeros, but keeps "0" apart from "".
func trimZeros(s string) string {
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s
}

// Page is what one read of a shard brought.
type Page struct {
	// Records are in the order of the stream. The Scheduler keeps the slice until all of it is resolved,
	// so nobody may write to it after Offer.
	Records []Record

	// CaughtUpTo is set when the read left nothing behind (MillisBehindLatest 0): the time at which the read began,
	// on the source's clock. Everything that arrived before it has been read. It is zero when the read was behind.
	CaughtUpTo time.Time

	// Behind tells how far the end of the page was behind the tip of the shard (MillisBehindLatest).
	Behind time.Duration

	// End is set on the last page of a closed shard. No page follows it.
	End bool
}
