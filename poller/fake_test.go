package poller_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

const (
	ordersARN = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	shardID   = "shardId-000000000000"
)

var (
	_ poller.Source = (*poller.Poller)(nil)
	_ poller.Clock  = (*poller.Poller)(nil)
	_ poller.Client = (*kinesis.Client)(nil)
	_ poller.Client = (*fake)(nil)
)

// call is a call that a fake saw.
type call struct {
	op     string
	at     time.Duration // since the fake was made
	detail string
	limit  int32

	refused bool // because more is asked of the shard than it grants
}

// fake is a stream of one shard whose record i has the sequence number i+1. Its iterators are indexes,
// and the time at which they were given.
// A hook that returns neither an answer nor an error leaves the call to the fake.
type fake struct {
	records []types.Record
	page    int  // records per answer, 0: as many as were asked for
	closed  bool // no records will follow

	children []types.ChildShard // of its end, once it is closed

	onList     func(in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error)
	onIterator func(in *kinesis.GetShardIteratorInput) error
	onRead     func(ctx context.Context, n int) (*kinesis.GetRecordsOutput, error) // n counts reads from 0
	born       time.Time
	mu         sync.Mutex
	calls      []call
	reads      int
}

func newFake(records int) *fake {
	f := &fake{born: time.Now(), children: []types.ChildShard{{ShardId: aws.String("child"), ParentShards: []string{shardID}}}}
	for i := range records {
		f.records = append(f.records, record(i+1))
	}
	return f
}

func record(seq int) types.Record {
	return types.Record{
		SequenceNumber:              aws.String(strconv.Itoa(seq)),
		PartitionKey:                aws.String("key"),
		Data:                        fmt.Appendf(nil, "data %d", seq),
		ApproximateArrivalTimestamp: aws.Time(time.Unix(1_700_000_000, int64(seq)*1_234_567)),
	}
}

func (f *fake) note(op, detail string, limit *int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call{op: op, at: time.Since(f.born), detail: detail, limit: aws.ToInt32(limit)})
}

func (f *fake) ListShards(_ context.Context, in *kinesis.ListShardsInput, _ ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	f.note("list", aws.ToString(in.NextToken), nil)
	if in.NextToken != nil && (in.StreamARN != nil || in.StreamName != nil) {
		return nil, &types.InvalidArgumentException{Message: aws.String("NextToken and StreamARN cannot be provided together.")}
	}
	if f.onList != nil {
		return f.onList(in)
	}
	own := types.Shard{ShardId: aws.String(shardID), SequenceNumberRange: &types.SequenceNumberRange{}}
	if f.closed {
		own.SequenceNumberRange.EndingSequenceNumber = aws.String("9223372036854775807")
	}
	return &kinesis.ListShardsOutput{Shards: []types.Shard{own}}, nil
}

func (f *fake) GetShardIterator(_ context.Context, in *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	f.note("iterator", strings.TrimSpace(string(in.ShardIteratorType)+" "+aws.ToString(in.StartingSequenceNumber)), nil)
	if f.onIterator != nil {
		if err := f.onIterator(in); err != nil {
			return nil, err
		}
	}
	return &kinesis.GetShardIteratorOutput{ShardIterator: f.iterator(f.find(in))}, nil
}

func (f *fake) iterator(index int) *string {
	return aws.String(fmt.Sprintf("%d@%v", index, time.Since(f.born)))
}

func (f *fake) find(in *kinesis.GetShardIteratorInput) int {
	seq := aws.ToString(in.StartingSequenceNumber)
	switch in.ShardIteratorType {
	case types.ShardIteratorTypeAfterSequenceNumber:
		i, ok := f.search(seq)
		if ok {
			i++
		}
		return i
	case types.ShardIteratorTypeAtSequenceNumber:
		i, _ := f.search(seq)
		return i
	case types.ShardIteratorTypeAtTimestamp:
		return slices.IndexFunc(f.records, func(r types.Record) bool { return !r.ApproximateArrivalTimestamp.Before(*in.Timestamp) })
	}
	return 0
}

