package poller_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

// upperHalf holds the partition key "b", and not "a".
var upperHalf = poller.Shard{
	ID:              shardID,
	StartingHashKey: "170141183460469231731687303715884105728",
	EndingHashKey:   "340282366920938463463374607431768211455",
}

// aggregating is a fake whose records, where a name has several words, are aggregates of those words. Each word begins
// with its partition key.
func aggregating(names ...string) *fake {
	f := newFake(len(names))
	for i, name := range names {
		words := strings.Fields(name)
		f.records[i].Data = []byte(name)
		if len(words) == 1 {
			continue
		}
		var members []poller.Member
		for _, w := range words {
			members = append(members, poller.Member{Key: w[:1], Data: w})
		}
		f.records[i].Data = poller.Aggregate(members...)
	}
	return f
}

func openShard(t testing.TB, f *fake, shard poller.Shard, from poller.Start, cfg poller.Config) (*poller.Poller, poller.Reader) {
	t.Helper()
	p := newPoller(t, f, cfg)
	r, err := p.Open(shard, from)
	require.NoError(t, err)
	return p, r
}

// next returns the records of the next page: "position data", or "position -" for those that are passed over.
func next(t testing.TB, r poller.Reader) []string {
	t.Helper()
	page, err := r.Next(t.Context())
	require.NoError(t, err)
	got := []string{}
	for _, rec := range page.Records {
		data := string(rec.Data)
		if rec.Filtered {
			require.Nil(t, rec.Data)
			data = "-"
		}
		got = append(got, batch.PositionOf(&rec).String()+" "+data)
	}
	return got
}

func TestAggregatesAreOneRecordUnlessSwitchedOn(t *testing.T) {
	f := aggregating("b0", "b1 b2 c3", "b4")

	page, err := open(t, f, poller.Start{}, poller.Config{}).Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2", "3"}, sequence(page))
	require.Equal(t, f.records[1].Data, page.Records[1].Data)
	require.Equal(t, "key", page.Records[1].PartitionKey)

	page, err = open(t, f, poller.Start{}, poller.Config{Deaggregate: true}).Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2", "2", "2", "3"}, sequence(page))
	for i, want := range []string{"b1", "b2", "c3"} {
		got := page.Records[i+1]
		require.Equal(t, want, string(got.Data))
		require.Equal(t, want[:1], got.PartitionKey)
		require.Equal(t, int64(i), got.SubSequence)
		require.Equal(t, i < 2, got.More)
		require.Equal(t, f.records[1].ApproximateArrivalTimestamp.UnixMilli(), got.ArrivalTime.UnixMilli())
	}
}

// A checkpoint of KCL names the last member that is done with, and does not say whether it is the last one there is, nor whether
// the record is an aggregate: each such position is read as one within an aggregate. What lies behind it is read, and only that.
func TestACheckpointOfKCLIsBehindTheLastMemberOfItsRecord(t *testing.T) {
	for position, tc := range map[batch.Position]struct{ on, off []string }{
		{SequenceNumber: "1", Partial: true}: { // an ordinary record: it is all that there is of it
			[]string{"2.0+ b1", "2.1+ b2", "2.2 b3", "3 b4"}, []string{"2 raw", "3 b4"},
		},
		{SequenceNumber: "2", SubSequence: 2, Partial: true}: {[]string{"3 b4"}, []string{"2 raw", "3 b4"}}, // its last member
		{SequenceNumber: "1", SubSequence: 1, Partial: true}: { // no such member: nothing says what was done with
			[]string{"1 b0", "2.0+ b1", "2.1+ b2", "2.2 b3", "3 b4"}, []string{"1 b0", "2 raw", "3 b4"},
		},
	} {
		t.Run(position.String(), func(t *testing.T) {
			f := aggregating("b0", "b1 b2 b3", "b4")
			from := poller.Start{Type: poller.AtPosition, Position: position}
			require.Equal(t, tc.on, next(t, open(t, f, from, poller.Config{Deaggregate: true})))
			raw := string(f.records[1].Data)
			for i := range tc.off {
				tc.off[i] = strings.ReplaceAll(tc.off[i], "raw", raw)
			}
			require.Equal(t, tc.off, next(t, open(t, f, from, poller.Config{})))
		})
	}
}

// What only begins as an aggregate is an ordinary record, to KCL as to us.
func TestACheckpointOfKCLAtAnAggregateWithAWrongSumIsBehindIt(t *testing.T) {
	f := aggregating("b1 b2", "b3")
	f.records[0].Data[len(f.records[0].Data)-1] ^= 1
	from := poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "1", Partial: true}}
	require.Equal(t, []string{"2 b3"}, next(t, open(t, f, from, poller.Config{})))
	require.Equal(t, []string{"2 b3"}, next(t, open(t, f, from, poller.Config{Deaggregate: true})))
}

