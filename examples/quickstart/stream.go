package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// stream is the stream under test, through the SDK.
type stream struct {
	client *kinesis.Client
	name   string
	arn    string
	shards int
	found  bool // it was there already
}

// openStream connects to the endpoint, or starts the embedded server, and makes sure of the stream.
func openStream(ctx context.Context, o options) (*stream, func(), error) {
	s, closeServer, err := connect(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if err := s.ensure(ctx, o.shards); err != nil {
		closeServer()
		return nil, nil, err
	}
	return s, closeServer, nil
}

func connect(ctx context.Context, o options) (*stream, func(), error) {
	if o.endpoint == "" {
		service, closeService, err := embedded(o)
		if err != nil {
			return nil, nil, err
		}
		server := kinesistest.NewServer(service) //nolint:contextcheck // the server ends with closeStream, not with a context
		return &stream{client: server.Client(), name: o.stream}, func() { server.Close(); closeService() }, nil
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(o.region)}
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" && os.Getenv("AWS_PROFILE") == "" {
		// An emulator takes any key; looking further for one would only take time.
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("000000000000", "none", "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, nil, err
	}
	client := kinesis.NewFromConfig(cfg, func(ko *kinesis.Options) { ko.BaseEndpoint = aws.String(o.endpoint) })
	return &stream{client: client, name: o.stream}, func() {}, nil
}

// ensure creates the stream unless it is there, and waits until it can be used.
func (s *stream) ensure(ctx context.Context, shards int) error {
	_, err := s.client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &s.name, ShardCount: aws.Int32(int32(shards))})
	if _, ok := errors.AsType[*types.ResourceInUseException](err); ok {
		s.found, err = true, nil
	}
	if err != nil {
		return fmt.Errorf("create stream %s: %w", s.name, err)
	}
	for {
		out, err := s.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.name})
		if err != nil {
			return fmt.Errorf("describe stream %s: %w", s.name, err)
		}
		d := out.StreamDescriptionSummary
		if d.StreamStatus == types.StreamStatusActive || d.StreamStatus == types.StreamStatusUpdating {
			s.arn, s.shards = aws.ToString(d.StreamARN), int(aws.ToInt32(d.OpenShardCount))
			return nil
		}
		if err := work(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// put puts the records that the stream does not hold yet.
func (s *stream) put(ctx context.Context, o options, l *ledger) error {
	size := min(500, max(1, 4<<20/o.recordSize)) // PutRecords takes 500 records, and 10 MiB
	var numbers []int
	for number := range o.records {
		if !l.isPut(number) {
			numbers = append(numbers, number)
		}
		if len(numbers) == size || number == o.records-1 && len(numbers) > 0 {
			if err := s.putAll(ctx, numbers, o.recordSize, l); err != nil {
				return fmt.Errorf("put records: %w", err)
			}
			numbers = numbers[:0]
		}
	}
	return nil
}

// putAll puts records, those again that the stream did not take.
func (s *stream) putAll(ctx context.Context, numbers []int, size int, l *ledger) error {
	for {
		in := &kinesis.PutRecordsInput{StreamName: &s.name}
		for _, number := range numbers {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(keyOf(number)), Data: dataOf(number, size)})
		}
		out, err := s.client.PutRecords(ctx, in)
		if err != nil {
			return err
		}
		var again []int
		for i, r := range out.Records {
			if r.ErrorCode != nil {
				again = append(again, numbers[i])
				continue
			}
			l.wasPut(numbers[i], aws.ToString(r.SequenceNumber))
		}
		if len(again) == 0 {
			return nil
		}
		numbers = again
		if err := work(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// scan reads a stream that was there already from its beginning, and takes note of this program's records.
func (s *stream) scan(ctx context.Context, l *ledger) error {
	if !s.found {
		return nil
	}
	in := &kinesis.ListShardsInput{StreamName: &s.name}
	for {
		page, err := s.client.ListShards(ctx, in)
		if err != nil {
			return err
		}
		for _, shard := range page.Shards {
			if err := s.scanShard(ctx, shard.ShardId, l); err != nil {
				return err
			}
		}
		if page.NextToken == nil {
			return nil
		}
		in = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
}

func (s *stream) scanShard(ctx context.Context, shard *string, l *ledger) error {
	it, err := s.client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &s.name, ShardId: shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		return err
	}
	for next := it.ShardIterator; next != nil; {
		page, err := s.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		if _, ok := errors.AsType[*types.ProvisionedThroughputExceededException](err); ok {
			if err := work(ctx, time.Second); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range page.Records {
			if number, ok := numberOf(r.Data); ok {
				l.wasPut(number, aws.ToString(r.SequenceNumber))
			}
		}
		if aws.ToInt64(page.MillisBehindLatest) == 0 {
			return nil
		}
		next = page.NextShardIterator
		if err := work(ctx, 250*time.Millisecond); err != nil { // a shard grants 5 reads a second
			return err
		}
	}
	return nil
}

// keys is how many partition keys the records have.
const keys = 64

func keyOf(number int) string { return "key-" + strconv.Itoa(number%keys) }

// dataOf returns the data of a record: "quickstart 17 xxxx…".
func dataOf(number, size int) []byte {
	data := make([]byte, 0, size)
	data = fmt.Appendf(data, "%s %d ", mark, number)
	for len(data) < size {
		data = append(data, 'x')
	}
	return data
}

const mark = "quickstart"

// numberOf returns the number of a record, and false for one that is not this program's.
func numberOf(data []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(data, []byte(mark+" "))
	if !ok {
		return 0, false
	}
	text, _, _ := bytes.Cut(rest, []byte(" "))
	number, err := strconv.Atoi(string(text))
	return number, err == nil
}

// embedded returns the service of the embedded server: in memory, or beside the store, so that it outlives a kill.
func embedded(o options) (*kinesistest.Service, func(), error) {
	if o.store == "" {
		return kinesistest.New(kinesistest.Config{Region: o.region}), func() {}, nil
	}
	service, err := kinesistest.Open(o.store+".stream", kinesistest.Config{Region: o.region})
	if err != nil {
		return nil, nil, err
	}
	return service, func() { service.Close() }, nil
}
