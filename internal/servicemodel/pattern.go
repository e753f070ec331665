package servicemodel

import (
	"regexp"
)

// pattern is a pattern of a model, or why it cannot be checked here.
type pattern struct {
	match *regexp.Regexp
	err   error
}

// unicodeEscape is Java's notation for a character, which Go writes \x{XXXX}.
var unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// compile reads a pattern as AWS's services do: the whole of a text must match it, whether it has anchors or not.
// Lookarounds, and repetitions beyond 1,000, are what Go cannot express.
func compile(text string) pattern {
	match, err := regexp.Compile(`\A(?:` + unicodeEscape.ReplaceAllString(text, `\x{$1}`) + `)\z`)
	return pattern{match, err}
}
