package kinesistest

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func (s *Service) updateShardCount(in *kinesis.UpdateShardCountInput, r *request) (*kinesis.UpdateShardCountOutput, error) {
	st, err := s.settled(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	had, target := len(st.open), int(*in.TargetShardCount)
	if err := s.scalable(st, target); err != nil {
		return nil, err
	}
	st.scale(target, r)
	st.enter(types.StreamStatusUpdating, r.now, s.config.TransitionTime)
	s.journal.changed(UpdateShardCount, in, r.now)
	return &kinesis.UpdateShardCountOutput{
		StreamName: new(st.name), StreamARN: new(st.arn),
		CurrentShardCount: new(int32(had)), TargetShardCount: new(int32(target)),
	}, nil
}

// scalable applies the bounds on one step. The ten steps a day of an account are not enforced.
// Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
func (s *Service) scalable(st *stream, target int) error {
	open := len(st.open)
	switch {
	case st.mode == types.StreamModeOnDemand:
		return &types.ValidationException{Message: new(fmt.Sprintf(
			"Request is invalid. Stream %s under account %s is in On-Demand mode.", st.name, s.config.Account))}
	case target > 2*open:
		return invalidArgument("UpdateShardCount cannot scale up over double your current open shard count. "+
			"Current open shard count: %d Target shard count: %d", open, target)
	case 2*target < open:
		return invalidArgument("UpdateShardCount cannot scale down below half your current open shard count. "+
			"Current open shard count: %d Target shard count: %d", open, target)
	case target > maxShards:
		return &types.LimitExceededException{Message: new(fmt.Sprintf(
			"Target shard count %d of stream %s exceeds the limit of %d shards.", target, st.name, maxShards))}
	}
	return st.roomForShards()
}

// scale divides the open shards into target ranges of equal size: it splits the shards at the boundaries of those
// ranges, and then merges the shards between two boundaries. The intermediate pieces stay in the lineage, as on the
// service.
func (st *stream) scale(target int, r *request) {
	cuts := st.cuts(target)
	var pieces []*shard
	for _, sh := range st.open {
		for len(cuts) > 0 && cuts[0].compare(sh.hashes.end) <= 0 {
			if cut := cuts[0]; cut != sh.hashes.start {
				low := st.addShard(hashRange{sh.hashes.start, cut.previous()}, r.now, sh)
				high := st.addShard(hashRange{cut, sh.hashes.end}, r.now, sh)
				sh.close(r.now)
				pieces, sh = append(pieces, low), high
			}
			cuts = cuts[1:]
		}
		pieces = append(pieces, sh)
	}
	st.open = st.joinBetween(st.cuts(target), pieces, r)
}

// joinBetween merges the pieces, which are in order, between every two cuts, and returns what is left open.
func (st *stream) joinBetween(cuts []hashKey, pieces []*shard, r *request) []*shard {
	open := make([]*shard, 0, len(cuts)+1)
	for _, sh := range pieces {
		n := len(open)
		if n == 0 || len(cuts) > 0 && sh.hashes.start == cuts[0] {
			if n > 0 {
				cuts = cuts[1:]
			}
			open = append(open, sh)
			continue
		}
		low := open[n-1]
		open[n-1] = st.addShard(hashRange{low.hashes.start, sh.hashes.end}, r.now, low, sh)
		low.close(r.now)
		sh.close(r.now)
	}
	return open
}

// nearBoundary is how far the boundary of an even range may lie from a shard's own one and count as the same: the
// thirds and the sixths of all hash keys differ by one, which is no reason to split and merge.
var nearBoundary = new(big.Int).Lsh(big.NewInt(1), 32)

// cuts returns where the second and each further of target even ranges starts.
func (st *stream) cuts(target int) []hashKey {
	cuts := make([]hashKey, 0, target-1)
	for _, even := range evenRanges(target)[1:] {
		cut := even.start
		i, _ := slices.BinarySearchFunc(st.open, cut, func(sh *shard, k hashKey) int { return sh.hashes.start.compare(k) })
		for _, sh := range st.open[max(0, i-1):min(len(st.open), i+1)] {
			distance := new(big.Int).Sub(even.start.big(), sh.hashes.start.big())
			if distance.CmpAbs(nearBoundary) < 0 {
				cut = sh.hashes.start
			}
		}
		cuts = append(cuts, cut)
	}
	return cuts
}
