package codec

import (
	"errors"
	"math"
	"time"
)

var (
	errCBOR = errors.New("the answer is not a whole answer of GetRecords in CBOR")
	// errCBORText is the error of an emulator's answer that is encoded like JSON.
	errCBORText = errors.New("the answer has data as text, where CBOR has bytes")
)

// cborDecoder makes one pass over the CBOR of an answer, in units like a jsonDecoder. Strings, arrays and maps may have
// lengths or end with a break. Unknown members are skipped, and null counts as absent; a duplicate member, or one of
// another type, is an error.
type cborDecoder struct {
	b   []byte
	pos int // behind the last whole unit
	end int // of the whole body, as far as known

	within  uint8 // which unit is next
	members int   // left, or indefinite
	records int   // left, or indefinite
	seen    uint8
	first   int // where the records begin
	err     error

	page
}

// The units, in addition to inMembers and atEnd.
const (
	atStart uint8 = atEnd + 1 + iota
	inRecords
)

// sawChildren is a member of an answer that jsonDecoder does not handle.
const sawChildren = sawBehind << 1

// decodeCBOR reads b to its end and decodes it.
func decodeCBOR(b *body) (answer, error) {
	d := cborDecoder{within: atStart}
	for d.within != atEnd {
		d.b, d.end = b.buf, b.size
		for d.unit() {
		}
		if d.within != atEnd && (d.err != nil || !b.more(len(b.buf)-d.pos)) {
			return answer{}, d.failed(b)
		}
	}
	if err := b.all(); err != nil || len(b.buf) != d.pos {
		return answer{}, d.failed(b)
	}
	d.clip()
	return d.answer, nil
}

// failed returns the reason: a read error has precedence over the content.
func (d *cborDecoder) failed(b *body) error {
	if err := b.all(); err != nil {
		return err
	}
	if d.err != nil && pass(b.buf, 0, 0) == len(b.buf) {
		return d.err
	}
	return errCBOR
}

// unit takes the next unit.
func (d *cborDecoder) unit() bool {
	switch d.within {
	case atStart:
		n, next := count(d.b, d.pos, cborMap)
		d.members = n
		return next >= 0 && d.passed(next, inMembers)
	case inMembers:
		if done, next := last(d.b, d.pos, d.members); done {
			return d.seen&sawRecords != 0 && d.passed(next, atEnd)
		}
		return d.member()
	case inRecords:
		if done, next := last(d.b, d.pos, d.records); done {
			return d.passed(next, inMembers)
		}
		return d.record()
	}
	return false
}

// passed notes that a unit ends at pos.
func (d *cborDecoder) passed(pos int, next uint8) bool {
	d.pos, d.within = pos, next
	return true
}

// member takes the next member of the answer, of the records only their head.
func (d *cborDecoder) member() bool {
	name, i := chunk(d.b, d.pos, cborText)
	if i < 0 {
		return false
	}
	var member uint8
	within := inMembers
	switch null := isNull(d.b, i); {
	case null:
		i++
	case string(name) == "Records":
		member, within = sawRecords, inRecords
		d.records, i = count(d.b, i, cborArray)
		d.first = i
	case string(name) == "NextShardIterator":
		var s []byte
		if s, i = chunk(d.b, i, cborText); i >= 0 {
			member, d.next = sawNext, new(string(s))
		}
	case string(name) == "MillisBehindLatest":
		var n int64
		if n, i = integer(d.b, i); i >= 0 {
			member, d.behind = sawBehind, &n
		}
	case string(name) == "ChildShards":
		member = sawChildren
		d.children, i = appendAsJSON(nil, d.b, i, 0)
	default:
		i = pass(d.b, i, 0)
	}
	if i < 0 || d.seen&member != 0 {
		return false
	}
	d.seen |= member
	d.members = less(d.members)
	return d.passed(i, within)
}

// integer takes one that an int64 can hold.
func integer(b []byte, i int) (int64, int) {
	major, n, _, next := head(b, i)
	switch {
	case next < 0 || n > math.MaxInt64:
		return 0, -1
	case major == cborUint:
		return int64(n), next
	case major == cborNegative:
		return -1 - int64(n), next
	}
	return 0, -1
}

// record takes one record.
func (d *cborDecoder) record() bool {
	n, i := count(d.b, d.pos, cborMap)
	var r parts
	var seen uint8
	for i >= 0 {
		done, next := last(d.b, i, n)
		if done {
			return seen&sawRecord == sawRecord && d.take(&r, next)
		}
		var member uint8
		member, i = d.recordMember(&r, i)
		if seen&member != 0 {
			return false
		}
		seen |= member
		n = less(n)
	}
	return false
}

// recordMember takes the next member of a record, and returns which one it is.
func (d *cborDecoder) recordMember(r *parts, i int) (uint8, int) {
	b := d.b
	name, i := chunk(b, i, cborText)
	if i < 0 {
		return 0, -1
	}
	if isNull(b, i) {
		return 0, i + 1
	}
	switch string(name) {
	case "SequenceNumber":
		r.sequence, i = chunk(b, i, cborText)
		return sawSequence, i
	case "ApproximateArrivalTimestamp":
		r.arrival, i = cborTimestamp(b, i)
		return sawArrival, i
	case "Data":
		if major, _, _, next := head(b, i); next >= 0 && major == cborText {
			d.err = errCBORText
		}
		r.data, i = chunk(b, i, cborBytes)
		return sawData, i
	case "PartitionKey":
		r.key, i = chunk(b, i, cborText)
		return sawKey, i
	case "EncryptionType":
		var s []byte
		s, i = chunk(b, i, cborText)
		r.encryption = encryptionType(s)
		return sawEncryption, i
	}
	return 0, pass(b, i, 0)
}

// take copies a record out of the body, in which it ends at end.
func (d *cborDecoder) take(r *parts, end int) bool {
	if !isDecimal(r.sequence) {
		return false
	}
	at := progress{done: end - d.first, left: max(d.end-end, 0)}
	n := copy(d.blocks.room(len(r.data), at), r.data)
	d.add(r, d.blocks.keep(n), at)
	d.records = less(d.records)
	return d.passed(end, inRecords)
}

// cborTimestamp takes a time: tag 1 and a whole number of milliseconds since 1970, which differs from tag 1 of RFC
// 8949, but is what this protocol means. A time in 1970 counts as unknown.
func cborTimestamp(b []byte, i int) (time.Time, int) {
	major, tag, _, next := head(b, i)
	if next >= 0 && major == cborTag && tag == 1 {
		i = next
	}
	millis, next := integer(b, i)
	switch {
	case next < 0 || millis < 0 || millis >= maxMillis:
		return time.Time{}, -1
	case millis < firstMillis:
		return time.Time{}, next
	}
	return time.UnixMilli(millis).UTC(), next
}
