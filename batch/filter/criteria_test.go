package filter_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/batch/filter"
)

func compile(t *testing.T, patterns ...string) *filter.Criteria {
	t.Helper()
	c, err := filter.Compile(patterns, 0)
	require.NoError(t, err)
	return c
}

func record(data string) *batch.Record {
	return &batch.Record{
		Data: []byte(data), PartitionKey: "device-7", SequenceNumber: "49590338271490256608559692538361571095921575989136588898",
		ArrivalTime: time.UnixMilli(1545084650987),
	}
}

func TestRecordsAreSeenAsTheirKinesisObject(t *testing.T) {
	for _, c := range []struct {
		name, pattern, data string
		want                filter.MatchResult
	}{
		{"data", `{"data":{"event_type":["function_1"]}}`, `{"event_type":"function_1"}`, filter.Passed},
		{"other data", `{"data":{"event_type":["function_1"]}}`, `{"event_type":"function_2"}`, filter.Filtered},
		{"partition key", `{"partitionKey":[{"prefix":"device-"}]}`, `{}`, filter.Passed},
		{"sequence number is a string", `{"sequenceNumber":["49590338271490256608559692538361571095921575989136588898"]}`, `{}`, filter.Passed},
		{"arrival is a number of seconds", `{"approximateArrivalTimestamp":[1545084650.987]}`, `{}`, filter.Passed},
		{"arrival in a range", `{"approximateArrivalTimestamp":[{"numeric":["<",1545084650.987]}]}`, `{}`, filter.Filtered},
		{"schema version", `{"kinesisSchemaVersion":["1.0"]}`, `{}`, filter.Passed},
		{"data and key are ANDed", `{"data":{"a":[1]},"partitionKey":["other"]}`, `{"a":1}`, filter.Filtered},
		{"the Lambda record is not the root", `{"kinesis":{"partitionKey":["device-7"]}}`, `{}`, filter.Filtered},
		{"nor are its fields there", `{"eventName":[{"exists":false}]}`, `{}`, filter.Passed},
		{"dots join keys", `{"data.a":[1]}`, `{"a":1}`, filter.Passed},
		{"a scalar has no fields below", `{"partitionKey":{"x":[{"exists":false}]}}`, `{}`, filter.Passed},

		{"data that is no JSON", `{"data":{"a":[1]}}`, `a=1`, filter.NotJSON},
		{"even where absence is asked for", `{"data":{"a":[{"exists":false}]}}`, `{"b":1`, filter.NotJSON},
		{"empty data is no JSON", `{"data":{"a":[{"exists":false}]}}`, ``, filter.NotJSON},
		{"metadata of data that is no JSON", `{"partitionKey":["device-7"]}`, `a=1`, filter.Passed},
		{"metadata that does not fit", `{"partitionKey":["x"]}`, `a=1`, filter.Filtered},
		{"both", `{"data":{"a":[1]},"partitionKey":["device-7"]}`, `a=1`, filter.NotJSON},
		{"a branch that does not ask about data", `{"$or":[{"data":{"a":[1]}},{"partitionKey":["device-7"]}]}`, `a=1`, filter.Passed},
		{"what came before the mistake does not count", `{"data":{"a":[1]},"partitionKey":["device-7"]}`, `{"a":1,"x":[{"y":1`, filter.NotJSON},
		{"aggregates are no JSON", `{"data":{"a":[1]}}`, "\xf3\x89\x9a\xc2\n\x01a", filter.NotJSON},

		{"data may be an array", `{"data":{"a":[1]}}`, `[{"a":2},{"a":1}]`, filter.Passed},
		{"or a scalar", `{"data":{"a":[{"exists":false}]}}`, ` "text" `, filter.Passed},
		{"a scalar has no fields", `{"data":{"a":[{"exists":true}]}}`, `5`, filter.Filtered},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, compile(t, c.pattern).Match(record(c.data)))
		})
	}
}

// TestArrivalHasMilliseconds, before 1970 too.
func TestArrivalHasMilliseconds(t *testing.T) {
	for pattern, ms := range map[string]int64{"0": 0, "1.5": 1500, "0.007": 7, "-0.05": -50, "-1.5": -1500, "-12": -12_000} {
		r := record(`{}`)
		r.ArrivalTime = time.UnixMilli(ms)
		c := compile(t, `{"approximateArrivalTimestamp":[`+pattern+`]}`)
		require.Equal(t, filter.Passed, c.Match(r), pattern)
		r.ArrivalTime = time.UnixMilli(ms + 1)
		require.Equal(t, filter.Filtered, c.Match(r), pattern)
	}
}

