package kinesistest

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// sequence is the content of a sequence number. Its 188 bits are, from the top:
//
//	4 the number 2 · 36 second of the shard's creation · 4 low bits of the shard's number · 64 index within the shard
//	· 8 zero · 36 second of arrival · 32 number of the shard · 4 the number 2
//
// The numbers of the service have that layout. It makes them 56 digits long, growing within a shard (the index), larger
// in a child than in its parents (a child is created at least a second later), and different between shards.
type sequence struct {
	created int64
	shard   uint32
	index   uint64
	arrived int64
}

// lastIndex is the index in the sequence number that closes a shard: no record has it.
const lastIndex = math.MaxInt64

// secondsMask keeps the 36 bits that a sequence number has for a time.
const secondsMask = 1<<36 - 1

// String returns the sequence number in decimal.
func (q sequence) String() string {
	created, arrived := uint64(q.created)&secondsMask, uint64(q.arrived)&secondsMask
	top := 2<<56 | created<<20 | uint64(q.shard&0xf)<<16 | q.index>>48
	middle := q.index<<16 | arrived>>28
	low := arrived<<36 | uint64(q.shard)<<4 | 2
	return decimal192([3]uint64{top, middle, low})
}

// parseSequence reads a decimal sequence number, and reports false for a number of another layout.
func parseSequence(s string) (sequence, bool) {
	if len(s) > 57 || !isDecimal(s) {
		return sequence{}, false
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.BitLen() > 188 {
		return sequence{}, false
	}
	var b [24]byte
	n.FillBytes(b[:])
	top, middle, low := binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	if top>>56 != 2 || low&0xf != 2 {
		return sequence{}, false
	}
	q := sequence{
		created: int64(top >> 20 & secondsMask),
		shard:   uint32(low >> 4),
		index:   top<<48 | middle>>16,
		arrived: int64(middle<<28&secondsMask | low>>36),
	}
	return q, q.String() == s && q.index <= lastIndex
}

// decimal192 prints three words, the highest first, as one decimal number.
func decimal192(words [3]uint64) string {
	const digits, chunk = 19, 1e19
	var chunks [3]uint64
	for i := range chunks {
		var rest uint64
		for w := range words {
			words[w], rest = bits.Div64(rest, words[w], chunk)
		}
		chunks[i] = rest
	}
	out := strconv.AppendUint(make([]byte, 0, 3*digits), chunks[2], 10)
	for _, c := range [2]uint64{chunks[1], chunks[0]} {
		var part [digits]byte
		for i := digits - 1; i >= 0; i-- {
			part[i] = byte('0' + c%10)
			c /= 10
		}
		out = append(out, part[:]...)
	}
	return string(out)
}
