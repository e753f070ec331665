package codec

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// jsonDecoder makes one pass over the JSON of an answer, in units: the part before the records, a record with the comma
// or bracket after it, the part after the records. A unit that it cannot take may be incomplete, so it is tried again
// when more has been read; when nothing more arrives, the body goes to the SDK.
//
// A method that reads from a position returns the position after the value, or -1 if it does not recognize the value.
type jsonDecoder struct {
	b   []byte // what has been read of the body
	pos int    // behind the last whole unit
	end int    // of the whole body, as far as known

	within uint8 // which unit is next
	seen   uint8 // the members of the answer so far
	first  int   // where the records begin

	page
}

// The units.
const (
	inMembers   uint8 = iota // a member of the answer, or its end
	firstRecord              // or the end of no records
	nextRecord
	behindRecord // the comma, or the end of the records
	atEnd
)

// The members of an answer, and of a record. Each may come once.
const (
	sawRecords uint8 = 1 << iota
	sawNext
	sawBehind
)

const (
	sawSequence uint8 = 1 << iota
	sawData
	sawArrival
	sawKey
	sawEncryption

	// sawRecord are the required members of a record.
	sawRecord = sawSequence | sawData | sawArrival
)

// decodeJSON reads b to its end and decodes it. It returns false if the SDK must decode it; b has been read to its end
// then as well, or has an error.
func decodeJSON(b *body) (answer, bool) {
	var d jsonDecoder // stays on the stack, where writing a pointer costs the garbage collector nothing
	for d.within != atEnd {
		d.b, d.end = b.buf, b.size
		for d.unit() {
		}
		if d.within != atEnd && !b.more(len(b.buf)-d.pos) {
			return answer{}, false
		}
	}
	if b.all() != nil || skip(b.buf, d.pos) != len(b.buf) {
		return answer{}, false
	}
	d.clip()
	return d.answer, true
}

// unit takes the next unit.
func (d *jsonDecoder) unit() bool {
	i := skip(d.b, d.pos)
	c := at(d.b, i)
	switch {
	case d.within == nextRecord:
		return d.record(i)
	case d.within == behindRecord && c == ',':
		return d.passed(i+1, nextRecord)
	case d.within == behindRecord && c == ']':
		return d.passed(i+1, inMembers)
	case d.within == firstRecord && c == ']':
		return d.passed(i+1, inMembers)
	case d.within == firstRecord:
		return d.record(i)
	case d.within == inMembers && c == '}' && d.seen&sawRecords != 0:
		return d.passed(i+1, atEnd)
	case d.within == inMembers && (c == '{' && d.seen == 0 || c == ',' && d.seen != 0):
		return d.member(skip(d.b, i+1))
	}
	return false
}

// passed notes that a unit ends at pos.
func (d *jsonDecoder) passed(pos int, next uint8) bool {
	d.pos, d.within = pos, next
	return true
}

// member takes the member of the answer at i.
func (d *jsonDecoder) member(i int) bool {
	var member uint8
	within := inMembers
	switch {
	case has(d.b, i, `"Records":`):
		i = skip(d.b, i+len(`"Records":`)) + 1
		member, within, d.first = sawRecords, firstRecord, i
		if at(d.b, i-1) != '[' {
			return false
		}
	case has(d.b, i, `"NextShardIterator":`):
		member, i = sawNext, d.nextIterator(skip(d.b, i+len(`"NextShardIterator":`)))
	case has(d.b, i, `"MillisBehindLatest":`):
		member, i = sawBehind, d.millisBehind(skip(d.b, i+len(`"MillisBehindLatest":`)))
	}
	if member == 0 || d.seen&member != 0 || i < 0 {
		return false
	}
	d.seen |= member
	return d.passed(i, within)
}

func (d *jsonDecoder) nextIterator(i int) int {
	s, i := text(d.b, i)
	if i >= 0 {
		d.next = new(string(s))
	}
	return i
}

func (d *jsonDecoder) millisBehind(i int) int {
	n, end := digits(d.b, i)
	if end < 0 || at(d.b, end) != ',' && at(d.b, end) != '}' {
		return -1
	}
	d.behind = new(int64(n))
	return end
}

// at returns the byte at i, or 0 where there is none.
func at(b []byte, i int) byte {
	if uint(i) < uint(len(b)) {
		return b[i]
	}
	return 0
}

// has reports whether s stands at i.
func has(b []byte, i int, s string) bool {
	return len(b)-i >= len(s) && string(b[i:i+len(s)]) == s
}

// skip returns the position behind white space.
func skip(b []byte, i int) int {
	for uint(i) < uint(len(b)) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// text takes a string without escapes and control characters.
func text(b []byte, i int) ([]byte, int) {
	if at(b, i) != '"' {
		return nil, -1
	}
	i++
	end := plain(b, i)
	if at(b, end) != '"' {
		return nil, -1
	}
	return b[i:end], end + 1
}

// plain returns the position of the first quote, backslash or control character, or the end. It looks at eight bytes at
// a time: subtracting from a byte borrows from the one above only where the byte itself is found.
func plain(b []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := w^(ones*'"'), w^(ones*'\\')
		found := (quote-ones)&^quote | (backslash-ones)&^backslash | (w-ones*' ')&^w
		if found &= highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// quoted takes a string. Its decoder checks the characters.
func quoted(b []byte, i int) ([]byte, int) {
	if at(b, i) != '"' {
		return nil, -1
	}
	i++
	n := bytes.IndexByte(b[i:], '"')
	if n < 0 {
		return nil, -1
	}
	return b[i : i+n], i + n + 1
}
