package audit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBadFlagsAreNamedWithTheirBounds(t *testing.T) {
	for arg, want := range map[string]string{
		"-shards=0":       "-shards is 0, must be between 1 and 10000",
		"-shards=10001":   "-shards is 10001, must be between 1 and 10000",
		"-records=0":      "-records is 0, must be at least 1",
		"-record-size=1":  "-record-size is 1, must be between 32 and",
		"-work=-1s":       "-work is -1s, must be at least 0",
		"-batch=0":        "-batch is 0, must be between 1 and 10000",
		"-endpoint=foo":   `-endpoint is "foo", must be a URL`,
		"-stream=":        "-stream must not be empty",
		"what":            `unexpected argument "what"`,
		"-no-such-option": "flag provided but not defined",
	} {
		_, err := Parse([]string{arg})
		require.ErrorContains(t, err, want)
	}
}

func TestAggregateOfLargeRecordsStaysBelowItsLimit(t *testing.T) {
	numbers := []int{0, keys, 2 * keys, 3 * keys, 1}
	var got [][]int
	for _, e := range aggregates(numbers, maxAggregate/2) {
		got = append(got, e.numbers)
	}
	assert.Equal(t, [][]int{{0, keys}, {2 * keys, 3 * keys}, {1}}, got)
	assert.Len(t, aggregates(numbers, 1<<20), len(numbers), "a record that is larger goes alone")
}
