package poller

import (
	"crypto/md5"
	"slices"
	"unicode/utf8"

	"github.com/shardmill/shardmill/batch"
)

// An aggregate, as the Kinesis Producer Library packs it (aggregation-format.md in awslabs/amazon-kinesis-producer):
//
//	F3 89 9A C2 | a protobuf message | MD5 of the message, 16 bytes
//
//	AggregatedRecord                        Record
//	1 repeated string partition_key_table   1 required uint64 partition_key_index
//	2 repeated string explicit_hash_key_…   2 optional uint64 explicit_hash_key_index
//	3 repeated Record records               3 required bytes  data
//	                                        4 repeated Tag    tags, never looked into
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

// deaggregator takes the aggregates of one shard apart. One goroutine uses it.
//
// Whatever is not an aggregate to the last byte passes as it is, raw: bad sums, messages that break off, indexes that
// point nowhere, keys that are no text, hash keys that are no numbers. So does an aggregate without members, for a
// record that vanished would look like one that was lost.
//
// A member whose hash key lies outside the shard's range becomes a record that is Filtered and has no Data: it is passed
// over alone, but the position moves behind it. Its producer, which learns from the answer which shard took the
// aggregate, has put it again where it belongs.
type deaggregator struct {
	shard hashKeyRange

	// aggregates are the indexes of those in the page at hand, whose sums are right.
	aggregates []int

	// keep is set where no member lies outside, wherever its hash key lies, and whether it is one or not.
	keep bool

	// Scratch, of the aggregate in hand.
	text     []byte // the partition keys, one behind the other
	keys     []partitionKey
	hashKeys []explicitHashKey
}

// newDeaggregator returns one for a shard, which keeps all members, or passes those over that lie outside.
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

// isAggregate reports whether data may be one: whether it begins as one, and is long enough to hold anything.
func isAggregate(data []byte) bool {
	return len(data) > len(aggregateMagic)+md5.Size && string(data[:len(aggregateMagic)]) == aggregateMagic
}

// messageOf returns the message of what begins as an aggregate.
func messageOf(data []byte) []byte {
	end := len(data) - md5.Size
	return data[len(aggregateMagic):end:end]
}

// hasRightSum reports whether the sum behind the message is that of the message.
func hasRightSum(data []byte) bool {
	return md5Of(messageOf(data)) == [md5.Size]byte(data[len(data)-md5.Size:])
}

// find looks for the aggregates of a page, and returns how many records come of it at most. The sum comes first: nothing is
// counted, or made room for, of a record that only begins as an aggregate.
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

// takeApart appends the members of an aggregate whose sum is right, or the aggregate as it is where it is malformed. Their
// data lies within that of the aggregate.
func (d *deaggregator) takeApart(records []batch.Record, r *batch.Record) []batch.Record {
	defer d.reset()
	m := messageOf(r.Data)
	n, ok := d.readTables(m)
	if !ok || n == 0 {
		return append(records, *r)
	}
	out, ok := d.appendMembers(slices.Grow(records, n), r, m)
	if !ok {
		return append(records, *r) // the first members may stand in its place by now
	}
	out[len(out)-1].More = false
	return out
}

// readTables reads the keys, wherever in the message they stand, counts the members, and reports whether the message
// is well-formed so far.
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

// appendMembers appends the members of a message whose tables are read, and reports whether all of them are well-formed.
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
	data               []byte // nil where there is none: that of a member without content is empty
}

// cutMember reads a member, and reports whether it has all that it must. Of a field that comes twice, the last counts.
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

// isOutside reports whether a member lies outside the shard's range: its explicit hash key, or else the sum of its
// partition key. It is not ok where an index points nowhere, or to a hash key that is none.
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

// keyAt returns where in the text a key lies.
func (d *deaggregator) keyAt(i uint64) (from, to int32) {
	if i > 0 {
		from = d.keys[i-1].end
	}
	return from, d.keys[i].end
}

// reset makes the scratch ready for the next aggregate.
func (d *deaggregator) reset() {
	if max(cap(d.text), cap(d.keys), cap(d.hashKeys)) > maxScratch {
		d.text, d.keys, d.hashKeys = nil, nil, nil
		return
	}
	d.text, d.keys, d.hashKeys = d.text[:0], d.keys[:0], d.hashKeys[:0]
}
