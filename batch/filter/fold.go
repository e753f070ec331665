package filter

import (
	"bytes"
	"unicode"
)

// foldRune is one character of an equals-ignore-case operand, in its two cases. The engine takes the lower and the upper case
// of each character of an operand, by Java's String.toLowerCase and toUpperCase, and compares with those: both may have
// several characters, and the character itself is neither where it is a title case. That is no case folding. "ß" in a
// pattern matches "SS" and "ß", but neither "ss" nor "ẞ"; "SS" does not match "ß".
type foldRune struct{ lower, upper []byte }

func foldRunes(s string) []foldRune {
	runes := make([]foldRune, 0, len(s))
	for _, r := range s {
		f := foldRune{lower: []byte(string(unicode.ToLower(r))), upper: []byte(string(unicode.ToUpper(r)))}
		if several, ok := upperOf[r]; ok {
			f.upper = []byte(several)
		}
		if r == dottedI {
			f.lower = []byte(lowerDottedI)
		}
		runes = append(runes, f)
	}
	return runes
}

// foldPrefix takes the operand off the front of s. Neither case of a character begins with the other, or ends with it, so
// that there is one way to do so at most.
func foldPrefix(s []byte, operand []foldRune) (rest []byte, ok bool) {
	for i := range operand {
		f := &operand[i]
		switch {
		case bytes.HasPrefix(s, f.lower):
			s = s[len(f.lower):]
		case bytes.HasPrefix(s, f.upper):
			s = s[len(f.upper):]
		default:
			return nil, false
		}
	}
	return s, true
}

// foldSuffix reports whether s ends with the operand.
func foldSuffix(s []byte, operand []foldRune) bool {
	for i := len(operand) - 1; i >= 0; i-- {
		f := &operand[i]
		switch {
		case bytes.HasSuffix(s, f.lower):
			s = s[:len(s)-len(f.lower)]
		case bytes.HasSuffix(s, f.upper):
			s = s[:len(s)-len(f.upper)]
		default:
			return false
		}
	}
	return true
}
