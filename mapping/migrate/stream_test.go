package migrate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/migrate"
)

// TestRowsOfAKCLTableAreThoseOfTheDescribedStream: one application may read streams of one name in several accounts, or a stream
// that was deleted and created again. All four parts of a key count.
func TestRowsOfAKCLTableAreThoseOfTheDescribedStream(t *testing.T) {
	const (
		one    = "111111111111:orders:1600000000"
		two    = "222222222222:orders:1600000000"
		again  = "111111111111:orders:1700000000"
		users  = "111111111111:users:1600000000"
		single = migrate.SingleStream
	)
	for title, c := range map[string]struct {
		stream  string
		rows    []item
		want    map[string]driver.Progress
		err     []string // of Import
		refused string
	}{
		"two accounts":             {stream: two, rows: []item{kcl1(one+":a", "41"), kcl1(two+":a", "42")}, want: map[string]driver.Progress{"a": within(42, 0)}},
		"the older of two streams": {stream: one, rows: []item{kcl1(one+":a", "41"), kcl1(again+":a", "42")}, want: map[string]driver.Progress{"a": within(41, 0)}},
		"the newer of two streams": {stream: again, rows: []item{kcl1(one+":a", "SHARD_END"), kcl1(again+":a", "42")}, want: map[string]driver.Progress{"a": within(42, 0)}},
		"one stream of the name":   {stream: "orders", rows: []item{kcl1(one+":a", "41"), kcl1(users+":a", "42")}, want: map[string]driver.Progress{"a": within(41, 0)}},
		"two of the name, chosen by the name": {stream: "orders", rows: []item{kcl1(one+":a", "41"), kcl1(again+":a", "42")}, err: []string{
			`shard a has the rows "` + one + `:a" and "` + again + `:a"`, `set Stream to one of "` + one + `", "` + again + `"`,
		}},
		"nothing chosen, one shard each": {rows: []item{kcl1(one+":a", "41"), kcl1(two+":b", "42")}, err: []string{`set Stream to one of "` + one + `", "` + two + `"`}},
		"only another stream of the name": {
			stream: again, rows: []item{kcl1(one+":a", "41")}, want: map[string]driver.Progress{},
			refused: `has no shard of the stream, only rows of "` + one + `"`,
		},
		"a table of one stream":         {stream: one, rows: []item{kcl1("a", "41")}, want: map[string]driver.Progress{"a": within(41, 0)}},
		"rows from before, not chosen":  {rows: []item{kcl1("a", "41"), kcl1(one+":a", "42")}, err: []string{`shard a has the rows "a" and "` + one + `:a"`, `set Stream to one of "-", "` + one + `"`}},
		"rows from before, the new":     {stream: one, rows: []item{kcl1("a", "41"), kcl1(one+":a", "42")}, want: map[string]driver.Progress{"a": within(42, 0)}},
		"rows from before, the old":     {stream: single, rows: []item{kcl1("a", "41"), kcl1(one+":a", "42")}, want: map[string]driver.Progress{"a": within(41, 0)}},
		"rows from before, by the name": {stream: "orders", rows: []item{kcl1("a", "41"), kcl1(one+":a", "42")}, err: []string{`shard a has the rows "a" and "` + one + `:a"`}},
	} {
		t.Run(title, func(t *testing.T) {
			store := stored(t, nil)
			from := migrate.Table{Client: &tables{rows: map[string][]item{"t": c.rows}}, Name: "t", Format: migrate.KCL, Stream: c.stream}
			plan, err := migrate.Import(t.Context(), from, migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon})
			for _, text := range c.err {
				require.ErrorContains(t, err, text)
			}
			if c.err != nil {
				assert.Empty(t, progress(t, store))
				return
			}
			require.NoError(t, err)
			err = plan.Apply(t.Context())
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused)
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, c.want, progress(t, store))
		})
	}
}

// TestRowsOfAnotherStreamThanTheMappingsAreRefused, whether Stream chose them or not: shards of all streams have the same IDs.
func TestRowsOfAnotherStreamThanTheMappingsAreRefused(t *testing.T) {
	ours, err := mapping.StoreKey("arn:aws:kinesis:us-east-1:111111111111:stream/orders", "f")
	require.NoError(t, err)
	fanout, err := mapping.StoreKey("arn:aws:kinesis:us-east-1:111111111111:stream/orders/consumer/f:1600000007", "f")
	require.NoError(t, err)
	created := time.Unix(1600000000, 999e6)
	for title, c := range map[string]struct {
		mapping, rows, stream string
		created               time.Time
		refused               string
	}{
		"ours":                    {mapping: ours, rows: "111111111111:orders:1600000000", created: created},
		"ours by fan-out":         {mapping: fanout, rows: "111111111111:orders:1600000000", created: created},
		"ours, with another name": {mapping: "orders-v2", rows: "111111111111:orders:1600000000"},
		"another account":         {mapping: ours, rows: "222222222222:orders:1600000000", refused: `"222222222222:orders:1600000000", and the mapping is of arn:aws:kinesis:us-east-1:111111111111:stream/orders`},
		"by fan-out":              {mapping: fanout, rows: "222222222222:orders:1600000000", refused: "and the mapping is of"},
		"another name":            {mapping: ours, rows: "111111111111:users:1600000000", refused: "and the mapping is of"},
		"deleted before":          {mapping: ours, rows: "111111111111:orders:1500000000", created: created, refused: "was created at 2020-09-13T12:26:40Z"},
		"deleted before, by name": {mapping: ours, rows: "111111111111:orders:1500000000", stream: "orders", created: created, refused: "was created at"},
	} {
		t.Run(title, func(t *testing.T) {
			store := mapping.NewMemoryStore()
			from := migrate.Table{Client: &tables{rows: map[string][]item{"t": {kcl1(c.rows+":a", "41")}}}, Name: "t", Format: migrate.KCL, Stream: c.stream}
			plan, err := migrate.Import(t.Context(), from, migrate.Target{Store: store, Mapping: c.mapping, StartingPosition: mapping.TrimHorizon, StreamCreated: c.created})
			require.NoError(t, err)
			if c.refused == "" {
				require.NoError(t, plan.Apply(t.Context()))
				return
			}
			require.ErrorIs(t, plan.Apply(t.Context()), migrate.ErrRefused)
			require.ErrorContains(t, plan.Refused(), "table t has rows of another stream: they are of "+`"`+c.rows)
			require.ErrorContains(t, plan.Refused(), c.refused)
			all, err := store.Progress(t.Context(), c.mapping)
			require.NoError(t, err)
			assert.Empty(t, all)
		})
	}
}

func TestKCLStreamNamesAStreamAsKCLDoes(t *testing.T) {
	const arn = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	stream, err := migrate.KCLStream(arn, time.Unix(1600000000, 999e6))
	require.NoError(t, err)
	assert.Equal(t, "123456789012:orders:1600000000", stream)
	for _, bad := range []string{"", "orders", "arn:aws:kinesis:us-east-1::stream/orders", "arn:aws:kinesis:us-east-1:123456789012:stream/", arn[:40]} {
		_, err := migrate.KCLStream(bad, time.Unix(1600000000, 0))
		require.ErrorContains(t, err, "is not the ARN of a stream", bad)
	}
	_, err = migrate.KCLStream(arn, time.Time{})
	require.ErrorContains(t, err, "is not known")
}
