package filter

import (
	"bytes"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// TestNoCaseOfACharacterBeginsOrEndsWithTheOther, without which an operand could be taken off a string in two ways.
func TestNoCaseOfACharacterBeginsOrEndsWithTheOther(t *testing.T) {
	several := 0
	for r := range rune(unicode.MaxRune + 1) {
		if 0xD800 <= r && r < 0xE000 {
			continue
		}
		f := foldRunes(string(r))[0]
		if len([]rune(string(f.lower)))+len([]rune(string(f.upper))) > 2 {
			several++
		}
		if bytes.Equal(f.lower, f.upper) {
			continue
		}
		for _, pair := range [][2][]byte{{f.lower, f.upper}, {f.upper, f.lower}} {
			require.False(t, bytes.HasPrefix(pair[0], pair[1]) || bytes.HasSuffix(pair[0], pair[1]), "%c", r)
		}
	}
	require.Equal(t, 103, several, "characters that have a case of several, by Unicode's SpecialCasing.txt")
}
