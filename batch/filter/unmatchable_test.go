package filter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch/filter"
)

func TestFiltersThatNoRecordCanMatch(t *testing.T) {
	for pattern, path := range map[string]string{
		`{"kinesis":{"data":{"a":[1]}}}`:                                     "kinesis.data.a",
		`{"kinesis":{"partitionKey":["x"]}}`:                                 "kinesis.partitionKey",
		`{"eventName":["aws:kinesis:record"]}`:                               "eventName",
		`{"a":[1],"data":{"a":[1]}}`:                                         "a",
		`{"Data":{"a":[1]}}`:                                                 "Data.a",
		`{"partitionKey":{"x":["y"]}}`:                                       "partitionKey.x",
		`{"a":[{"anything-but":"x"}]}`:                                       "a",
		`{"a":[{"exists":true}]}`:                                            "a",
		`{"$or":[{"eventName":["x"]},{"kinesis":{"x":[1]}}]}`:                "eventName",
		`{"data":{"a":[1]},"$or":[{"b":["x"]},{"c":[1]}]}`:                   "b",
		`{"data":{"a":[1]}}`:                                                 "",
		`{"data.a.b":[1]}`:                                                   "",
		`{"partitionKey":["x"],"sequenceNumber":["1"]}`:                      "",
		`{"approximateArrivalTimestamp":[1],"kinesisSchemaVersion":["1.0"]}`: "",
		`{"eventName":[{"exists":false}]}`:                                   "",
		`{"eventName":["x",{"exists":false}]}`:                               "",
		`{"$or":[{"eventName":["x"]},{"data":{"a":[1]}}]}`:                   "",
	} {
		c := compile(t, `{"data":{"a":[1]}}`, pattern)
		var want []filter.Unmatchable
		if path != "" {
			want = []filter.Unmatchable{{Filter: 2, Path: path}}
		}
		require.Equal(t, want, c.Unmatchable(), pattern)
	}
	require.Empty(t, compile(t).Unmatchable())
}
