package poller

import (
	"crypto/md5"
	"slices"
	"unicode/utf8"

	"github.com/shardmill/shardmill/batch"
)

// An aggregate in the format of the Kinesis Producer Library (aggregation-format.md in
// awslabs/amazon-kinesis-producer):
//
//	F3 89 9A C2 | a protobuf message | MD5 of the message, 16 bytes
//
//	AggregatedRecord                        Record
//	1 repeated string partition_key_table   1 required uint64 partition_key_index
//	2 repeated string explicit_hash_key_…   2 optional uint64 explicit_hash_key_index
//	3 repeated Record records               3 required bytes  data
//	                                        4 repeated Tag    tags, ignored
const aggregateMagic = "\xF3\x89\x9A\xC2"

const (
	tagPartitionKey tag = 1<<3 | wireBytes
	tagHashKey      tag = 2<<3 | wireBytes
	tagMember       tag = 3<<3 | wireBytes

	tagPartitionKeyIndex tag = 1<<3 | wireVarint
	tagHashKeyIndex      tag = 2<<3 | wireVarint
	tagData              tag = 3<<3 | wireBytes
)

// maxScratch is the number of table entries, and of the bytes in them, above which the scratch memory of an aggregate
// is not kept for the next. KPL's aggregates are far below it: 50 KB, by default.
const maxScratch = 64 << 10

// deaggregator splits the aggregates of one shard into their members. One goroutine uses it.
//
// A record that is not an aggregate to the last byte is passed on unchanged: wrong sums, messages that break off,
// indexes out of range, keys that are not text, hash keys that are not numbers. So is an aggregate without members,
// because a record that vanished would look like a lost one.
//
// A member whose hash key lies outside the shard's range becomes a Filtered record without Data: it is skipped alone,
// but the position moves past it. The answer of the put shows the producer which shard got the aggregate, and the
// producer has put the member again to the right one.
type deaggregator struct {
	shard hashKeyRange

	// aggregates are the indexes of those in the current page with a correct sum.
	aggregates []int

	// keep is set if no member counts as outside, whatever its hash key is, valid or not.
	keep bool

	// Scratch memory for the current aggregate.
	text     []byte // the concatenated partition keys
	keys     []partitionKey
	hashKeys []explicitHashKey
}

// newDeaggregator returns one for a shard. It keeps all members, or skips those outside the shard.
func newDeaggregator(s *Shard, keep bool) *deaggregator {
	if keep {
		return &deaggregator{keep: true}
	}
	return &deaggregator{shard: rangeOf(s)}
}

// partitionKey is an entry of the table of keys.
type partitionKey struct {
	end     int32 // in the text; it begins where the one before it ends
	known   bool  // outside is set
	outside bool  // of the shard's range
}

// explicitHashKey is an entry of the table of hash keys.
type explicitHashKey struct {
	valid   bool
	outside bool // of the shard's range
}

// isAggregate reports whether data may be an aggregate: whether it begins as one, and is long enough.
func isAggregate(data []byte) bool {
	return len(data) > len(aggregateMagic)+md5.Size && string(data[:len(aggregateMagic)]) == aggregateMagic
}

// messageOf returns the message of data that begins as an aggregate.
func messageOf(data []byte) []byte {
	end := len(data) - md5.Size
	return data[len(aggregateMagic):end:end]
}

// hasRightSum reports whether the sum after the message is that of the message.
func hasRightSum(data []byte) bool {
	return md5Of(messageOf(data)) == [md5.Size]byte(data[len(data)-md5.Size:])
}

// find looks for the aggregates of a page, and returns the maximum number of resulting records. The sum is checked
// first, so nothing is counted or allocated for a record that only begins as an aggregate.
func (d *deaggregator) find(records []batch.Record) int {
	n := len(records)
	if cap(d.aggregates) > maxScratch/8 {
		d.aggregates = nil
	}
	d.aggregates = d.aggregates[:0]
	for i := range records {
		if data := records[i].Data; isAggregate(data) && hasRightSum(data) {
			d.aggregates = append(d.aggregates, i)
			n += max(countMembers(messageOf(data))-1, 0)
		}
	}
	return n
}

// countMembers returns how many members a message has, up to where it is malformed.
func countMembers(m []byte) (n int) {
	for len(m) > 0 {
		f, rest, ok := cutField(m)
		if !ok {
			return n
		}
		if f.tag == tagMember {
			n++
		}
		m = rest
	}
	return n
}

