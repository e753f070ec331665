package kinesistest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	maxShards        = 10_000 // of a new stream; the bounds on shards are a test's memory, not the service's quotas
	maxListed        = 50_000 // of one stream, open and closed
	onDemandShards   = 4
	maxStreamsListed = 100
	maxShardsShown   = 100 // by DescribeStream
)

func (s *Service) createStream(in *kinesis.CreateStreamInput, r *request) (*kinesis.CreateStreamOutput, error) {
	name := *in.StreamName
	st := &stream{name: name, arn: s.arn(name), created: r.now.Truncate(time.Millisecond), retention: defaultRetention}
	shards, err := st.configure(in)
	if err != nil {
		return nil, err
	}
	if _, err := s.byName(name, r.now); err == nil {
		return nil, s.streamExists(name)
	}
	s.lastID++
	st.id = s.lastID
	for _, hashes := range evenRanges(shards) {
		st.open = append(st.open, st.addShard(hashes, st.created))
	}
	st.enter(types.StreamStatusCreating, r.now, s.config.TransitionTime)
	s.streams[name] = st
	s.journal.changed(CreateStream, in, r.now)
	return &kinesis.CreateStreamOutput{}, nil
}

// configure applies the settings of a new stream, and returns the number of its shards.
func (st *stream) configure(in *kinesis.CreateStreamInput) (int, error) {
	st.mode, st.recordKiB = types.StreamModeProvisioned, defaultRecordKiB
	if in.StreamModeDetails != nil {
		st.mode = in.StreamModeDetails.StreamMode
	}
	if st.mode == types.StreamModeOnDemand {
		st.distribution = types.RecordDistributionStrategyUserPartitionKey
	}
	if d := in.RecordDistributionStrategy; d != "" {
		if st.mode != types.StreamModeOnDemand {
			return 0, invalidArgument("RecordDistributionStrategy %s can not be used with stream mode %s.", d, st.mode)
		}
		st.distribution = d
	}
	if in.MaxRecordSizeInKiB != nil {
		st.recordKiB = *in.MaxRecordSizeInKiB
	}
	return st.shardCount(in.ShardCount)
}

// shardCount returns how many shards a new stream has. The bound is the default quota of a stream's shards. The
// account's quota for all of its streams is not enforced.
func (st *stream) shardCount(asked *int32) (int, error) {
	switch {
	case asked == nil && st.mode == types.StreamModeOnDemand:
		return onDemandShards, nil
	case asked == nil:
		return 0, invalidArgument("ShardCount must be provided for a stream in PROVISIONED mode.")
	case *asked > maxShards:
		return 0, &types.LimitExceededException{Message: new(fmt.Sprintf(
			"Shard count %d of stream %s exceeds the limit of %d shards.", *asked, st.name, maxShards))} // ours
	}
	return int(*asked), nil
}

