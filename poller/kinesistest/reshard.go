package kinesistest

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func (s *Service) splitShard(in *kinesis.SplitShardInput, r *request) (*kinesis.SplitShardOutput, error) {
	st, err := s.settled(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	sh, err := s.changeable(st, *in.ShardToSplit, r.now)
	if err != nil {
		return nil, err
	}
	key, ok := parseHashKey(*in.NewStartingHashKey)
	if !ok || key.compare(sh.hashes.start) <= 0 || key.compare(sh.hashes.start.next()) == 0 || key.compare(sh.hashes.end) >= 0 {
		return nil, invalidArgument("NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under account %s "+
			"is not both greater than one plus the shard's StartingHashKey %s and less than the shard's EndingHashKey %s.",
			*in.NewStartingHashKey, sh.id, st.name, s.config.Account, sh.hashes.start, sh.hashes.end)
	}
	low := st.addShard(hashRange{sh.hashes.start, key.previous()}, r.now, sh)
	high := st.addShard(hashRange{key, sh.hashes.end}, r.now, sh)
	st.replace(r.now, []*shard{sh}, []*shard{low, high})
	st.enter(types.StreamStatusUpdating, r.now, s.config.TransitionTime)
	s.journal.changed(SplitShard, in, r.now)
	return &kinesis.SplitShardOutput{}, nil
}

func (s *Service) mergeShards(in *kinesis.MergeShardsInput, r *request) (*kinesis.MergeShardsOutput, error) {
	st, err := s.settled(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	one, err := s.changeable(st, *in.ShardToMerge, r.now)
	if err != nil {
		return nil, err
	}
	other, err := s.changeable(st, *in.AdjacentShardToMerge, r.now)
	if err != nil {
		return nil, err
	}
	hashes, ok := join(one.hashes, other.hashes)
	if !ok {
		return nil, invalidArgument("Shards %s and %s in stream %s under account %s are not an adjacent pair of shards "+
			"eligible for merging", one.id, other.id, st.name, s.config.Account)
	}
	child := st.addShard(hashes, r.now, one, other)
	st.replace(r.now, []*shard{one, other}, []*shard{child})
	st.enter(types.StreamStatusUpdating, r.now, s.config.TransitionTime)
	s.journal.changed(MergeShards, in, r.now)
	return &kinesis.MergeShardsOutput{}, nil
}

// changeable returns a shard that can be split or merged: an open one, while the stream may have more shards.
func (s *Service) changeable(st *stream, id string, now time.Time) (*shard, error) {
	if err := st.roomForShards(); err != nil {
		return nil, err
	}
	return s.openShard(st, id, now)
}

// roomForShards refuses a reshard of a stream with more shards than the memory of a test should hold.
func (st *stream) roomForShards() error {
	if len(st.shards) < maxListed {
		return nil
	}
	return &types.LimitExceededException{Message: new(fmt.Sprintf(
		"Stream %s has %d shards, open and closed. kinesistest does not keep more.", st.name, len(st.shards)))}
}

// openShard returns an open shard.
func (s *Service) openShard(st *stream, id string, now time.Time) (*shard, error) {
	sh := st.shard(id, now)
	switch {
	case sh == nil:
		return nil, s.noShardToChange(st.name, id)
	case !sh.isOpen():
		return nil, invalidArgument("Shard %s in stream %s under account %s has already been merged or split, and thus is "+
			"not eligible for merging or splitting.", sh.id, st.name, s.config.Account)
	}
	return sh, nil
}

// join returns the union of two ranges that touch.
func join(a, b hashRange) (hashRange, bool) {
	if b.start.compare(a.start) < 0 {
		a, b = b, a
	}
	if a.end == maxHashKey || a.end.next() != b.start {
		return hashRange{}, false
	}
	return hashRange{a.start, b.end}, true
}