func (f *fake) search(seq string) (int, bool) {
	return slices.BinarySearchFunc(f.records, seq, func(r types.Record, seq string) int {
		return batch.CompareSequenceNumbers(*r.SequenceNumber, seq)
	})
}

func (f *fake) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	f.note("read", *in.ShardIterator, in.Limit)
	n := f.reads
	f.reads++
	if f.onRead != nil {
		out, err := f.onRead(ctx, n)
		if errors.Is(err, throttled) {
			f.refuse()
		}
		if out != nil || err != nil {
			return out, err
		}
	}
	index, given, _ := strings.Cut(*in.ShardIterator, "@")
	if d, err := time.ParseDuration(given); err == nil && time.Since(f.born)-d > 5*time.Minute {
		return nil, expired
	}
	from, _ := strconv.Atoi(index)
	to := min(from+int(*in.Limit), len(f.records))
	if f.page > 0 {
		to = min(to, from+f.page)
	}
	out := &kinesis.GetRecordsOutput{
		Records:            f.records[from:to],
		MillisBehindLatest: aws.Int64(int64(len(f.records)-to) * 1000),
		NextShardIterator:  f.iterator(to),
	}
	if f.closed && to == len(f.records) {
		out.NextShardIterator, out.ChildShards = nil, f.children
	}
	return out, nil
}

// refuse notes that the read at hand was refused.
func (f *fake) refuse() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.calls) - 1; i >= 0; i-- {
		if c := &f.calls[i]; c.op == "read" {
			c.refused = true
			return
		}
	}
}

// granted returns when the reads were made that were not refused. The service does not count the others either.
func (f *fake) granted() []time.Duration {
	var at []time.Duration
	for _, c := range f.of("read") {
		if !c.refused {
			at = append(at, c.at)
		}
	}
	return at
}

// of returns the calls of one operation.
func (f *fake) of(op string) []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.calls), func(c call) bool { return c.op != op })
}

// times returns when the calls of one operation were made.
func (f *fake) times(op string) []time.Duration {
	var at []time.Duration
	for _, c := range f.of(op) {
		at = append(at, c.at)
	}
	return at
}

// details returns what the calls of one operation asked for.
func (f *fake) details(op string) []string {
	var d []string
	for _, c := range f.of(op) {
		d = append(d, c.detail)
	}
	return d
}

// open returns a Reader of the fake's shard, with defaults where cfg has none.
func open(t testing.TB, f poller.Client, from poller.Start, cfg poller.Config) poller.Reader {
	t.Helper()
	r, err := newPoller(t, f, cfg).Open(poller.Shard{ID: shardID}, from)
	require.NoError(t, err)
	return r
}

func newPoller(t testing.TB, c poller.Client, cfg poller.Config) *poller.Poller {
	t.Helper()
	cfg.Client, cfg.StreamARN = c, ordersARN
	cfg.Logger = cmp.Or(cfg.Logger, readable(t))
	p, err := poller.New(cfg)
	require.NoError(t, err)
	return p
}

// sequence returns the sequence numbers of a page.
func sequence(p batch.Page) []string {
	var s []string
	for i := range p.Records {
		s = append(s, p.Records[i].SequenceNumber)
	}
	return s
}

func seconds(s ...float64) []time.Duration {
	var d []time.Duration
	for _, s := range s {
		d = append(d, time.Duration(s*float64(time.Second)))
	}
	return d
}

var (
	limited   = &types.LimitExceededException{Message: aws.String("Rate exceeded for the account")}
	throttled = &types.ProvisionedThroughputExceededException{Message: aws.String("Rate exceeded for shard")}
	expired   = &types.ExpiredIteratorException{Message: aws.String("Iterator expired")}
	internal  = &types.InternalFailureException{Message: aws.String("internal")}
)
