package kinesistest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	defaultRetention = 24 * time.Hour
	maxRetention     = 8760 * time.Hour

	defaultRecordKiB = 1024
	maxRecordKiB     = 10 * 1024
)

// stream is the state of one stream, guarded by Service.mu.
type stream struct {
	id      uint64
	name    string
	arn     string
	created time.Time

	// until is when the present transition ends: CREATING, UPDATING, or DELETING.
	until      time.Time
	transition types.StreamStatus
	deleting   bool

	mode         types.StreamMode
	distribution types.RecordDistributionStrategy // empty for provisioned streams
	turn         int                              // counts the records of an AUTO stream, to distribute them
	recordKiB    int32
	retention    time.Duration

	shards []*shard // by growing index; those that the retention removed are missing
	open   []*shard // by starting hash key; together they cover all hash keys
	count  int      // shards ever created: the index of the next

	consumers    []*consumer      // by name; deleted ones may still be included
	lastConsumer map[string]int64 // the second in the ARN of the last consumer of each name
}

// enter begins a transition. A transition without duration is over, whatever the clock shows.
func (st *stream) enter(status types.StreamStatus, now time.Time, takes time.Duration) {
	st.transition, st.until = status, after(now, takes)
}

// after returns when something that begins now is over, and the zero time if it is already.
func after(now time.Time, takes time.Duration) time.Time {
	if takes <= 0 {
		return time.Time{}
	}
	return now.Add(takes)
}

// status returns the stream's state at now.
func (st *stream) status(now time.Time) types.StreamStatus {
	if st.deleting || now.Before(st.until) {
		return st.transition
	}
	return types.StreamStatusActive
}

// gone reports whether the deletion of the stream is done.
func (st *stream) gone(now time.Time) bool { return st.deleting && !now.Before(st.until) }

// addShard makes an open shard and appends it to the list; the caller keeps st.open in order.
func (st *stream) addShard(hashes hashRange, now time.Time, parents ...*shard) *shard {
	sh := &shard{
		index: st.count, id: shardID(st.count), hashes: hashes,
		opened: now, created: now.Unix(), first: 1, next: 1,
	}
	for _, p := range parents {
		sh.parents = append(sh.parents, p.id)
		sh.created = max(sh.created, p.created+1) // so that the sequence numbers of a child are larger
		p.children = append(p.children, sh)
	}
	sh.start = sequence{created: sh.created, shard: uint32(sh.index), arrived: sh.created}.String()
	st.count++
	st.shards = append(st.shards, sh)
	return sh
}

// replace closes shards and replaces them with others.
func (st *stream) replace(now time.Time, old, by []*shard) {
	st.open = slices.DeleteFunc(st.open, func(sh *shard) bool { return slices.Contains(old, sh) })
	st.open = append(st.open, by...)
	slices.SortFunc(st.open, func(a, b *shard) int { return a.hashes.start.compare(b.hashes.start) })
	for _, sh := range old {
		sh.close(now)
	}
}

// shardFor returns the open shard that a hash key belongs to.
func (st *stream) shardFor(key hashKey) *shard {
	i, found := slices.BinarySearchFunc(st.open, key, func(sh *shard, k hashKey) int { return sh.hashes.start.compare(k) })
	if !found {
		i--
	}
	return st.open[i]
}

// shard returns a shard that is still in the stream, or nil.
func (st *stream) shard(id string, now time.Time) *shard {
	index, ok := parseShardID(id)
	if !ok {
		return nil
	}
	return st.shardAt(index, now)
}

// shardAt is shard by number.
func (st *stream) shardAt(index int, now time.Time) *shard {
	i, found := slices.BinarySearchFunc(st.shards, index, func(sh *shard, n int) int { return cmp.Compare(sh.index, n) })
	if !found || st.shards[i].expired(st.horizon(now)) {
		return nil
	}
	sh := st.shards[i]
	sh.trim(st.horizon(now))
	return sh
}

// listed drops the shards that the retention has emptied for good, and returns the others.
func (st *stream) listed(now time.Time) []*shard {
	horizon := st.horizon(now)
	st.shards = slices.DeleteFunc(st.shards, func(sh *shard) bool { return sh.expired(horizon) })
	return st.shards
}

// horizon is the time at and before which records are trimmed.
func (st *stream) horizon(now time.Time) time.Time { return now.Add(-st.retention) }

// splitARN splits the ARN of a stream, which has the model's form.
func splitARN(arn string) (account, name string) {
	before, name, _ := strings.Cut(arn, ":stream/")
	return before[strings.LastIndexByte(before, ':')+1:], name
}
