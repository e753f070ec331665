package poller

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardmill/shardmill/batch"
)

const (
	middle  = "170141183460469231731687303715884105728" // 2^127
	highest = "340282366920938463463374607431768211455" // 2^128 - 1
)

var (
	allKeys   = Shard{StartingHashKey: "0", EndingHashKey: highest}
	upperHalf = Shard{StartingHashKey: middle, EndingHashKey: highest}
)

func aggregated(data []byte) batch.Record {
	return batch.Record{SequenceNumber: "42", PartitionKey: "outer", Data: data, ArrivalTime: time.UnixMilli(1_700_000_000_001).UTC()}
}

// deaggregate returns what comes of one record of a shard.
func deaggregate(data []byte, shard Shard) []batch.Record {
	d := deaggregator{shard: rangeOf(&shard)}
	return expand([]batch.Record{aggregated(data)}, &d)
}

// shown shows records as "sub+ key=data", with a + where more follow, and "-" for what is passed over.
func shown(records []batch.Record) []string {
	var out []string
	for _, r := range records {
		s := fmt.Sprint(r.SubSequence)
		if r.More {
			s += "+"
		}
		if s += " " + r.PartitionKey; r.Filtered {
			s += " -"
		} else {
			s += "=" + string(r.Data)
		}
		out = append(out, s)
	}
	return out
}

func TestGoldenAggregate(t *testing.T) {
	data := Aggregate(
		Member{Key: "tea", Data: "one"},
		Member{Key: "chai", HashKey: "7", Data: "two"},
		Member{Key: "tea", Tags: []string{"a tag"}},
	)
	require.Equal(t, strings.Join([]string{
		"f3899ac2",
		"0a03746561", "0a0463686169", // partition keys
		"120137",                         // explicit hash key
		"1a0708001a036f6e65",             // key 0, data
		"1a09080110001a0374776f",         // key 1, hash key 0, data
		"1a0d08001a0022070a056120746167", // key 0, no data, a tag
		"e70025a57a9038ebe2fe1ac235b64918",
	}, ""), hex.EncodeToString(data))

	got := deaggregate(data, Shard{})
	require.Equal(t, []string{"0+ tea=one", "1+ chai=two", "2 tea="}, shown(got))
	for _, r := range got {
		require.Equal(t, "42", r.SequenceNumber)
		require.Equal(t, aggregated(nil).ArrivalTime, r.ArrivalTime)
		require.Equal(t, len(r.Data), cap(r.Data), "an append to a member's data must not write into the next")
		require.NotNil(t, r.Data)
	}
	require.Same(t, &data[4+5+6+3+6], &got[0].Data[0], "no copy")
}

// join makes a message of fields.
func join(fields ...[]byte) []byte { return slices.Concat(fields...) }

func TestUnusualButWellFormedAggregates(t *testing.T) {
	key := appendBytes(nil, 1, "k")
	member := appendBytes(appendVarint(nil, 1, 0), 3, "data")
	for name, tc := range map[string]struct {
		message []byte
		want    []string
	}{
		"one member":                       {join(key, appendBytes(nil, 3, string(member))), []string{"0 k=data"}},
		"tables behind the members":        {join(appendBytes(nil, 3, string(member)), key), []string{"0 k=data"}},
		"an empty key":                     {join(appendBytes(nil, 1, ""), appendBytes(nil, 3, string(member))), []string{"0 =data"}},
		"keys that nobody uses":            {join(key, key, appendBytes(nil, 2, "no number"), appendBytes(nil, 3, string(member))), []string{"0 k=data"}},
		"the last of a field that repeats": {join(key, appendBytes(nil, 3, string(appendBytes(appendVarint(member, 1, 0), 3, "again")))), []string{"0 k=again"}},
		"an index in more bytes than it needs": {
			join(key, appendBytes(nil, 3, string(join([]byte{1 << 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, appendBytes(nil, 3, "data"))))),
			[]string{"0 k=data"},
		},
		"unknown fields of each type": {
			join(
				[]byte{9<<3 | wireFixed32, 1, 2, 3, 4}, key, []byte{9<<3 | wireFixed64, 1, 2, 3, 4, 5, 6, 7, 8},
				appendVarint(nil, 3, 7), appendBytes(nil, 1<<29-1, "?"),
				appendBytes(nil, 3, string(join(appendVarint(nil, 9, math.MaxUint64), member, appendVarint(nil, 4, 1), appendBytes(nil, 2, "?")))),
			),
			[]string{"0 k=data"},
		},
		"fields of one message in any order": {join(key, appendBytes(nil, 3, string(appendVarint(appendBytes(nil, 3, "data"), 1, 0)))), []string{"0 k=data"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, shown(deaggregate(seal(tc.message), allKeys))) })
	}
}

