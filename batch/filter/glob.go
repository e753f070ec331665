package filter

import (
	"bytes"
	"strconv"
)

// The grammar of a wildcard operand:
//
//	wildcard = { character | "*" | "\*" | "\\" }
//
// A star stands for any number of characters, none included. Two stars in a row, and a backslash before anything but
// a star or a backslash, are errors.

// glob is a wildcard expression: what stands between its stars, in order. Without a star it has one part.
type glob [][]byte

// matches takes each middle part at the first place where it fits, which leaves the most for the parts behind it.
func (g glob) matches(s []byte) bool {
	last := len(g) - 1
	if last == 0 {
		return bytes.Equal(s, g[0])
	}
	if len(s) < len(g[0])+len(g[last]) || !bytes.HasPrefix(s, g[0]) || !bytes.HasSuffix(s, g[last]) {
		return false
	}
	s = s[len(g[0]) : len(s)-len(g[last])]
	for _, part := range g[1:last] {
		at := bytes.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}

// parseGlob reads a wildcard operand. Positions in reasons count bytes from 1, as the engine does.
func parseGlob(text string) (g glob, reason string) {
	part := []byte{}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '*' && i+1 < len(text) && text[i+1] == '*':
			return nil, "Consecutive wildcard characters at pos " + strconv.Itoa(i+1)
		case c == '*':
			g = append(g, part)
			part = []byte{}
		case c != '\\':
			part = append(part, c)
		case i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '\\'):
			i++
			part = append(part, text[i])
		default:
			return nil, "Invalid escape character at pos " + strconv.Itoa(i+1)
		}
	}
	g = append(g, part)
	if g.complexity() >= maxComplexity {
		return nil, "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"
	}
	return g, ""
}
