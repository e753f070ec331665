package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/poller"
)

// reshardTime is the minimum time for all reshards, so that the mapping sees records flow meanwhile.
const reshardTime = 2 * time.Second

// resharder splits each shard of a stream in the middle and merges its halves again, one shard after the other, so the
// stream never has more than one additional open shard. Records are put before, during and after each step.
type resharder struct {
	putter *putter
	rest   []int         // the numbers of the records that are not put yet
	shares int           // the number of shares in which they are put
	pause  time.Duration // the minimum time for putting a share
	report func(reshard)
}

// reshard is a completed split or merge.
type reshard struct {
	Step     string // "split" or "merged"
	Of, Into []string
}

func (r *resharder) run(ctx context.Context) error {
	if _, err := r.putter.stream.await(ctx, types.StreamStatusActive); err != nil {
		return err
	}
	open, err := r.putter.stream.list(ctx, func(s poller.Shard) bool { return s.EndingSequenceNumber == "" })
	if err != nil {
		return err
	}
	r.shares = 1 + 2*len(open) + 1 // before, during each split and merge, and after them
	r.pause = reshardTime / time.Duration(r.shares)
	if err := r.putSome(ctx); err != nil {
		return err
	}
	for _, shard := range open {
		halves, err := r.split(ctx, shard)
		if err != nil {
			return fmt.Errorf("split %s: %w", shard.ID, err)
		}
		if err := r.merge(ctx, halves); err != nil {
			return fmt.Errorf("merge the halves of %s: %w", shard.ID, err)
		}
	}
	return r.putSome(ctx)
}

// split returns the halves of a shard.
func (r *resharder) split(ctx context.Context, shard poller.Shard) ([]poller.Shard, error) {
	middle, err := middleOf(shard)
	if err != nil {
		return nil, err
	}
	stream := r.putter.stream
	return r.step(ctx, "split", []poller.Shard{shard}, func() error {
		_, err := stream.client.SplitShard(ctx, &kinesis.SplitShardInput{
			StreamName: &stream.name, ShardToSplit: &shard.ID, NewStartingHashKey: &middle,
		})
		return err
	})
}

func (r *resharder) merge(ctx context.Context, halves []poller.Shard) error {
	if len(halves) != 2 {
		return fmt.Errorf("there are %d", len(halves))
	}
	stream := r.putter.stream
	_, err := r.step(ctx, "merged", halves, func() error {
		_, err := stream.client.MergeShards(ctx, &kinesis.MergeShardsInput{
			StreamName: &stream.name, ShardToMerge: &halves[0].ID, AdjacentShardToMerge: &halves[1].ID,
		})
		return err
	})
	return err
}

// step makes a call that reshards, and puts records meanwhile. It returns the children when the reshard is complete.
func (r *resharder) step(ctx context.Context, name string, parents []poller.Shard, call func() error) ([]poller.Shard, error) {
	putting := make(chan error, 1)
	go func() { putting <- r.putSome(ctx) }()
	children, err := r.children(ctx, parents, call)
	if err == nil {
		r.report(reshard{name, idsOf(parents), idsOf(children)})
	}
	return children, errors.Join(err, <-putting)
}

// children makes the call, and returns the new shards. A call that failed may have been carried out: its answer was
// lost, and the SDK called again.
func (r *resharder) children(ctx context.Context, parents []poller.Shard, call func() error) ([]poller.Shard, error) {
	stream := r.putter.stream
	failed := call()
	for {
		if _, err := stream.await(ctx, types.StreamStatusActive); err != nil {
			return nil, errors.Join(failed, err)
		}
		children, err := stream.list(ctx, func(s poller.Shard) bool { return s.Parent == parents[0].ID || s.AdjacentParent == parents[0].ID })
		if err != nil {
			return nil, errors.Join(failed, err)
		}
		if len(children) > 0 {
			stream.shards += len(children)
			return children, nil
		}
		if failed != nil {
			return nil, failed
		}
		if err := work(ctx, 100*time.Millisecond); err != nil { // the listing lags
			return nil, err
		}
	}
}

// putSome puts the next share of the records, in a few calls.
func (r *resharder) putSome(ctx context.Context) error {
	const calls = 4
	n := len(r.rest) / r.shares
	share := r.rest[:n]
	r.rest = r.rest[n:]
	r.shares--
	for i := range calls {
		if err := r.putter.put(ctx, share[n*i/calls:n*(i+1)/calls]); err != nil {
			return err
		}
		if err := work(ctx, r.pause/calls); err != nil {
			return err
		}
	}
	return nil
}

// list returns some shards of the stream, ordered by ID.
func (s *stream) list(ctx context.Context, keep func(poller.Shard) bool) ([]poller.Shard, error) {
	source, err := poller.New(poller.Config{Client: s.client, StreamARN: s.arn})
	if err != nil {
		return nil, err
	}
	shards, err := source.Shards(ctx)
	shards = slices.DeleteFunc(shards, func(s poller.Shard) bool { return !keep(s) })
	slices.SortFunc(shards, func(a, b poller.Shard) int { return cmp.Compare(a.ID, b.ID) })
	return shards, err
}

// middleOf returns the hash key at which the upper half of a shard begins.
func middleOf(s poller.Shard) (string, error) {
	from, ok1 := new(big.Int).SetString(s.StartingHashKey, 10)
	to, ok2 := new(big.Int).SetString(s.EndingHashKey, 10)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("its hash keys are %q to %q", s.StartingHashKey, s.EndingHashKey)
	}
	middle := from.Add(from, to)
	return middle.Rsh(middle, 1).String(), nil
}

func idsOf(shards []poller.Shard) (ids []string) {
	for _, s := range shards {
		ids = append(ids, s.ID)
	}
	return ids
}
