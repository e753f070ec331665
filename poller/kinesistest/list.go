package kinesistest

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// maxShardsListed is the page of ListShards.
const maxShardsListed = 1000

func (s *Service) listShards(in *kinesis.ListShardsInput, r *request) (*kinesis.ListShardsOutput, error) {
	limit := listLimit(in.MaxResults, s.shardsListed(&r.fault))
	if r.fault.Kind == ExpiredToken && in.NextToken != nil {
		r.fault.did()
		return nil, nextTokenExpired()
	}
	st, from, err := s.listedStream(in, r.now)
	if err != nil {
		return nil, err
	}
	match, err := st.filter(from.Filter, r.now)
	if err != nil {
		return nil, err
	}
	out := &kinesis.ListShardsOutput{Shards: []types.Shard{}}
	last := 0
	for _, sh := range st.listed(r.now) {
		if sh.index <= from.After || !match(sh) {
			continue
		}
		shown, ok := r.fault.shown(sh, st, r.now)
		if !ok {
			continue
		}
		if len(out.Shards) == limit {
			if r.fault.Kind == SmallPages {
				r.fault.did()
			}
			out.NextToken, err = s.newToken(shardsKind, shardsToken{st.id, last, from.Filter, r.now})
			return out, err
		}
		out.Shards = append(out.Shards, shown)
		last = sh.index
	}
	return out, nil
}

// shardsListed returns the size of a page.
func (s *Service) shardsListed(f *Fault) int {
	most := maxShardsListed
	for _, n := range [2]int{s.config.MaxShardsPerListing, f.MaxShards} {
		if n > 0 {
			most = min(most, n)
		}
	}
	return most
}

// shown returns a shard as a listing shows it, and false for one that an old listing does not have yet.
func (f *Fault) shown(sh *shard, st *stream, now time.Time) (types.Shard, bool) {
	at := now.Add(-f.lag)
	if at.Before(st.created) {
		at = st.created
	}
	switch {
	case f.lag == 0:
	case sh.opened.After(at):
		f.did()
		return types.Shard{}, false
	case !sh.isOpen() && sh.closed.After(at):
		f.did()
		shown := sh.describe()
		shown.SequenceNumberRange.EndingSequenceNumber = nil
		return shown, true
	}
	return sh.describe(), true
}

// listedStream returns the stream that a request lists, and the beginning of its page.
func (s *Service) listedStream(in *kinesis.ListShardsInput, now time.Time) (*stream, shardsToken, error) {
	if in.NextToken != nil {
		return s.listedByToken(in, now)
	}
	if in.StreamName == nil && in.StreamARN == nil {
		return nil, shardsToken{}, invalidArgument("Either NextToken or StreamName should be provided.")
	}
	st, err := s.find(in.StreamName, in.StreamARN, now)
	if err != nil {
		return nil, shardsToken{}, err
	}
	if status := st.status(now); status == types.StreamStatusCreating || status == types.StreamStatusDeleting {
		return nil, shardsToken{}, s.streamInUse(st.name, "ACTIVE or UPDATING", status)
	}
	if at := in.StreamCreationTimestamp; at != nil && at.Unix() != st.created.Unix() {
		return nil, shardsToken{}, s.streamNotFound(st.name)
	}
	from := shardsToken{After: -1, Filter: in.ShardFilter}
	if in.ExclusiveStartShardId != nil {
		after, ok := parseShardID(*in.ExclusiveStartShardId)
		if !ok {
			return nil, from, s.noShardToChange(st.name, *in.ExclusiveStartShardId)
		}
		from.After = after
	}
	return st, from, nil
}

func (s *Service) listedByToken(in *kinesis.ListShardsInput, now time.Time) (*stream, shardsToken, error) {
	if with := besideToken(in); with != "" {
		return nil, shardsToken{}, notTogether(with)
	}
	var token shardsToken
	if !s.parseToken(shardsKind, *in.NextToken, &token) {
		return nil, shardsToken{}, invalidArgument("Invalid NextToken.")
	}
	if now.Sub(token.Issued) > tokenAge {
		return nil, shardsToken{}, nextTokenExpired()
	}
	st := s.byID(token.Stream)
	if st == nil {
		return nil, shardsToken{}, invalidArgument("Invalid NextToken.")
	}
	return st, token, nil
}

// besideToken returns a member of a request that a token excludes, and "" if there is none. A token identifies its
// stream.
func besideToken(in *kinesis.ListShardsInput) string {
	switch {
	case in.StreamName != nil:
		return "StreamName"
	case in.StreamARN != nil:
		return "StreamARN"
	case in.ExclusiveStartShardId != nil:
		return "ExclusiveStartShardId"
	case in.StreamCreationTimestamp != nil:
		return "StreamCreationTimestamp"
	case in.ShardFilter != nil:
		return "ShardFilter"
	}
	return ""
}

// filter returns which shards match a ShardFilter.
func (st *stream) filter(f *types.ShardFilter, now time.Time) (func(*shard) bool, error) {
	if f == nil {
		return func(*shard) bool { return true }, nil
	}
	byShard := f.Type == types.ShardFilterTypeAfterShardId
	byTime := f.Type == types.ShardFilterTypeAtTimestamp || f.Type == types.ShardFilterTypeFromTimestamp
	if byShard != (f.ShardId != nil) {
		return nil, invalidArgument("ShardFilter needs ShardId with AFTER_SHARD_ID, and with no other type.")
	}
	if byTime != (f.Timestamp != nil) {
		return nil, invalidArgument("ShardFilter needs Timestamp with AT_TIMESTAMP and FROM_TIMESTAMP, and with no other type.")
	}
	horizon := st.horizon(now)
	if horizon.Before(st.created) {
		horizon = st.created
	}
	switch f.Type {
	case types.ShardFilterTypeFromTrimHorizon: // all there are
	case types.ShardFilterTypeAtLatest:
		return (*shard).isOpen, nil
	case types.ShardFilterTypeAtTrimHorizon:
		return func(sh *shard) bool { return sh.isOpenAt(horizon) }, nil
	case types.ShardFilterTypeAtTimestamp:
		return func(sh *shard) bool { return sh.isOpenAt(*f.Timestamp) }, nil
	case types.ShardFilterTypeFromTimestamp:
		return func(sh *shard) bool { return sh.isOpen() || !sh.closed.Before(*f.Timestamp) }, nil
	case types.ShardFilterTypeAfterShardId:
		after, ok := parseShardID(*f.ShardId)
		return func(sh *shard) bool { return ok && sh.index > after }, nil
	}
	return func(*shard) bool { return true }, nil
}

// isOpenAt reports whether the shard took records at t.
func (sh *shard) isOpenAt(t time.Time) bool {
	return !sh.opened.After(t) && (sh.isOpen() || !sh.closed.Before(t))
}
