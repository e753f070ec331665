package filter

import (
	"encoding/binary"
	"math/bits"
)

// The scanner accepts exactly what json.Valid accepts: the grammar of RFC 8259, no deeper than maxDepth. Bytes within
// strings that are not UTF-8 are let through, as there. All its functions take the text and the place to begin at, and
// return the place behind what they read, or invalid.

const (
	invalid  = -1
	maxDepth = 10_000
)

// skipSpace returns the first place from i on that is no white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// scanString begins behind the opening quote. It returns the place of the closing one, and whether there are escapes
// before it.
func scanString(b []byte, i int) (end int, escaped bool) {
	for i+8 <= len(b) {
		stops := stopBits(binary.LittleEndian.Uint64(b[i:]))
		if stops == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(stops) / 8
		if b[i] == '"' {
			return i, escaped
		}
		if i = scanStop(b, i); i == invalid {
			return invalid, false
		}
		escaped = true
	}
	end, more := scanStringEnd(b, i)
	return end, escaped || more
}

// scanStringEnd is scanString for the last bytes of a text.
func scanStringEnd(b []byte, i int) (end int, escaped bool) {
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			return i, escaped
		case c != '\\' && c >= ' ':
			i++
		default:
			if i = scanStop(b, i); i == invalid {
				return invalid, false
			}
			escaped = true
		}
	}
	return invalid, false
}

// stopBits flags the first of eight bytes that may end a run of plain characters: a quote, a backslash or a control
// character. Flags above the lowest may be wrong.
func stopBits(eight uint64) uint64 {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	quotes := eight ^ ones*'"'
	slashes := eight ^ ones*'\\'
	return ((eight-ones*' ')&^eight | (quotes-ones)&^quotes | (slashes-ones)&^slashes) & high
}

// scanStop reads what is neither plain nor a quote, at b[i]: an escape, or else a control character, which is invalid.
func scanStop(b []byte, i int) int {
	if i++; b[i-1] != '\\' || i >= len(b) {
		return invalid
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if i+5 > len(b) || hex4(b[i+1:]) == invalid {
			return invalid
		}
		return i + 5
	}
	return invalid
}

// scanNumber begins at a byte that exists.
func scanNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return invalid
	case b[i] == '0':
		i++
	default:
		if i = scanDigits(b, i); i == invalid {
			return invalid
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = scanDigits(b, i+1); i == invalid {
			return invalid
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return scanDigits(b, i)
	}
	return i
}

// scanDigits reads one digit or more.
func scanDigits(b []byte, i int) int {
	begin := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == begin {
		return invalid
	}
	return i
}

func scanLiteral(b []byte, i int, literal string) int {
	if len(b)-i < len(literal) || string(b[i:i+len(literal)]) != literal {
		return invalid
	}
	return i + len(literal)
}

// skipValue reads a value that no pattern asks about. It begins at the value's first byte, within depth containers.
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return invalid
	}
	switch b[i] {
	case '"':
		end, _ := scanString(b, i+1)
		if end == invalid {
			return invalid
		}
		return end + 1
	case '{':
		return skipObject(b, i+1, depth+1)
	case '[':
		return skipArray(b, i+1, depth+1)
	case 't':
		return scanLiteral(b, i, "true")
	case 'f':
		return scanLiteral(b, i, "false")
	case 'n':
		return scanLiteral(b, i, "null")
	}
	return scanNumber(b, i)
}

func skipObject(b []byte, i, depth int) int {
	i = skipSpace(b, i)
	if i >= len(b) || depth > maxDepth {
		return invalid
	}
	if b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return invalid
		}
		end, _ := scanString(b, i+1)
		if end == invalid {
			return invalid
		}
		if i = scanColon(b, end+1); i == invalid {
			return invalid
		}
		if i = skipValue(b, i, depth); i == invalid {
			return invalid
		}
		var more bool
		if i, more = scanMore(b, i, '}'); !more {
			return i
		}
	}
}

func skipArray(b []byte, i, depth int) int {
	i = skipSpace(b, i)
	if i >= len(b) || depth > maxDepth {
		return invalid
	}
	if b[i] == ']' {
		return i + 1
	}
	for {
		if i = skipValue(b, i, depth); i == invalid {
			return invalid
		}
		var more bool
		if i, more = scanMore(b, i, ']'); !more {
			return i
		}
	}
}

// scanColon reads a colon and the space around it.
func scanColon(b []byte, i int) int {
	if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
		return invalid
	}
	return skipSpace(b, i+1)
}

// scanMore reads what follows an element: a comma, and the space to the next element, or the end of the container.
func scanMore(b []byte, i int, end byte) (next int, more bool) {
	i = skipSpace(b, i)
	switch {
	case i >= len(b):
		return invalid, false
	case b[i] == ',':
		return skipSpace(b, i+1), true
	case b[i] == end:
		return i + 1, false
	}
	return invalid, false
}
