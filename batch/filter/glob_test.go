package filter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The first two are AWS's recorded answers: allowed, and too complex.
func TestComplexityOfWildcards(t *testing.T) {
	for text, want := range map[string]int{
		"/Users/*/dir/dir/dir/dir/dir/doc.txt":   7,
		"*:*:*:*:*:event-bus/*":                  maxComplexity,
		"arn:aws:events:us-east-1:*:event-bus/*": 3,
		"/Users/*/doc.txt":                       2,
		"*":                                      2,
		"x":                                      1,
	} {
		var g glob
		part := ""
		for _, c := range text + "*" {
			if c == '*' {
				g = append(g, []byte(part))
				part = ""
				continue
			}
			part += string(c)
		}
		require.Equal(t, want, min(g.complexity(), maxComplexity), text)
	}
}

// The search for the complexity ends at the limit: that of the second one is 11.
func TestComplexityIsMeasuredUpToTheLimit(t *testing.T) {
	for _, text := range []string{"*:*:*:*:*:event-bus/*", "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a"} {
		var g glob
		for part := range strings.SplitSeq(text, "*") {
			g = append(g, []byte(part))
		}
		require.Equal(t, maxComplexity, g.complexity(), text)
	}
}
