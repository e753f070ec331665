package kinesistest

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func (s *Service) getShardIterator(in *kinesis.GetShardIteratorInput, r *request) (*kinesis.GetShardIteratorOutput, error) {
	st, err := s.live(in.StreamName, in.StreamARN, r.now)
	if err != nil {
		return nil, err
	}
	sh := st.shard(*in.ShardId, r.now)
	if sh == nil {
		return nil, s.shardNotFound(st.name, *in.ShardId)
	}
	position, err := s.startOf(st, sh, start{GetShardIterator, in.ShardIteratorType, in.StartingSequenceNumber, in.Timestamp}, r.now)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if !s.config.NoLimits && !sh.iterators.admit(r.now) {
		return nil, s.rateExceeded(st.name, sh.id)
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: s.newIterator(st, sh, position, r.now)}, nil
}

// start is where a request wants to begin in a shard.
type start struct {
	op       Op
	kind     types.ShardIteratorType
	sequence *string
	time     *time.Time
}

// startOf returns the position that a request specifies.
func (s *Service) startOf(st *stream, sh *shard, from start, now time.Time) (uint64, error) {
	bySequence := from.kind == types.ShardIteratorTypeAtSequenceNumber || from.kind == types.ShardIteratorTypeAfterSequenceNumber
	if bySequence != (from.sequence != nil) {
		also := "no"
		if !bySequence {
			also = "also a"
		}
		return 0, invalidArgument("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "+
			"StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "+
			"Request specified %s and %s StartingSequenceNumber.", from.kind, also)
	}
	if from.time != nil && from.kind != types.ShardIteratorTypeAtTimestamp {
		return 0, invalidArgument("Timestamp can only be specified with AT_TIMESTAMP. Request specified %s and also a Timestamp.", from.kind) // ours
	}
	switch from.kind {
	case types.ShardIteratorTypeTrimHorizon: // the oldest there is
	case types.ShardIteratorTypeLatest:
		return sh.next, nil
	case types.ShardIteratorTypeAtTimestamp:
		return startAt(sh, from.time, now)
	case types.ShardIteratorTypeAtSequenceNumber, types.ShardIteratorTypeAfterSequenceNumber:
		return s.startBy(st, sh, from)
	}
	return sh.first, nil
}

// startAt is startOf for AT_TIMESTAMP.
func startAt(sh *shard, t *time.Time, now time.Time) (uint64, error) {
	if t == nil {
		return 0, invalidArgument("Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. " +
			"Current request has no timestamp parameter.")
	}
	if asked, current := t.UnixMilli(), now.UnixMilli(); asked > current {
		return 0, invalidArgument("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "+
			"timestampInMillis: %d, currentTimestampInMillis: %d", asked, current)
	}
	return sh.since(t.Truncate(time.Millisecond)), nil
}

// startBy is startOf for the types with a sequence number. A trimmed number, or one without a record, is a place as
// well: the next record follows it.
func (s *Service) startBy(st *stream, sh *shard, from start) (uint64, error) {
	q, ok := parseSequence(*from.sequence)
	if !ok {
		return 0, invalidArgument("StartingSequenceNumber %s used in %s on shard %s in stream %s under account "+
			"%s is invalid.", *from.sequence, from.op, sh.id, st.name, s.config.Account)
	}
	if q.shard != uint32(sh.index) {
		return 0, invalidArgument("Invalid StartingSequenceNumber. It encodes %s, while it was used in a call to a shard "+
			"with %s", shardID(int(q.shard)), sh.id)
	}
	if q.created != sh.created {
		return 0, invalidArgument("StartingSequenceNumber %s used in %s on shard %s in stream %s under account "+
			"%s is invalid because it did not come from this stream.",
			*from.sequence, from.op, sh.id, st.name, s.config.Account)
	}
	if from.kind == types.ShardIteratorTypeAfterSequenceNumber || sh.isBehind(q) {
		q.index++
	}
	return max(sh.first, min(q.index, sh.next)), nil
}

// isBehind reports whether a sequence number lies between the record of its index and the next one, as the
// continuations of a subscription do.
func (sh *shard) isBehind(q sequence) bool {
	at := sh.from(q.index)
	return q.index >= sh.first && len(at) > 0 && at[0].arrival.Unix() < q.arrived
}

