package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
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
	source string // what the mapping reads: the stream, or its consumer
	shards int    // the open ones at the start, plus those from reshards
	found  bool   // it existed already
}

// openStream connects to the endpoint, or starts the embedded server, and creates the stream if it is missing.
func openStream(ctx context.Context, o Options) (*stream, func(), error) {
	s, closeServer, err := connect(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	err = s.ensure(ctx, o.Shards)
	if s.source = s.arn; err == nil && o.Fanout {
		err = s.register(ctx)
	}
	if err != nil {
		closeServer()
		return nil, nil, err
	}
	return s, closeServer, nil
}

func connect(ctx context.Context, o Options) (*stream, func(), error) {
	if o.Endpoint == "" {
		service, closeService, err := embedded(o)
		if err != nil {
			return nil, nil, err
		}
		server := kinesistest.NewServer(service) //nolint:contextcheck // the server ends with closeStream, not with a context
		return &stream{client: server.Client(), name: o.Stream}, func() { server.Close(); closeService() }, nil
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(o.Region)}
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" && os.Getenv("AWS_PROFILE") == "" {
		// An emulator accepts any key; a search for one would only take time.
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("000000000000", "none", "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, nil, err
	}
	client := kinesis.NewFromConfig(cfg, func(ko *kinesis.Options) { ko.BaseEndpoint = aws.String(o.Endpoint) })
	return &stream{client: client, name: o.Stream}, func() {}, nil
}

// ensure creates the stream if it is missing, and waits until it is usable.
func (s *stream) ensure(ctx context.Context, shards int) error {
	_, err := s.client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &s.name, ShardCount: aws.Int32(int32(shards))})
	if _, ok := errors.AsType[*types.ResourceInUseException](err); ok {
		s.found, err = true, nil
	}
	if err != nil {
		return fmt.Errorf("create stream %s: %w", s.name, err)
	}
	d, err := s.await(ctx, types.StreamStatusActive, types.StreamStatusUpdating)
	if err != nil {
		return err
	}
	s.arn, s.shards = aws.ToString(d.StreamARN), int(aws.ToInt32(d.OpenShardCount))
	return nil
}

// await waits until the stream has one of the statuses.
func (s *stream) await(ctx context.Context, statuses ...types.StreamStatus) (*types.StreamDescriptionSummary, error) {
	for {
		out, err := s.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.name})
		if err != nil {
			return nil, fmt.Errorf("describe stream %s: %w", s.name, err)
		}
		if d := out.StreamDescriptionSummary; slices.Contains(statuses, d.StreamStatus) {
			return d, nil
		}
		if err := work(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// register registers the stream's consumer with enhanced fan-out, if it is missing. The consumer is kept, like the
// stream, because stored progress belongs to it.
func (s *stream) register(ctx context.Context) error {
	const name = "quickstart"
	_, err := s.client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: &s.arn, ConsumerName: aws.String(name)})
	if _, ok := errors.AsType[*types.ResourceInUseException](err); err != nil && !ok {
		return fmt.Errorf("register consumer %s: %w", name, err)
	}
	for {
		out, err := s.client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: &s.arn, ConsumerName: aws.String(name)})
		if err != nil {
			return fmt.Errorf("describe consumer %s: %w", name, err)
		}
		if d := out.ConsumerDescription; d.ConsumerStatus == types.ConsumerStatusActive {
			s.source = aws.ToString(d.ConsumerARN)
			return nil
		}
		if err := work(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// embedded returns the service of the embedded server: in memory, or in a file next to the store, so that it survives a
// kill.
func embedded(o Options) (*kinesistest.Service, func(), error) {
	if o.Store == "" {
		return kinesistest.New(kinesistest.Config{Region: o.Region}), func() {}, nil
	}
	service, err := kinesistest.Open(o.Store+".stream", kinesistest.Config{Region: o.Region})
	if err != nil {
		return nil, nil, err
	}
	return service, func() { service.Close() }, nil
}