func TestARestartWithinAnAggregateGoesOnBehindTheMember(t *testing.T) {
	for position, tc := range map[batch.Position]struct {
		iterator string
		on, off  []string // what is read with the switch on and off
	}{
		{SequenceNumber: "2", Partial: true}: {
			"AT_SEQUENCE_NUMBER 2", []string{"2.1+ b2", "2.2 b3", "3 b4"}, []string{"2 raw", "3 b4"},
		},
		{SequenceNumber: "2", SubSequence: 1, Partial: true}: {
			"AT_SEQUENCE_NUMBER 2", []string{"2.2 b3", "3 b4"}, []string{"2 raw", "3 b4"},
		},
		{SequenceNumber: "2", SubSequence: 2}: {"AFTER_SEQUENCE_NUMBER 2", []string{"3 b4"}, []string{"3 b4"}},
		{SequenceNumber: "2"}:                 {"AFTER_SEQUENCE_NUMBER 2", []string{"3 b4"}, []string{"3 b4"}},
	} {
		t.Run(position.String(), func(t *testing.T) {
			f := aggregating("b0", "b1 b2 b3", "b4")
			from := poller.Start{Type: poller.AtPosition, Position: position}
			require.Equal(t, tc.on, next(t, open(t, f, from, poller.Config{Deaggregate: true})))

			raw := string(f.records[1].Data)
			for i := range tc.off {
				tc.off[i] = strings.ReplaceAll(tc.off[i], "raw", raw)
			}
			require.Equal(t, tc.off, next(t, open(t, f, from, poller.Config{})))
			require.Equal(t, []string{tc.iterator, tc.iterator}, f.details("iterator"))
		})
	}
}

func TestAnIteratorExpiresBehindAnAggregate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := aggregating("b1 b2", "b3 b4", "b5")
		f.page = 1
		f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
			if n == 0 || n == 2 {
				return nil, expired
			}
			return nil, nil
		}
		from := poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "1", Partial: true}}
		r := open(t, f, from, poller.Config{Deaggregate: true})
		for _, want := range [][]string{{"1.1 b2"}, {"2.0+ b3", "2.1 b4"}, {"3 b5"}} {
			require.Equal(t, want, next(t, r))
		}
		require.Equal(t, []string{"AT_SEQUENCE_NUMBER 1", "AT_SEQUENCE_NUMBER 1", "AFTER_SEQUENCE_NUMBER 1"}, f.details("iterator"))
	})
}

func TestMembersOutsideTheShardAreCountedAndLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := aggregating("a1 b2 a3", "a4 a5", "b6 b7", "b8", "a9 b10")
		f.page = 2
		p, r := openShard(t, f, upperHalf, poller.Start{}, poller.Config{Deaggregate: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})

		require.Equal(t, []string{"1.0+ -", "1.1+ b2", "1.2 -", "2.0+ -", "2.1 -"}, next(t, r))
		require.Equal(t, int64(4), p.PassedOver())
		require.Equal(t, []string{"3.0+ b6", "3.1 b7", "4 b8"}, next(t, r))
		require.Equal(t, int64(4), p.PassedOver())
		require.Equal(t, []string{"5.0+ -", "5.1 b10"}, next(t, r))
		require.Equal(t, int64(5), p.PassedOver())

		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 1)
		require.Contains(t, lines[0], `level=WARN msg="members of aggregates are skipped because their hash keys lie outside the shard: `+
			`KeepMembersOutsideShard keeps them; further ones are counted" shard=shardId-000000000000 members=4`)
	})
}

func TestMembersOutsideTheShardAreKeptWhereThatIsAskedFor(t *testing.T) {
	f := aggregating("a1 b2 a3", "a4")
	p, r := openShard(t, f, upperHalf, poller.Start{}, poller.Config{Deaggregate: true, KeepMembersOutsideShard: true})
	require.Equal(t, []string{"1.0+ a1", "1.1+ b2", "1.2 a3", "2 a4"}, next(t, r))
	require.Zero(t, p.PassedOver())
}

func TestMembersBehindWhichAReaderStartsAreNotCounted(t *testing.T) {
	f := aggregating("a1 b2 a3")
	from := poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: "1", Partial: true}}
	p, r := openShard(t, f, upperHalf, from, poller.Config{Deaggregate: true})
	require.Equal(t, []string{"1.1+ b2", "1.2 -"}, next(t, r))
	require.Equal(t, int64(1), p.PassedOver())
}