func (s *Service) getRecords(in *kinesis.GetRecordsInput, r *request) (*kinesis.GetRecordsOutput, error) {
	limit := int32(maxPageRecords)
	if in.Limit != nil {
		limit = *in.Limit
	}
	c, err := s.resolve(in, r.now)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if !s.config.NoLimits && !c.shard.reads.admit(r.now) {
		return nil, s.rateExceeded(c.stream.name, c.shard.id)
	}
	if r.fault.Empty {
		if len(c.ahead) > 0 && r.fault.Kind == EmptyPage {
			r.fault.did()
		}
		return s.answer(c, 0, r), nil
	}
	most := s.capped(int(limit), r.fault.MaxRecords)
	if again := r.fault.before(c.shard, c.position); again < c.position {
		most += int(c.position - again) // repeated records take no room from new ones
		c.position, c.ahead = again, c.shard.from(again)
	}
	n, bytes, full := c.measure(most, maxPageBytes)
	c.shard.reads.spend(r.now, bytes, full)
	return s.answer(c, n, r), nil
}

// before returns the position at which a read begins: the requested one, or one before it.
func (f *Fault) before(sh *shard, position uint64) uint64 {
	back := min(uint64(f.back), position-min(position, sh.first))
	if back > 0 {
		f.did()
	}
	return position - back
}

// capped applies the caps of the configuration and of a fault to a limit.
func (s *Service) capped(limit, fault int) int {
	for _, most := range [2]int{s.config.MaxRecordsPerRead, fault} {
		if most > 0 {
			limit = min(limit, most)
		}
	}
	return limit
}

// cursor is a valid iterator.
type cursor struct {
	stream   *stream
	shard    *shard
	position uint64
	ahead    []record
}

// resolve finds the place of an iterator.
func (s *Service) resolve(in *kinesis.GetRecordsInput, now time.Time) (cursor, error) {
	it, ok := s.parseIterator(*in.ShardIterator)
	if !ok {
		return cursor{}, invalidArgument("Invalid ShardIterator.")
	}
	if in.StreamARN != nil {
		if _, err := s.nameOf(nil, in.StreamARN); err != nil {
			return cursor{}, err
		}
	}
	if now.Sub(it.issued) > iteratorAge {
		return cursor{}, iteratorExpired(it.issued, now)
	}
	st := s.byID(it.stream)
	if st == nil {
		return cursor{}, &types.ResourceNotFoundException{Message: new("The stream of this ShardIterator does not exist.")}
	}
	if in.StreamARN != nil && *in.StreamARN != st.arn {
		return cursor{}, invalidArgument("StreamARN %s does not belong to the ShardIterator.", *in.StreamARN)
	}
	sh := st.shardAt(int(it.shard), now)
	if sh == nil {
		return cursor{}, s.shardNotFound(st.name, shardID(int(it.shard)))
	}
	if it.generation != sh.generation {
		return cursor{}, iteratorExpired(it.issued, now)
	}
	position := max(it.position, sh.first)
	return cursor{st, sh, position, sh.from(position)}, nil
}

// measure returns how many records fit into a page, their bytes, and whether the bytes ended it.
func (c *cursor) measure(limit, maxBytes int) (n, bytes int, full bool) {
	for n < len(c.ahead) && n < limit {
		size := c.ahead[n].size()
		if n > 0 && bytes+size > maxBytes {
			return n, bytes, true
		}
		bytes += size
		n++
	}
	return n, bytes, bytes >= maxBytes
}

// answer builds the page of the next n records. Their data is shared with the stream.
func (s *Service) answer(c cursor, n int, r *request) *kinesis.GetRecordsOutput {
	page, rest := c.ahead[:n], c.ahead[n:]
	out := &kinesis.GetRecordsOutput{Records: pageOf(page), MillisBehindLatest: behind(rest, r.now)}
	if ended := !c.shard.isOpen() && len(rest) == 0; ended && (n == 0 || s.config.EndWithRecords) {
		if _, endless := r.fault.lasting(EndlessShard); !endless {
			out.ChildShards = c.shard.describeChildren()
			return out
		}
	}
	if s.config.ChildrenEarly {
		out.ChildShards = c.shard.describeChildren()
	}
	out.NextShardIterator = s.newIterator(c.stream, c.shard, c.position+uint64(n), r.now)
	return out
}

// behind returns the MillisBehindLatest of a reader that has rest ahead of it.
func behind(rest []record, now time.Time) *int64 {
	if len(rest) == 0 {
		return new(int64(0))
	}
	return new(max(1, now.Sub(rest[0].arrival).Milliseconds())) // zero would mean that nothing is left
}

// pageOf returns records as the API shows them. It allocates by page, not by record.
func pageOf(records []record) []types.Record {
	out := make([]types.Record, len(records))
	fields := make([]struct {
		sequence, key string
		arrival       time.Time
	}, len(records))
	for i := range records {
		r, f := &records[i], &fields[i]
		f.sequence, f.key, f.arrival = r.sequence, r.key, r.arrival
		out[i] = types.Record{Data: r.data, SequenceNumber: &f.sequence, ApproximateArrivalTimestamp: &f.arrival}
		if !r.keyless {
			out[i].PartitionKey = &f.key
		}
	}
	return out
}
