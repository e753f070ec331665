package filter_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch/filter"
)

// seeds are some random patterns and events, and some that are cut off.
func seeds(add func(pattern, event string)) {
	for seed := range uint64(200) {
		g := generator{rand.New(rand.NewPCG(seed, 3)), 2}
		event := g.event(4)
		pattern := g.pattern(2)
		if seed%2 == 0 {
			pattern = g.patternFor(event)
		}
		if seed%10 == 0 {
			pattern, event = pattern[:len(pattern)-g.IntN(len(pattern))], event[:len(event)-g.IntN(len(event))]
		}
		add(pattern, event)
	}
}

// FuzzParse looks for patterns that make the parser panic, or that it takes though they are not JSON objects.
func FuzzParse(f *testing.F) {
	seeds(func(pattern, _ string) { f.Add(pattern) })
	f.Fuzz(func(t *testing.T, pattern string) {
		p, err := filter.Parse(pattern)
		if err != nil {
			var e *filter.Error
			require.ErrorAs(t, err, &e)
			require.True(t, strings.HasPrefix(err.Error(), filter.InvalidDefinition))
			require.NotEmpty(t, e.Reason)
			require.Positive(t, e.Line)
			require.LessOrEqual(t, e.Line, 1+strings.Count(pattern, "\n"))
			require.Error(t, errors.Unwrap(err))
			return
		}
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(pattern), &object))
		require.NotEmpty(t, object)
		p.Match([]byte(pattern))
		_, _ = filter.Compile([]string{pattern, pattern}, 0)
	})
}

// hugeExponent is a number that the reference would take very long to make.
var hugeExponent = regexp.MustCompile(`[eE][+-]?\d{4}`)

// FuzzMatch looks for events that make the matcher panic, whose validity it sees differently from encoding/json,
// or that it matches where the reference does not, or the other way round.
func FuzzMatch(f *testing.F) {
	seeds(func(pattern, event string) { f.Add(pattern, []byte(event)) })
	all := filter.MustParse(`{"a key that no event has":[{"exists":false}]}`)
	f.Fuzz(func(t *testing.T, pattern string, event []byte) {
		trimmed := strings.TrimLeft(string(event), " \n\r\t")
		valid := json.Valid(event)
		require.Equal(t, valid && strings.HasPrefix(trimmed, "{"), all.Match(event), "validity")

		p, err := filter.Parse(pattern)
		if err != nil {
			return
		}
		got := p.Match(event)
		if !valid {
			require.False(t, got)
			return
		}
		if !utf8.Valid(event) || hugeExponent.Match(event) || hugeExponent.MatchString(pattern) || strings.Contains(pattern, "cidr") || len(event) > 1000 {
			return // the reference replaces bytes that are not UTF-8, knows CIDR less well, and takes long for large events
		}
		require.Equal(t, refMatch(refDecode(pattern), refDecode(string(event))), got)
	})
}
