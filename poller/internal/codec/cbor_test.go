package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
)

// reference is an answer as an independent decoder reads it.
type reference struct {
	Records            []referenceRecord
	NextShardIterator  *string
	MillisBehindLatest *int64
}

type referenceRecord struct {
	SequenceNumber              *string
	PartitionKey                *string
	Data                        *[]byte
	ApproximateArrivalTimestamp *referenceTime
	EncryptionType              *string
}

// referenceTime is a number, with or without tag 1.
type referenceTime struct{ millis int64 }

func (r *referenceTime) UnmarshalCBOR(b []byte) error {
	var tag cbor.RawTag
	if err := cbor.Unmarshal(b, &tag); err == nil && tag.Number == 1 {
		b = tag.Content
	}
	return cbor.Unmarshal(b, &r.millis)
}

// referenceMode takes what the codec takes, and more.
var referenceMode = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		UTF8:              cbor.UTF8DecodeInvalid,
		MaxNestedLevels:   2 * maxDepth,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// requireAsReference wants of an answer that the codec takes that the reference reads the same. It returns whether it does.
func requireAsReference(t *testing.T, encoded []byte) bool {
	t.Helper()
	src := open(bytes.NewReader(encoded), int64(len(encoded)))
	defer src.free()
	got, err := decodeCBOR(src)

	pieces := open(bytes.NewReader(encoded), -1)
	pieces.step = 1
	again, errAgain := decodeCBOR(pieces)
	requireSameError(t, err, errAgain)
	if err != nil {
		return false
	}
	require.Equal(t, got.records, again.records, "in pieces")
	scribble(pieces.buf[:cap(pieces.buf)])
	require.Equal(t, got.records, again.records, "after the body was written over")
	pieces.free()

	var want reference
	require.NoError(t, referenceMode.Unmarshal(encoded, &want))
	require.Equal(t, want.NextShardIterator, got.next)
	require.Equal(t, want.MillisBehindLatest, got.behind)
	requireReferenceRecords(t, want.Records, &got)
	requireApart(t, got.records)
	return true
}

func requireReferenceRecords(t *testing.T, want []referenceRecord, got *answer) {
	t.Helper()
	require.Len(t, got.records, len(want))
	for i, w := range want {
		r := &got.records[i]
		require.Equal(t, *w.SequenceNumber, r.SequenceNumber)
		require.Equal(t, *w.Data, r.Data)
		arrival := time.UnixMilli(w.ApproximateArrivalTimestamp.millis).UTC()
		if arrival.Year() == 1970 {
			arrival = time.Time{} // not known
		}
		require.Equal(t, arrival, r.ArrivalTime)
		key, encryption := "", types.EncryptionType("")
		if w.PartitionKey != nil {
			key = *w.PartitionKey
		}
		if got.encryption != nil {
			encryption = got.encryption[i]
		}
		require.Equal(t, key, r.PartitionKey)
		if w.EncryptionType != nil {
			require.Equal(t, *w.EncryptionType, string(encryption))
		}
	}
}

// FuzzCBOR mutates answers, and holds the codec against the reference.
func FuzzCBOR(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(generateCBOR(seed, 1<<30))
		f.Add(generateCBOR(seed, 10))
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		requireAsReference(t, encoded)
		if asJSON, end := appendAsJSON(nil, encoded, 0, 0); end >= 0 {
			require.True(t, json.Valid(asJSON), "%s", asJSON)
			require.NoError(t, cbor.Wellformed(encoded[:end]))
		}
	})
}

func TestEveryFormOfAnAnswerInCBORIsTaken(t *testing.T) {
	for seed := range uint64(2000) {
		encoded := generateCBOR(seed, 1<<30)
		require.True(t, requireAsReference(t, encoded), "seed %d: %x", seed, encoded)
	}
}

func TestWrongAnswersInCBORAreNotMisread(t *testing.T) {
	refused := 0
	for seed := range uint64(5000) {
		if !requireAsReference(t, generateCBOR(seed, 8)) {
			refused++
		}
	}
	require.Greater(t, refused, 1000, "of 5,000")
	for name, c := range map[string]struct {
		encoded string
		err     error
	}{
		"data as text":        {"\xbf\x67Records\x9f\xbf\x64Data\x64QUJD\xff\xff\xff", errCBORText},
		"cut off":             {"\xbf\x67Records\x9f", errCBOR},
		"no records":          {"\xa0", errCBOR},
		"bytes behind":        {"\xa1\x67Records\x80\x00", errCBOR},
		"a break for a value": {"\xbf\x67Records\xff", errCBOR},
		"a count beyond all":  {"\xa1\x67Records\x9b\xff\xff\xff\xff\xff\xff\xff\xff", errCBOR},
		"a length beyond all": {"\xa1\x7b\xff\xff\xff\xff\xff\xff\xff\xffRecords\x80", errCBOR},
		"records twice":       {"\xa2\x67Records\x80\x67Records\x80", errCBOR},
		"deep nesting":        {"\xbf\x61x" + string(bytes.Repeat([]byte{0x81}, 10_000)), errCBOR},
	} {
		_, err := decodeCBOR(open(bytes.NewReader([]byte(c.encoded)), -1))
		require.ErrorIs(t, err, c.err, name)
	}
}

