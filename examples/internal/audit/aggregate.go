package audit

import (
	"crypto/md5"
	"encoding/binary"
	"slices"
)

// maxAggregate is the approximate default size of an aggregate of the Kinesis Producer Library: 50 KiB.
const maxAggregate = 50 << 10

// aggregates packs records as the Kinesis Producer Library (KPL) does. Here all members of an aggregate have the
// aggregate's partition key, so they belong to its shard even after a split or a merge. The KPL mixes keys, so it must
// put members again that went to the wrong shard.
func aggregates(numbers []int, recordSize int) []entry {
	var entries []entry
	last := map[string]int{} // by key: the entry for its next record
	for _, number := range numbers {
		key := keyOf(number)
		i, ok := last[key]
		if !ok || (len(entries[i].numbers)+1)*recordSize > maxAggregate {
			i = len(entries)
			last[key], entries = i, append(entries, entry{key: key})
		}
		entries[i].numbers = append(entries[i].numbers, number)
	}
	for i := range entries {
		e := &entries[i]
		e.data = aggregate(e.key, e.numbers, recordSize)
	}
	return entries
}

// aggregate returns the data of an aggregate: F3 89 9A C2, a protobuf message (an AggregatedRecord with its Records),
// and its MD5. Source: aggregation-format.md in awslabs/amazon-kinesis-producer.
func aggregate(key string, numbers []int, recordSize int) []byte {
	const (
		partitionKeyTable, records = 1, 3 // fields of AggregatedRecord
		partitionKeyIndex, data    = 1, 3 // and of Record
	)
	message := appendBytes(nil, partitionKeyTable, []byte(key))
	for _, number := range numbers {
		member := []byte{partitionKeyIndex << 3, 0} // the first key of the table
		member = appendBytes(member, data, dataOf(number, recordSize))
		message = appendBytes(message, records, member)
	}
	sum := md5.Sum(message)
	return slices.Concat([]byte("\xF3\x89\x9A\xC2"), message, sum[:])
}

// appendBytes appends a field of bytes to a protobuf message.
func appendBytes(message []byte, field byte, b []byte) []byte {
	message = append(message, field<<3|2)
	return append(binary.AppendUvarint(message, uint64(len(b))), b...)
}