// takeApart appends the members of an aggregate with a correct sum, or the unchanged aggregate if it is malformed.
// Their data is a part of the aggregate's.
func (d *deaggregator) takeApart(records []batch.Record, r *batch.Record) []batch.Record {
	defer d.reset()
	m := messageOf(r.Data)
	n, ok := d.readTables(m)
	if !ok || n == 0 {
		return append(records, *r)
	}
	out, ok := d.appendMembers(slices.Grow(records, n), r, m)
	if !ok {
		return append(records, *r) // the first members may have overwritten it
	}
	out[len(out)-1].More = false
	return out
}

// readTables reads the keys, in any place of the message, counts the members, and reports whether the message is
// well-formed so far.
func (d *deaggregator) readTables(m []byte) (members int, ok bool) {
	for len(m) > 0 {
		f, rest, ok := cutField(m)
		if !ok {
			return 0, false
		}
		switch f.tag {
		case tagMember:
			members++
		case tagPartitionKey:
			if !utf8.Valid(f.bytes) {
				return 0, false
			}
			d.text = append(d.text, f.bytes...)
			d.keys = append(d.keys, partitionKey{end: int32(len(d.text))})
		case tagHashKey:
			k, valid := parseHashKey(f.bytes)
			d.hashKeys = append(d.hashKeys, explicitHashKey{valid: valid || d.keep, outside: !d.shard.holds(k)})
		}
		m = rest
	}
	return members, true
}

// appendMembers appends the members of a message whose tables are read, and reports whether all of them are
// well-formed.
func (d *deaggregator) appendMembers(dst []batch.Record, r *batch.Record, m []byte) ([]batch.Record, bool) {
	text := string(d.text) // of all keys, which are cut from it
	first := len(dst)
	for len(m) > 0 {
		f, rest, ok := cutField(m)
		if !ok {
			return nil, false
		}
		m = rest
		if f.tag != tagMember {
			continue
		}
		member, ok := cutMember(f.bytes)
		if !ok {
			return nil, false
		}
		outside, ok := d.isOutside(&member)
		if !ok {
			return nil, false
		}
		dst = append(dst, *r)
		out := &dst[len(dst)-1]
		out.SubSequence, out.More = int64(len(dst)-1-first), true
		from, to := d.keyAt(member.key)
		out.PartitionKey, out.Data, out.Filtered = text[from:to], member.data, outside
		if outside {
			out.Data = nil
		}
	}
	return dst, true
}

// member is a Record of an aggregate.
type member struct {
	key, hashKey       uint64 // indexes
	hasKey, hasHashKey bool
	data               []byte // nil if absent; the data of an empty member is empty
}

// cutMember parses a member, and reports whether it has all required fields. If a field occurs twice, the last one
// counts.
func cutMember(m []byte) (out member, ok bool) {
	for len(m) > 0 {
		f, rest, ok := cutField(m)
		if !ok {
			return member{}, false
		}
		switch f.tag {
		case tagPartitionKeyIndex:
			out.key, out.hasKey = f.value, true
		case tagHashKeyIndex:
			out.hashKey, out.hasHashKey = f.value, true
		case tagData:
			out.data = f.bytes
		}
		m = rest
	}
	return out, out.hasKey && out.data != nil
}

// isOutside reports whether a member lies outside the shard's range, by its explicit hash key, or else by the MD5 of
// its partition key. It is not ok if an index is out of range, or the hash key is invalid.
func (d *deaggregator) isOutside(m *member) (outside, ok bool) {
	if m.key >= uint64(len(d.keys)) {
		return false, false
	}
	if m.hasHashKey {
		if m.hashKey >= uint64(len(d.hashKeys)) {
			return false, false
		}
		k := d.hashKeys[m.hashKey]
		return k.outside, k.valid
	}
	if !d.shard.known {
		return false, true
	}
	k := &d.keys[m.key]
	if !k.known {
		from, to := d.keyAt(m.key)
		k.known, k.outside = true, !d.shard.holds(hashKeyOf(d.text[from:to]))
	}
	return k.outside, true
}

// keyAt returns the place of a key in the text.
func (d *deaggregator) keyAt(i uint64) (from, to int32) {
	if i > 0 {
		from = d.keys[i-1].end
	}
	return from, d.keys[i].end
}

// reset prepares the scratch memory for the next aggregate.
func (d *deaggregator) reset() {
	if max(cap(d.text), cap(d.keys), cap(d.hashKeys)) > maxScratch {
		d.text, d.keys, d.hashKeys = nil, nil, nil
		return
	}
	d.text, d.keys, d.hashKeys = d.text[:0], d.keys[:0], d.hashKeys[:0]
}
