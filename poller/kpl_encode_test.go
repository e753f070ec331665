package poller

import (
	"crypto/md5"
	"encoding/binary"
	"slices"
)

// Member is what a test puts into an aggregate.
type Member struct {
	Key     string
	HashKey string // explicit, where there is one
	Data    string
	Tags    []string
}

// Aggregate packs members as the Kinesis Producer Library does: each key stands once in its table, the tables first.
func Aggregate(members ...Member) []byte {
	var keys, hashKeys []string
	var records []byte
	for _, m := range members {
		var r []byte
		r = appendVarint(r, 1, index(&keys, m.Key))
		if m.HashKey != "" {
			r = appendVarint(r, 2, index(&hashKeys, m.HashKey))
		}
		r = appendBytes(r, 3, m.Data)
		for _, t := range m.Tags {
			r = appendBytes(r, 4, string(appendBytes(nil, 1, t)))
		}
		records = appendBytes(records, 3, string(r))
	}
	var message []byte
	for _, k := range keys {
		message = appendBytes(message, 1, k)
	}
	for _, k := range hashKeys {
		message = appendBytes(message, 2, k)
	}
	return seal(append(message, records...))
}

// seal puts the magic before a message, and its sum behind it.
func seal(message []byte) []byte {
	sum := md5.Sum(message)
	return slices.Concat([]byte(aggregateMagic), message, sum[:])
}

func index(table *[]string, s string) uint64 {
	if i := slices.Index(*table, s); i >= 0 {
		return uint64(i)
	}
	*table = append(*table, s)
	return uint64(len(*table) - 1)
}

func appendVarint(b []byte, number int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(number)<<3|wireVarint), v)
}

func appendBytes(b []byte, number int, s string) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|wireBytes)
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