func TestWhatIsNoAggregatePassesRaw(t *testing.T) {
	good := Aggregate(Member{Key: "k", Data: "one"}, Member{Key: "k", Data: "two", HashKey: "3"})
	key := appendBytes(nil, 1, "k")
	member := appendBytes(appendVarint(nil, 1, 0), 3, "data")
	with := func(fields ...[]byte) []byte { // a good member, and then this one
		return seal(join(key, appendBytes(nil, 3, string(member)), appendBytes(nil, 3, string(join(fields...)))))
	}
	badSum, badMagic := slices.Clone(good), slices.Clone(good)
	badSum[len(badSum)-1]++
	badMagic[3]++
	for name, data := range map[string][]byte{
		"nothing":                         nil,
		"text":                            []byte("just some text that is long enough"),
		"bare magic":                      []byte(aggregateMagic),
		"magic and text":                  []byte(aggregateMagic + "just some text that is long enough"),
		"a wrong sum":                     badSum,
		"a wrong magic":                   badMagic,
		"a lost byte":                     good[:len(good)-1],
		"no message":                      seal(nil),
		"no member":                       seal(key),
		"a message that breaks off":       seal(good[4 : len(good)-16-1]),
		"a length beyond the end":         seal(join(key, []byte{3<<3 | wireBytes, 200})),
		"a length of 2^64-1":              seal(join(key, appendBytes(nil, 3, string(member)), []byte("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))),
		"a fixed field that breaks off":   seal(join(key, appendBytes(nil, 3, string(member)), []byte{9<<3 | wireFixed64, 1, 2, 3})),
		"a short fixed field that does":   seal(join(key, appendBytes(nil, 3, string(member)), []byte{9<<3 | wireFixed32, 1, 2, 3})),
		"a number that breaks off":        seal(join(key, appendBytes(nil, 3, string(member)), []byte{9 << 3, 0x80})),
		"a group":                         seal(join(key, appendBytes(nil, 3, string(member)), []byte{9<<3 | 3, 9<<3 | 4})),
		"wire type 6":                     seal(join(key, appendBytes(nil, 3, string(member)), []byte{9<<3 | 6, 0})),
		"field number 0":                  seal(join(key, appendBytes(nil, 3, string(member)), []byte{0, 0})),
		"field number 2^29":               seal(join(key, appendBytes(nil, 3, string(member)), appendVarint(nil, 1<<29, 0))),
		"a key that is no text":           seal(join(appendBytes(nil, 1, "\xc3"), appendBytes(nil, 1, "\xa9"), appendBytes(nil, 3, string(member)))),
		"a member that is no message":     with([]byte("text")),
		"a member without a key":          with(appendBytes(nil, 3, "data")),
		"a member without data":           with(appendVarint(nil, 1, 0)),
		"an empty member":                 with(),
		"a key of another type":           with(appendBytes(nil, 1, "k"), appendBytes(nil, 3, "data")),
		"a key out of the table":          with(appendVarint(nil, 1, 1), appendBytes(nil, 3, "data")),
		"a key far out of the table":      with(appendVarint(nil, 1, math.MaxUint64), appendBytes(nil, 3, "data")),
		"a hash key out of the table":     with(member, appendVarint(nil, 2, 0)),
		"a hash key far out of the table": with(member, appendVarint(nil, 2, math.MaxUint64)),
		"an index that is too long":       with([]byte("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), appendBytes(nil, 3, "data")),
		"an index beyond 64 bits":         with([]byte("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), appendBytes(nil, 3, "data")),
		"a hash key that is no number":    Aggregate(Member{Key: "k", HashKey: "1e9", Data: "x"}),
		"a hash key that is negative":     Aggregate(Member{Key: "k", HashKey: "-1", Data: "x"}),
		"a hash key of 2^128":             Aggregate(Member{Key: "k", HashKey: "340282366920938463463374607431768211456", Data: "x"}),
		"an empty hash key":               seal(join(key, appendBytes(nil, 2, ""), appendBytes(nil, 3, string(appendVarint(member, 2, 0))))),
	} {
		t.Run(name, func(t *testing.T) {
			for _, shard := range []Shard{{}, upperHalf} {
				require.Equal(t, []batch.Record{aggregated(data)}, deaggregate(data, shard))
			}
		})
	}
}

// TestEveryCutOrChangedByteIsRaw: the sum covers the whole message, and a right sum does not help a message cut short.
func TestEveryCutOrChangedByteIsRaw(t *testing.T) {
	good := Aggregate(Member{Key: "tea", Data: "one"}, Member{Key: "chai", HashKey: "7", Data: "two"})
	for i := range good {
		changed := slices.Clone(good)
		changed[i] ^= 0x10
		require.Equal(t, []batch.Record{aggregated(changed)}, deaggregate(changed, Shard{}), "byte %d", i)
		require.Equal(t, []batch.Record{aggregated(good[:i])}, deaggregate(good[:i], Shard{}), "length %d", i)
	}
}

func TestMembersOutsideTheShardArePassedOverAlone(t *testing.T) {
	data := Aggregate( // MD5 of "a" begins with 0c, of "b" with 92
		Member{Key: "a", Data: "1"},
		Member{Key: "b", Data: "2"},
		Member{Key: "a", Data: "3", HashKey: middle},
		Member{Key: "b", Data: "4", HashKey: "170141183460469231731687303715884105727"},
		Member{Key: "b", Data: "5", HashKey: highest},
		Member{Key: "a", Data: "6"},
	)
	lowerHalf := Shard{StartingHashKey: "0", EndingHashKey: "170141183460469231731687303715884105727"}
	for name, tc := range map[string]struct {
		shard Shard
		want  []string
	}{
		"upper half":      {upperHalf, []string{"0+ a -", "1+ b=2", "2+ a=3", "3+ b -", "4+ b=5", "5 a -"}},
		"lower half":      {lowerHalf, []string{"0+ a=1", "1+ b -", "2+ a -", "3+ b=4", "4+ b -", "5 a=6"}},
		"nothing of it":   {Shard{StartingHashKey: "1", EndingHashKey: "2"}, []string{"0+ a -", "1+ b -", "2+ a -", "3+ b -", "4+ b -", "5 a -"}},
		"all":             {allKeys, []string{"0+ a=1", "1+ b=2", "2+ a=3", "3+ b=4", "4+ b=5", "5 a=6"}},
		"range not known": {Shard{}, []string{"0+ a=1", "1+ b=2", "2+ a=3", "3+ b=4", "4+ b=5", "5 a=6"}},
		"no range":        {Shard{StartingHashKey: "2", EndingHashKey: "1"}, []string{"0+ a=1", "1+ b=2", "2+ a=3", "3+ b=4", "4+ b=5", "5 a=6"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := deaggregate(data, tc.shard)
			require.Equal(t, tc.want, shown(got))
			for _, r := range got {
				require.Equal(t, r.Filtered, r.Data == nil)
			}
		})
	}
}

// TestMembersOutsideTheRangeCanBeKept: then no hash key is looked at, whatever it is. What points nowhere stays malformed.
func TestMembersOutsideTheRangeCanBeKept(t *testing.T) {
	d := newDeaggregator(&Shard{StartingHashKey: "1", EndingHashKey: "2"}, true)
	keep := func(data []byte) []batch.Record { return expand([]batch.Record{aggregated(data)}, d) }
	require.Equal(t, []string{"0+ a=1", "1+ b=2", "2 a=3"}, shown(keep(Aggregate(
		Member{Key: "a", Data: "1"}, Member{Key: "b", Data: "2", HashKey: highest}, Member{Key: "a", Data: "3", HashKey: "-78"},
	))))
	good := Aggregate(Member{Key: "a", Data: "1", HashKey: "5"})
	m := messageOf(good)
	m[len(m)-4]++ // the index of its hash key
	malformed := seal(m)
	require.Equal(t, []batch.Record{aggregated(malformed)}, keep(malformed))
}

func TestHashKeysAreNumbersOf128Bits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := hashKey{rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")}
		number := new(big.Int).SetUint64(k.hi)
		number.Lsh(number, 64).Or(number, new(big.Int).SetUint64(k.lo))
		got, ok := parseHashKey([]byte(rapid.SampledFrom([]string{"", "0", "00"}).Draw(t, "zeros") + number.String()))
		require.True(t, ok)
		require.Equal(t, k, got)
		_, ok = parseHashKey([]byte(number.SetBit(number, 128, 1).String()))
		require.False(t, ok, "beyond 2^128")
	})
	for _, s := range []string{"", "-1", "+1", " 1", "0x1", "1.", "1٣", strings.Repeat("9", 400)} {
		_, ok := parseHashKey([]byte(s))
		require.False(t, ok, "%q", s)
	}
}

var someMembers = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Member {
	return Member{
		Key:     rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.StringN(1, 256, 1024)).Draw(t, "key"),
		HashKey: rapid.SampledFrom([]string{"", "", "0", "5", middle, highest}).Draw(t, "hash key"),
		Data:    string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")),
		Tags:    rapid.SliceOfN(rapid.StringN(0, 5, 20), 0, 2).Draw(t, "tags"),
	}
}), 1, 40)

// outsideOf is what a deaggregator decides of a member, by way of big numbers.
func outsideOf(m Member, first, last string) bool {
	sum := md5.Sum([]byte(m.Key))
	k, from, to := new(big.Int).SetBytes(sum[:]), new(big.Int), new(big.Int)
	if m.HashKey != "" {
		k.SetString(m.HashKey, 10)
	}
	from.SetString(first, 10)
	to.SetString(last, 10)
	return k.Cmp(from) < 0 || k.Cmp(to) > 0
}

func TestWhatWasPackedComesOut(t *testing.T) {
	var reused deaggregator // no aggregate leaves anything behind for the next
	reused.shard = rangeOf(&upperHalf)
	rapid.Check(t, func(t *rapid.T) {
		members := someMembers.Draw(t, "members")
		var want []batch.Record
		for i, m := range members {
			r := aggregated([]byte(m.Data))
			r.SubSequence, r.More, r.PartitionKey = int64(i), i < len(members)-1, m.Key
			if r.Filtered = outsideOf(m, middle, highest); r.Filtered {
				r.Data = nil
			}
			want = append(want, r)
		}
		r := aggregated(Aggregate(members...))
		before := batch.Record{SequenceNumber: "41"}
		require.Equal(t, append([]batch.Record{before}, want...), expand([]batch.Record{before, r}, &reused))
		require.Equal(t, len(want), countMembers(messageOf(r.Data)))
	})
}

func TestScratchMemoryIsBounded(t *testing.T) {
	var m []byte
	for range maxScratch + 1 {
		m = appendBytes(m, 1, "")
	}
	r := aggregated(seal(m))
	var d deaggregator
	require.Len(t, expand([]batch.Record{r}, &d), 1)
	require.Zero(t, cap(d.keys))
}

func TestAPlainRecordAllocatesNothing(t *testing.T) {
	d := deaggregator{shard: rangeOf(&upperHalf)}
	for _, data := range []string{"", "plain", aggregateMagic, strings.Repeat("x", 1000)} {
		records := []batch.Record{aggregated([]byte(data))}
		require.Zero(t, testing.AllocsPerRun(100, func() { records = expand(records, &d) }))
	}
}

func TestAnAggregateIsOneAllocation(t *testing.T) {
	d := deaggregator{shard: rangeOf(&upperHalf)}
	r := aggregated(Aggregate(hundred()...))
	dst := make([]batch.Record, 0, 100)
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() { dst = d.takeApart(dst[:0], &r) }), "the text of its keys")
	require.Len(t, dst, 100)
}