// cborMaker writes an answer in any of the forms that CBOR has for it.
type cborMaker struct {
	*rand.Rand
	odds int // one in so many things is wrong
}

func generateCBOR(seed uint64, odds int) []byte {
	m := &cborMaker{Rand: rand.New(rand.NewPCG(seed, 2)), odds: odds}
	members := [][]byte{m.pair("Records", m.records())}
	if m.IntN(4) > 0 {
		members = append(members, m.pair("NextShardIterator", m.orNull(m.text("AAAA"))))
	}
	if m.IntN(4) > 0 {
		members = append(members, m.pair("MillisBehindLatest", m.orNull(m.number(m.Uint64N(1<<m.IntN(60))))))
	}
	if m.IntN(4) == 0 {
		members = append(members, m.pair("New", m.anything(0)))
	}
	out := m.items(cborMap, members)
	for m.odd() {
		out[m.IntN(len(out))] = byte(m.Uint32())
	}
	return out
}

func (m *cborMaker) odd() bool { return m.IntN(m.odds) == 0 }

func (m *cborMaker) orNull(v []byte) []byte {
	if m.IntN(5) == 0 {
		return []byte{cborNull}
	}
	return v
}

func (m *cborMaker) pair(name string, value []byte) []byte { return append(m.text(name), value...) }

// head writes the shortest form, or a longer one.
func (m *cborMaker) head(major uint8, n uint64) []byte {
	if m.IntN(5) > 0 {
		return appendHead(nil, major, n)
	}
	return append([]byte{major<<5 | 27}, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func (m *cborMaker) number(n uint64) []byte { return m.head(cborUint, n) }

func (m *cborMaker) text(s string) []byte { return m.chunks(cborText, []byte(s)) }

// chunks writes a string whole, or in pieces.
func (m *cborMaker) chunks(major uint8, s []byte) []byte {
	if m.IntN(5) > 0 {
		return append(m.head(major, uint64(len(s))), s...)
	}
	out := []byte{major<<5 | 31}
	for len(s) > 0 {
		n := 1 + m.IntN(len(s))
		out = append(append(out, m.head(major, uint64(n))...), s[:n]...)
		s = s[n:]
	}
	return append(out, cborBreak)
}

// items writes an array or a map with its length, or with a break at the end, its items in any order if a map.
func (m *cborMaker) items(major uint8, items [][]byte) []byte {
	if major == cborMap {
		m.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	}
	n := len(items)
	if m.odd() {
		n += m.IntN(3) - 1
	}
	body := bytes.Join(items, nil)
	if m.IntN(2) == 0 {
		return append(append([]byte{major<<5 | 31}, body...), cborBreak)
	}
	return append(m.head(major, uint64(max(n, 0))), body...)
}

func (m *cborMaker) records() []byte {
	var all [][]byte
	for range m.IntN(5) {
		data := make([]byte, m.IntN(300))
		for i := range data {
			data[i] = byte(m.Uint32())
		}
		stamp := m.number(m.Uint64N(4_000_000_000_000))
		if m.IntN(4) > 0 {
			stamp = append(m.head(cborTag, 1), stamp...)
		}
		members := [][]byte{
			m.pair("SequenceNumber", m.text(fmt.Sprintf("%d%d", m.Uint64(), m.Uint64()))),
			m.pair("Data", m.chunks(cborBytes, data)),
			m.pair("ApproximateArrivalTimestamp", stamp),
			m.pair("PartitionKey", m.orNull(m.text("key"))),
		}
		if m.IntN(3) == 0 {
			members = append(members, m.pair("EncryptionType", m.text([]string{"NONE", "KMS"}[m.IntN(2)])))
		}
		if m.IntN(5) == 0 {
			members = append(members, m.pair("New", m.anything(0)))
		}
		if m.odd() {
			members = members[m.IntN(len(members)):]
		}
		all = append(all, m.items(cborMap, members))
	}
	return m.items(cborArray, all)
}

// anything writes an item of any type.
func (m *cborMaker) anything(depth int) []byte {
	switch kind := m.IntN(9); {
	case kind < 2 && depth < 5:
		return m.items(cborArray, [][]byte{m.anything(depth + 1), m.anything(depth + 1)})
	case kind == 2 && depth < 5:
		return m.items(cborMap, [][]byte{append(m.text("a"), m.anything(depth+1)...), append(m.number(7), m.anything(depth+1)...)})
	case kind == 3:
		return append(m.head(cborTag, 32), m.text("x")...)
	case kind == 4:
		return []byte{0xf9, 0x3c, 0x00}
	case kind == 5:
		return []byte{0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}
	case kind == 6:
		return m.chunks(cborBytes, []byte{1, 2, 3})
	case kind == 7:
		return m.head(cborNegative, m.Uint64())
	}
	return []byte{[]byte{cborFalse, cborTrue, cborNull, cborUndefined}[m.IntN(4)]}
}
