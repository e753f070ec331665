package poller

import (
	"cmp"
	"crypto/fips140"
	"crypto/md5"
	"encoding/binary"
	"math/bits"
)

// hashKey is a place in the key space that a stream's shards divide among them: 128 bits.
type hashKey struct{ hi, lo uint64 }

// parseHashKey parses decimal digits, and reports whether they are a hash key. It allocates nothing.
func parseHashKey(digits []byte) (k hashKey, ok bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return hashKey{}, false
		}
		over, hi := bits.Mul64(k.hi, 10)
		up, lo := bits.Mul64(k.lo, 10)
		lo, carry := bits.Add64(lo, uint64(c-'0'), 0)
		hi, carry = bits.Add64(hi, up, carry)
		if over|carry != 0 {
			return hashKey{}, false
		}
		k = hashKey{hi, lo}
	}
	return k, len(digits) > 0
}

// hashKeyOf returns the hash key of a partition key.
func hashKeyOf(partitionKey []byte) hashKey {
	sum := md5Of(partitionKey)
	return hashKey{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}
}

func (k hashKey) compare(o hashKey) int {
	return cmp.Or(cmp.Compare(k.hi, o.hi), cmp.Compare(k.lo, o.lo))
}

// hashKeyRange is a shard's part of the key space, both ends inclusive. The zero range is not known.
type hashKeyRange struct {
	first, last hashKey
	known       bool
}

// rangeOf returns a shard's range, which is not known if one of its ends is malformed.
func rangeOf(s *Shard) hashKeyRange {
	first, ok1 := parseHashKey([]byte(s.StartingHashKey))
	last, ok2 := parseHashKey([]byte(s.EndingHashKey))
	if !ok1 || !ok2 || first.compare(last) > 0 {
		return hashKeyRange{}
	}
	return hashKeyRange{first: first, last: last, known: true}
}

// holds reports whether k lies in the range. An unknown range holds all.
func (r *hashKeyRange) holds(k hashKey) bool {
	return !r.known || r.first.compare(k) <= 0 && k.compare(r.last) <= 0
}

// md5Of is md5.Sum, which panics under GODEBUG=fips140=only. Here it is a checksum, and protects nothing.
func md5Of(b []byte) [md5.Size]byte {
	if fips140.Enforced() {
		return md5Unenforced(b)
	}
	return md5.Sum(b)
}

func md5Unenforced(b []byte) (sum [md5.Size]byte) {
	fips140.WithoutEnforcement(func() { sum = md5.Sum(b) })
	return sum
}
