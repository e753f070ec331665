package kinesistest

import (
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"math"
	"math/big"
)

// hashKey is a 128-bit hash key: a partition key's MD5 digest read as a big-endian number.
type hashKey struct{ hi, lo uint64 }

// maxHashKey is 2^128-1, the last hash key of every stream.
var maxHashKey = hashKey{math.MaxUint64, math.MaxUint64}

// hashRange is a range of hash keys, both ends inclusive.
type hashRange struct{ start, end hashKey }

// hashOf returns the hash key of a partition key.
func hashOf(partitionKey string) hashKey {
	sum := md5.Sum([]byte(partitionKey))
	return hashKey{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}
}

// parseHashKey reads a decimal hash key, and reports false for anything that is not one.
func parseHashKey(s string) (hashKey, bool) {
	if len(s) > 39 || !isDecimal(s) {
		return hashKey{}, false
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || n.BitLen() > 128 {
		return hashKey{}, false
	}
	return hashKeyOf(n), true
}

// hashKeyOf cuts n, which has at most 128 bits, into a hash key.
func hashKeyOf(n *big.Int) hashKey {
	var b [16]byte
	n.FillBytes(b[:])
	return hashKey{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (k hashKey) big() *big.Int {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return new(big.Int).SetBytes(b[:])
}

func (k hashKey) String() string { return k.big().String() }

func (k hashKey) compare(other hashKey) int {
	return cmp.Or(cmp.Compare(k.hi, other.hi), cmp.Compare(k.lo, other.lo))
}

// next returns k+1. It is called for keys below maxHashKey only.
func (k hashKey) next() hashKey {
	if k.lo == math.MaxUint64 {
		return hashKey{k.hi + 1, 0}
	}
	return hashKey{k.hi, k.lo + 1}
}

// previous returns k-1. It is called for keys above zero only.
func (k hashKey) previous() hashKey {
	if k.lo == 0 {
		return hashKey{k.hi - 1, math.MaxUint64}
	}
	return hashKey{k.hi, k.lo - 1}
}

// middle returns the key that halves the range: the first of its upper half.
func (r hashRange) middle() hashKey {
	sum := new(big.Int).Add(r.start.big(), r.end.big())
	return hashKeyOf(sum.Rsh(sum, 1)).next()
}

// evenRanges divides all hash keys among n shards as the service does: ranges of equal size, the last one taking the rest.
func evenRanges(n int) []hashRange {
	width := new(big.Int).Lsh(big.NewInt(1), 128)
	width.Div(width, big.NewInt(int64(n)))
	ranges := make([]hashRange, n)
	start := new(big.Int)
	for i := range ranges {
		ranges[i].start = hashKeyOf(start)
		start.Add(start, width)
		ranges[i].end = maxHashKey
		if i < n-1 {
			ranges[i].end = hashKeyOf(start).previous()
		}
	}
	return ranges
}

// isDecimal reports whether s is a decimal number without sign and leading zeros.
func isDecimal(s string) bool {
	if s == "" || (s[0] == '0' && len(s) > 1) {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
