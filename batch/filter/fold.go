package filter

import (
	"unicode"
	"unicode/utf8"
)

// foldRune is one character of an equals-ignore-case operand, with its two cases. The engine compares character by
// character with the lower and the upper case of the operand's, by mappings of one character to one. It is no full
// case folding: "ẞ" in a pattern matches "ß", but "ß" does not match "ẞ" or "SS".
type foldRune struct{ is, lower, upper rune }

func foldRunes(s string) []foldRune {
	runes := make([]foldRune, 0, len(s))
	for _, r := range s {
		runes = append(runes, foldRune{is: r, lower: unicode.ToLower(r), upper: unicode.ToUpper(r)})
	}
	return runes
}

func (f foldRune) matches(r rune) bool { return r == f.lower || r == f.upper || r == f.is }

// foldPrefix takes the operand off the front of s.
func foldPrefix(s []byte, operand []foldRune) (rest []byte, ok bool) {
	for _, f := range operand {
		r, size := utf8.DecodeRune(s)
		if !f.matches(r) || r == utf8.RuneError && size < 2 {
			return nil, false
		}
		s = s[size:]
	}
	return s, true
}

// foldSuffix reports whether s ends with the operand.
func foldSuffix(s []byte, operand []foldRune) bool {
	for i := len(operand) - 1; i >= 0; i-- {
		r, size := utf8.DecodeLastRune(s)
		if !operand[i].matches(r) || r == utf8.RuneError && size < 2 {
			return false
		}
		s = s[:len(s)-size]
	}
	return true
}
