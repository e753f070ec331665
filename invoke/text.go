package invoke

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string with the minimal valid escaping: the quote, the backslash and the control
// characters, without HTML escaping. U+2028 and U+2029 are unchanged: JSON allows them, and Java's encoders, which AWS
// uses, do not escape them. Each byte that is not UTF-8 becomes \ufffd, as in encoding/json.
func appendString(dst []byte, s string) []byte {
	return append(appendText(append(dst, '"'), s), '"')
}

// appendText is appendString without the surrounding quotes.
func appendText(dst []byte, s string) []byte {
	if isPlain(s) {
		return append(dst, s...)
	}
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			dst = appendByte(dst, s[i])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, `\ufffd`...)
		} else {
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return dst
}

// appendByte appends one ASCII character.
func appendByte(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if c < ' ' {
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
	return append(dst, c)
}

// textSize returns the length of the output of appendText.
func textSize(s string) int {
	if isPlain(s) {
		return len(s)
	}
	n := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			n += byteSize(s[i])
			i++
			continue
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && width == 1 {
			n += len(`\ufffd`)
		} else {
			n += width
		}
		i += width
	}
	return n
}

// byteSize returns the length of the output of appendByte.
func byteSize(c byte) int {
	switch c {
	case '"', '\\', '\b', '\f', '\n', '\r', '\t':
		return 2
	}
	if c < ' ' {
		return len(`\u0000`)
	}
	return 1
}

// isPlain reports whether s is ASCII with nothing to escape. Keys, sequence numbers and ARNs are, so almost every
// string takes this path. It checks eight bytes at a time because SizeOf calls it for every record that is read.
func isPlain(s string) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		// A byte's high bit is set in w if it is not ASCII, and after the subtractions if it was below ' ', or zero
		// after the exclusive or, that is a quote or a backslash.
		if (w|(w-each*' ')|((w^each*'"')-each)|((w^each*'\\')-each))&high != 0 {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