func TestWithTheSwitchOffNothingIsPassedOver(t *testing.T) {
	f := aggregating("a1 a2", "a3")
	p, r := openShard(t, f, upperHalf, poller.Start{}, poller.Config{})
	require.Len(t, next(t, r), 2)
	require.Zero(t, p.PassedOver())
}

func TestAMalformedAggregateIsReadRaw(t *testing.T) {
	f := aggregating("b1 b2", "b3 b4", "b5")
	f.records[0].Data[7]++
	f.records[1].Data = f.records[1].Data[:4] // bare magic
	raw := "1 " + string(f.records[0].Data)
	require.Equal(t, []string{raw, "2 \xF3\x89\x9A\xC2", "3 b5"}, next(t, open(t, f, poller.Start{}, poller.Config{Deaggregate: true})))
}

// aggregateStream is a shard of plain records and aggregates, and what a reader should see of it.
type aggregateStream struct {
	names []string
	want  []string         // as next prints it
	at    []batch.Position // behind each of want
}

var aggregateStreams = rapid.Custom(func(t *rapid.T) aggregateStream {
	var s aggregateStream
	for i, n := range rapid.SliceOfN(rapid.IntRange(1, 6), 1, 25).Draw(t, "members") {
		var words []string
		for j := range n {
			p := batch.Position{SequenceNumber: fmt.Sprint(i + 1), SubSequence: int64(j), Partial: j < n-1}
			w := fmt.Sprintf("%s%d.%d", rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"), i+1, j)
			words = append(words, w)
			if n > 1 && w[0] == 'a' {
				w = "-"
			}
			s.want, s.at = append(s.want, p.String()+" "+w), append(s.at, p)
		}
		s.names = append(s.names, strings.Join(words, " "))
	}
	return s
})

// TestRestartsWithinAggregatesReadTheRestExactlyOnce: a reader is left at any record that it has returned, and another
// begins there, until the stream is through.
func TestRestartsWithinAggregatesReadTheRestExactlyOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := aggregateStreams.Draw(rt, "stream")
		keep := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 30).Draw(rt, "records resolved before each restart")
		limit := rapid.IntRange(1, 8).Draw(rt, "limit")
		refused := rapid.SliceOfN(rapid.Bool(), 0, 30).Draw(rt, "refused iterators")
		var got []string
		synctest.Test(t, func(t *testing.T) { got = s.read(t, keep, limit, refused) })
		require.Equal(rt, s.want, got)
	})
}

// read resolves so many records of each reader, then starts another at the last of them; the last reader reads on.
func (s aggregateStream) read(t *testing.T, keep []int, limit int, refused []bool) (got []string) {
	f := aggregating(s.names...)
	f.closed = true
	f.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
		if n < len(refused) && refused[n] && (n < 2 || !refused[n-1] || !refused[n-2]) {
			return nil, expired
		}
		return nil, nil
	}
	from := poller.Start{}
	cfg := poller.Config{Deaggregate: true, Limit: limit, Logger: slog.New(slog.DiscardHandler)}
	for i := 0; len(got) < len(s.want) && i <= len(keep); i++ {
		n := len(s.want)
		if i < len(keep) {
			n = keep[i]
		}
		_, r := openShard(t, f, upperHalf, from, cfg)
		var read []string
		for len(read) < n && len(got)+len(read) < len(s.want) {
			read = append(read, next(t, r)...)
		}
		got = append(got, read[:min(n, len(read))]...)
		if len(got) > 0 && len(got) <= len(s.at) {
			from = poller.Start{Type: poller.AtPosition, Position: s.at[len(got)-1]}
		}
	}
	return got
}

// A Reader that takes aggregates apart returns their members, and can begin behind any of them.
func ExampleConfig_deaggregate() {
	f := newFake(1)
	f.records[0].Data = poller.Aggregate(
		poller.Member{Key: "tea", Data: "first"},
		poller.Member{Key: "coffee", Data: "second"},
	)
	p, _ := poller.New(poller.Config{Client: f, StreamARN: ordersARN, Deaggregate: true})
	r, _ := p.Open(poller.Shard{ID: shardID}, poller.Start{})
	page, _ := r.Next(context.Background())
	for _, rec := range page.Records {
		fmt.Printf("%s %s: %s\n", batch.PositionOf(&rec), rec.PartitionKey, rec.Data)
	}
	// Output:
	// 1.0+ tea: first
	// 1.1 coffee: second
}
