package filter_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch/filter"
)

// TestCaseIsIgnoredAsTheEngineDoes has what AWS's engine (event-ruler 1.8.1) matched when it was run.
func TestCaseIsIgnoredAsTheEngineDoes(t *testing.T) {
	for _, tc := range []struct {
		operand, value string
		matches        bool
	}{
		{"straße", "STRASSE", true},
		{"straße", "STRAßE", true},
		{"straße", "straSSe", true},
		{"straße", "strasse", false},
		{"STRASSE", "straße", false},
		{"ß", "ẞ", false},
		{"ẞ", "ß", true},
		{"ẞ", "SS", false},
		{"İ", "İ", true},
		{"İ", "i\u0307", true},
		{"İ", "i", false},
		{"i", "İ", false},
		{"ı", "I", true},
		{"ı", "i", false},
		{"I", "ı", false},
		{"ς", "Σ", true},
		{"Σ", "ς", false},
		{"ς", "σ", false},
		{"σ", "ς", false},
		{"ŉ", "ʼN", true},
		{"ǆ", "ǅ", false},
		{"ǅ", "ǆ", true},
		{"ǅ", "Ǆ", true},
		{"ǅ", "ǅ", false},
		{"\u212a", "k", true},
		{"k", "\u212a", false},
		{"ﬁx", "FIX", true},
		{"ﬁx", "FIx", true},
		{"ﬁx", "fix", false},
	} {
		operand, err := json.Marshal(tc.operand)
		require.NoError(t, err)
		for _, form := range []string{
			`{"equals-ignore-case":%s}`, `{"prefix":{"equals-ignore-case":%s}}`, `{"suffix":{"equals-ignore-case":%s}}`,
			`{"anything-but":{"equals-ignore-case":%s}}`,
		} {
			pattern := fmt.Sprintf(`{"a":[`+form+`]}`, operand)
			value, err := json.Marshal(map[string]string{"a": tc.value})
			require.NoError(t, err)
			p, err := filter.Parse(pattern)
			require.NoError(t, err)
			want := tc.matches != (form == `{"anything-but":{"equals-ignore-case":%s}}`)
			require.Equal(t, want, p.Match(value), "%s %s", pattern, value)
		}
	}
	p, err := filter.Parse(`{"a":[{"prefix":{"equals-ignore-case":"straße"}},{"suffix":{"equals-ignore-case":"straße"}}]}`)
	require.NoError(t, err)
	for _, s := range []string{"STRASSE 1", "in der STRASSE", "Straße 1"} {
		require.True(t, p.Match([]byte(`{"a":"`+s+`"}`)), s)
	}
}
