package kinesistest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// record is one record of a shard. Its data is the Service's own and never written to.
type record struct {
	sequence string
	key      string
	keyless  bool
	data     []byte
	arrival  time.Time // UTC, whole milliseconds, never falling within a shard
}

// size is the size of a record for every limit.
func (r *record) size() int { return len(r.key) + len(r.data) }

// shard is the state of one shard, guarded by Service.mu.
type shard struct {
	index   int
	id      string
	parents []string // none, the split one, or the merged two
	hashes  hashRange
	created int64  // in its sequence numbers
	start   string // its starting sequence number
	end     string // its ending sequence number, empty while it is open

	opened, closed time.Time
	children       []*shard

	// records holds the records from index first to next-1: a position in the shard is such an index.
	records     []record
	first, next uint64

	// generation is that of the valid iterators.
	generation uint32

	reads, iterators pace

	subscribers []*subscription // those that run, to be woken
}

// append adds a record and returns it.
func (sh *shard) append(r record, now time.Time) *record {
	r.arrival = now.UTC().Truncate(time.Millisecond)
	if n := len(sh.records); n > 0 && r.arrival.Before(sh.records[n-1].arrival) {
		r.arrival = sh.records[n-1].arrival
	}
	r.sequence = sequence{sh.created, uint32(sh.index), sh.next, r.arrival.Unix()}.String()
	sh.next++
	sh.records = append(sh.records, r)
	sh.wake()
	return &sh.records[len(sh.records)-1]
}

// close ends the shard.
func (sh *shard) close(now time.Time) {
	sh.closed = now
	sh.end = sequence{sh.created, uint32(sh.index), lastIndex, now.Unix()}.String()
	sh.wake()
}

// wake makes the subscriptions check the shard.
func (sh *shard) wake() {
	for _, sub := range sh.subscribers {
		sub.look()
	}
}

func (sh *shard) isOpen() bool { return sh.end == "" }

// expired reports whether the shard is closed and all its records are trimmed.
func (sh *shard) expired(horizon time.Time) bool { return !sh.isOpen() && !sh.closed.After(horizon) }

// trim removes the records at and before horizon.
func (sh *shard) trim(horizon time.Time) {
	n := 0
	for n < len(sh.records) && !sh.records[n].arrival.After(horizon) {
		n++
	}
	clear(sh.records[:n]) // the array lives on, the data need not
	sh.records = sh.records[n:]
	sh.first += uint64(n)
}

// from returns the records at and after a position. A trimmed position means the oldest record.
func (sh *shard) from(position uint64) []record {
	if position <= sh.first {
		return sh.records
	}
	return sh.records[min(position-sh.first, uint64(len(sh.records))):]
}

// since returns the position of the first record that arrived at t or later.
func (sh *shard) since(t time.Time) uint64 {
	i, _ := slices.BinarySearchFunc(sh.records, t, func(r record, t time.Time) int { return r.arrival.Compare(t) })
	return sh.first + uint64(i)
}

// describe returns the shard as ListShards shows it.
func (sh *shard) describe() types.Shard {
	out := types.Shard{
		ShardId:             new(sh.id),
		HashKeyRange:        sh.hashes.describe(),
		SequenceNumberRange: &types.SequenceNumberRange{StartingSequenceNumber: new(sh.start)},
	}
	if !sh.isOpen() {
		out.SequenceNumberRange.EndingSequenceNumber = new(sh.end)
	}
	if len(sh.parents) > 0 {
		out.ParentShardId = new(sh.parents[0])
	}
	if len(sh.parents) > 1 {
		out.AdjacentParentShardId = new(sh.parents[1])
	}
	return out
}

// describeChildren returns the children as GetRecords shows them at the shard's end.
func (sh *shard) describeChildren() []types.ChildShard {
	var out []types.ChildShard
	for _, c := range sh.children {
		out = append(out, types.ChildShard{
			ShardId: new(c.id), ParentShards: slices.Clone(c.parents), HashKeyRange: c.hashes.describe(),
		})
	}
	return out
}

func (r hashRange) describe() *types.HashKeyRange {
	return &types.HashKeyRange{StartingHashKey: new(r.start.String()), EndingHashKey: new(r.end.String())}
}

func shardID(index int) string { return fmt.Sprintf("shardId-%012d", index) }

// parseShardID parses a shard id. Like the service it also accepts the bare number, and fewer zeros.
func parseShardID(id string) (int, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(id, "shardId-"), 10, 31)
	return int(n), err == nil && n <= math.MaxInt32
}