func TestFiltersAreORed(t *testing.T) {
	c := compile(t, `{"data":{"a":[1]}}`, `{"data":{"a":[2]}}`, `{"partitionKey":["x"]}`)
	require.True(t, c.Match(record(`{"a":1}`)).Passes())
	require.True(t, c.Match(record(`{"a":2}`)).Passes())
	require.False(t, c.Match(record(`{"a":3}`)).Passes())
	require.Equal(t, filter.NotJSON, c.Match(record(`-`)))
	r := record(`-`)
	r.PartitionKey = "x"
	require.Equal(t, filter.Passed, c.Match(r))
}

func TestAPartitionKeyThatARecordDoesNotHaveIsNull(t *testing.T) {
	r := record(`{}`)
	r.PartitionKey = ""
	for pattern, want := range map[string]bool{
		`{"partitionKey":[null]}`: true, `{"partitionKey":[""]}`: false, `{"partitionKey":[{"exists":true}]}`: true,
		`{"partitionKey":[{"prefix":""}]}`: false, `{"partitionKey":[{"anything-but":"x"}]}`: true,
	} {
		require.Equal(t, want, compile(t, pattern).Match(r).Passes(), pattern)
	}
	require.False(t, compile(t, `{"partitionKey":[null]}`).Match(record(`{}`)).Passes())
}

// One match must not let the records around it through.
func TestRecordsAreJudgedOneByOne(t *testing.T) {
	c := compile(t, `{"data":{"r":{"a":[1],"b":[{"exists":false}]}}}`)
	pass, drop := record(`{"r":[{"a":1},{"b":1}]}`), record(`{"r":[{"a":1,"b":1}]}`)
	for range 3 {
		require.Equal(t, filter.Passed, c.Match(pass))
		require.Equal(t, filter.Filtered, c.Match(drop))
	}
}

func TestWithoutFiltersEverythingPasses(t *testing.T) {
	require.Equal(t, filter.Passed, compile(t).Match(record(`-`)))
}

func TestDeliveredBytesAreNotChanged(t *testing.T) {
	r := record(" {\"a\" : 1.50, \"a\":\"\\u0041\" }\n")
	before := bytes.Clone(r.Data)
	require.Equal(t, filter.Passed, compile(t, `{"data":{"a":["A"]}}`).Match(r))
	require.Equal(t, before, r.Data)
}

func TestDataPatternMustBeAnObject(t *testing.T) {
	for _, p := range []string{`{"data":["x"]}`, `{"data":[{"exists":true}]}`, `{"data":"x"}`, `{"data":null}`, `{"data":{}}`, `{"$or":[{"data":["x"]},{"partitionKey":["x"]}]}`} {
		_, err := filter.Compile([]string{p}, 0)
		require.ErrorContains(t, err, filter.InvalidDefinition, p)
	}
	_, err := filter.Compile([]string{"{\n\"data\":[1]}"}, 0)
	require.EqualError(t, err, `Invalid filter pattern definition. filter 1, line 2, "data": the pattern for data must be a JSON object`)
}

func TestAllPatternsAreReported(t *testing.T) {
	_, err := filter.Compile([]string{`{"a":1}`, `{"a":[1]}`, `{"b":[]}`}, 0)
	require.EqualError(t, err, "Invalid filter pattern definition. filter 1, line 1, \"a\": \"a\" must be an object or an array\n"+
		"Invalid filter pattern definition. filter 3, line 1, \"b\": Empty arrays are not allowed")
	var e *filter.Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, 1, e.Filter)
}

func TestNumberOfFiltersIsLimited(t *testing.T) {
	for _, c := range []struct {
		filters, limit int
		ok             bool
	}{{5, 0, true}, {6, 0, false}, {6, 10, true}, {10, 10, true}, {11, 10, false}, {1, 1, true}, {2, 1, false}, {0, 11, false}, {0, -1, false}} {
		_, err := filter.Compile(slices.Repeat([]string{`{"a":[1]}`}, c.filters), c.limit)
		require.Equal(t, c.ok, err == nil, "%d filters, limit %d: %v", c.filters, c.limit, err)
	}
	_, err := filter.Compile(slices.Repeat([]string{`{"a":[1]}`}, 6), 0)
	require.EqualError(t, err, "1 validation error detected: Value with 6 members at 'filterCriteria.filters' failed to satisfy constraint: "+
		"Member must have length less than or equal to 5")
}

func TestMatchResultsHaveNames(t *testing.T) {
	require.Equal(t, []string{"filtered", "not JSON", "passed", "MatchResult(9)"},
		[]string{filter.Filtered.String(), filter.NotJSON.String(), filter.Passed.String(), filter.MatchResult(9).String()})
}