// TestARecordThatOnlyBeginsAsAnAggregateCostsNothing: its sum is looked at before anything else, however many members it
// seems to have, alone and with an aggregate in its page.
func TestARecordThatOnlyBeginsAsAnAggregateCostsNothing(t *testing.T) {
	fake := aggregated(seal(bytes.Repeat([]byte{3<<3 | 2, 0}, 1<<20)))
	fake.Data[len(fake.Data)-1]++
	d := deaggregator{shard: rangeOf(&allKeys)}
	page := []batch.Record{fake, aggregated([]byte("plain")), fake}
	var out []batch.Record
	require.Zero(t, testing.AllocsPerRun(10, func() { out = expand(page, &d) }))
	require.Equal(t, page, out)

	page[1] = aggregated(Aggregate(hundred()...))
	require.Equal(t, 2.0, testing.AllocsPerRun(10, func() { out = expand(page, &d) }), "the page, and the text of the keys")
	require.Len(t, out, 102)
	require.Equal(t, len(out), cap(out), "room for what came of it, and no more")
	require.Equal(t, fake, out[0])
	require.Equal(t, fake, out[101])
}

// FuzzDeaggregate: whatever the bytes, there is no panic, at least one record, and positions grow.
func FuzzDeaggregate(f *testing.F) {
	good := Aggregate(Member{Key: "tea", Data: "one"}, Member{Key: "chai", HashKey: "7", Data: "two", Tags: []string{"t"}})
	f.Add(good[4:len(good)-16], true)
	f.Add(good, false)
	f.Add([]byte("\x0a\x01k\x1a\x02\x08\x00\x1a\x04\x08\x80\x00\x1a"), true)
	f.Add([]byte("plain"), false)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		if sealed { // else no fuzzer gets past the sum
			data = seal(data)
		}
		got := deaggregate(data, upperHalf)
		require.NotEmpty(t, got)
		if isAggregate(data) {
			require.LessOrEqual(t, len(got), max(countMembers(messageOf(data)), 1))
		}
		last := batch.Position{}
		for i := range got {
			p := batch.PositionOf(&got[i])
			require.Equal(t, 1, p.Compare(last))
			require.LessOrEqual(t, len(got[i].Data), len(data))
			last = p
		}
		require.False(t, last.Partial)
		if len(got) > 1 {
			require.Equal(t, got, deaggregate(slices.Clone(data), upperHalf), "the same again")
		}
	})
}