func (s *Service) deleteStream(in *kinesis.DeleteStreamInput, r *request) (*kinesis.DeleteStreamOutput, error) {
	st, err := s.find(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	if st.deleting {
		return nil, s.streamInUse(st.name, "ACTIVE", types.StreamStatusDeleting)
	}
	if all := st.registered(r.now); len(all) > 0 && (in.EnforceConsumerDeletion == nil || !*in.EnforceConsumerDeletion) {
		return nil, &types.ResourceInUseException{Message: new(fmt.Sprintf(
			"Stream %s under account %s has %d registered consumers.", st.name, s.config.Account, len(all)))}
	}
	st.deleting = true
	for _, c := range st.consumers {
		c.wake()
	}
	st.enter(types.StreamStatusDeleting, r.now, s.config.TransitionTime)
	if st.gone(r.now) {
		delete(s.streams, st.name)
	}
	s.journal.changed(DeleteStream, in, r.now)
	return &kinesis.DeleteStreamOutput{}, nil
}

// replacedAfter is the least time between the creations of a stream and of its replacement: a deletion takes a while.
const replacedAfter = 5 * time.Second

// replace deletes a stream and creates another one of the same name, with as many open shards.
func (s *Service) replace(name string, now time.Time) error {
	st, err := s.byName(name, now)
	if err != nil {
		return err
	}
	deleted := now.Add(-s.config.TransitionTime) // so that it is gone now
	_, err = s.deleteStream(&kinesis.DeleteStreamInput{StreamName: &name, EnforceConsumerDeletion: new(true)}, &request{now: deleted})
	if err != nil && !st.deleting {
		return err
	}
	// A shard's numbers begin with the second of its creation, which must not be that of an old shard.
	created := now
	for _, sh := range st.shards {
		if second := time.Unix(sh.created, 0).Add(replacedAfter); created.Before(second) {
			created = second
		}
	}
	_, err = s.createStream(&kinesis.CreateStreamInput{
		StreamName: &name, ShardCount: new(int32(len(st.open))), MaxRecordSizeInKiB: &st.recordKiB,
		StreamModeDetails: &types.StreamModeDetails{StreamMode: st.mode}, RecordDistributionStrategy: st.distribution,
	}, &request{now: created})
	return err
}

func (s *Service) describeStream(in *kinesis.DescribeStreamInput, r *request) (*kinesis.DescribeStreamOutput, error) {
	st, err := s.find(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	limit := listLimit(in.Limit, maxShardsShown)
	after := -1
	if in.ExclusiveStartShardId != nil {
		var ok bool
		if after, ok = parseShardID(*in.ExclusiveStartShardId); !ok {
			return nil, s.noShardToChange(st.name, *in.ExclusiveStartShardId)
		}
	}
	shards := slices.DeleteFunc(slices.Clone(st.listed(r.now)), func(sh *shard) bool { return sh.index <= after })
	shown := shards[:min(limit, len(shards))]
	return &kinesis.DescribeStreamOutput{StreamDescription: &types.StreamDescription{
		StreamName: new(st.name), StreamARN: new(st.arn), StreamStatus: st.status(r.now),
		StreamCreationTimestamp: new(st.created.UTC()), RetentionPeriodHours: st.retentionHours(),
		StreamModeDetails:  &types.StreamModeDetails{StreamMode: st.mode},
		EnhancedMonitoring: []types.EnhancedMetrics{{ShardLevelMetrics: []types.MetricsName{}}},
		EncryptionType:     types.EncryptionTypeNone,
		Shards:             describeAll(shown), HasMoreShards: new(len(shown) < len(shards)),
	}}, nil
}

func (s *Service) describeStreamSummary(in *kinesis.DescribeStreamSummaryInput, r *request) (*kinesis.DescribeStreamSummaryOutput, error) {
	st, err := s.find(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &types.StreamDescriptionSummary{
		StreamName: new(st.name), StreamARN: new(st.arn), StreamStatus: st.status(r.now),
		StreamCreationTimestamp: new(st.created.UTC()), RetentionPeriodHours: st.retentionHours(),
		StreamModeDetails:          &types.StreamModeDetails{StreamMode: st.mode},
		EnhancedMonitoring:         []types.EnhancedMetrics{{ShardLevelMetrics: []types.MetricsName{}}},
		EncryptionType:             types.EncryptionTypeNone,
		OpenShardCount:             new(int32(len(st.open))),
		ConsumerCount:              new(int32(len(st.registered(r.now)))),
		MaxRecordSizeInKiB:         new(st.recordKiB),
		RecordDistributionStrategy: st.distribution,
	}}, nil
}

func (s *Service) listStreams(in *kinesis.ListStreamsInput, r *request) (*kinesis.ListStreamsOutput, error) {
	limit := listLimit(in.Limit, maxStreamsListed)
	after, err := s.streamsAfter(in, r.now)
	if err != nil {
		return nil, err
	}
	out := &kinesis.ListStreamsOutput{HasMoreStreams: new(false), StreamNames: []string{}, StreamSummaries: []types.StreamSummary{}}
	for _, name := range slices.Sorted(maps.Keys(s.streams)) {
		st, err := s.byName(name, r.now)
		if err != nil || name <= after {
			continue
		}
		if len(out.StreamNames) == limit {
			out.HasMoreStreams = new(true)
			out.NextToken, err = s.newToken(streamsKind, streamsToken{out.StreamNames[limit-1], r.now})
			return out, err
		}
		out.StreamNames = append(out.StreamNames, name)
		out.StreamSummaries = append(out.StreamSummaries, types.StreamSummary{
			StreamName: new(st.name), StreamARN: new(st.arn), StreamStatus: st.status(r.now),
			StreamCreationTimestamp: new(st.created.UTC()),
			StreamModeDetails:       &types.StreamModeDetails{StreamMode: st.mode},
		})
	}
	return out, nil
}

// streamsAfter returns the name after which a page begins.
func (s *Service) streamsAfter(in *kinesis.ListStreamsInput, now time.Time) (string, error) {
	switch {
	case in.NextToken == nil && in.ExclusiveStartStreamName == nil:
		return "", nil
	case in.NextToken == nil:
		return *in.ExclusiveStartStreamName, nil
	case in.ExclusiveStartStreamName != nil:
		return "", notTogether("ExclusiveStartStreamName")
	}
	var token streamsToken
	if !s.parseToken(streamsKind, *in.NextToken, &token) {
		return "", invalidArgument("Invalid NextToken.")
	}
	if now.Sub(token.Issued) > tokenAge {
		return "", nextTokenExpired()
	}
	return token.After, nil
}

// listLimit is the size of a page: as requested, but at most standard.
func listLimit(asked *int32, standard int) int {
	if asked == nil {
		return standard
	}
	return min(int(*asked), standard)
}

func (st *stream) retentionHours() *int32 { return new(int32(st.retention / time.Hour)) }

func describeAll(shards []*shard) []types.Shard {
	out := make([]types.Shard, len(shards))
	for i, sh := range shards {
		out[i] = sh.describe()
	}
	return out
}
