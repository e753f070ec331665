package role

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

// SourceClient is the part of the Kinesis API that CheckSource needs. *kinesis.Client of the AWS SDK for Go v2 is one.
type SourceClient interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// SubscribeClient is an optional interface of a SourceClient, which CheckSource needs for a consumer. *kinesis.Client
// is one.
type SubscribeClient interface {
	SubscribeToShard(context.Context, *kinesis.SubscribeToShardInput, ...func(*kinesis.Options)) (*kinesis.SubscribeToShardOutput, error)
}

// CheckSource reports whether the role of client may read the stream or consumer of n, by trying it. It lists one
// shard, requests an iterator for it, and reads and subscribes as dry runs, which take nothing from the stream and do
// not affect an existing subscription. On a service without dry runs it reads one record; it closes a subscription
// immediately, but that may have ended another one.
//
// A missing permission is an *AccessError with AWS Lambda's text. Throttling and a busy consumer prove that the call is
// allowed, and are not errors; checks that need the call's answer are then skipped. The same holds for a shard that has left
// the stream since it was listed. All other errors are returned unchanged, such as a stream that does not exist. ctx bounds
// all calls.
func CheckSource(ctx context.Context, client SourceClient, n Needs) error {
	n, err := n.normal()
	if err != nil {
		return err
	}
	if n.Stream == "" {
		return errors.New("role: check: neither Stream nor Consumer")
	}
	c := check{client: client, needs: n}
	shard, err := c.shard(ctx)
	if err != nil || shard == "" {
		return err
	}
	if n.Consumer != "" {
		if err := c.subscribe(ctx, shard); err != nil && !lacks(err, shard) {
			return err
		}
	}
	if !n.polls() {
		return nil
	}
	if err := c.read(ctx, shard); err != nil && !lacks(err, shard) {
		return err
	}
	return nil
}

// lacks reports whether an error says that the stream does not have a shard. A stream or a consumer that does not exist has the
// same code, and is named in the text alone.
func lacks(err error, shard string) bool {
	gone, ok := errors.AsType[*types.ResourceNotFoundException](err)
	return ok && strings.Contains(gone.ErrorMessage(), shard)
}

// check is one run of CheckSource.
type check struct {
	client SourceClient
	needs  Needs
}

// shard returns a shard, or none if the stream has none yet or is throttled.
func (c *check) shard(ctx context.Context) (string, error) {
	out, err := c.client.ListShards(ctx, &kinesis.ListShardsInput{StreamARN: &c.needs.Stream, MaxResults: new(int32(1))})
	if err := c.came(err, "kinesis:ListShards", c.needs.Stream); err != nil {
		return "", err
	}
	if out == nil || len(out.Shards) == 0 || out.Shards[0].ShardId == nil {
		return "", nil
	}
	return *out.Shards[0].ShardId, nil
}

// read tries GetShardIterator and GetRecords. The iterator must be a real one, because it is how GetRecords identifies
// its stream.
func (c *check) read(ctx context.Context, shard string) error {
	iterator, err := c.client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamARN: &c.needs.Stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeLatest,
	})
	if err := c.came(err, "kinesis:GetShardIterator", c.needs.Stream); err != nil {
		return err
	}
	if iterator == nil || aws.ToString(iterator.ShardIterator) == "" {
		return nil // throttled: allowed, but there is no iterator
	}
	_, err = c.client.GetRecords(ctx, &kinesis.GetRecordsInput{
		StreamARN: &c.needs.Stream, ShardIterator: iterator.ShardIterator, Limit: new(int32(1)), DryRun: new(true),
	})
	return c.came(err, "kinesis:GetRecords", c.needs.Stream)
}

// subscribe tries SubscribeToShard.
func (c *check) subscribe(ctx context.Context, shard string) error {
	client, ok := c.client.(SubscribeClient)
	if !ok {
		return nil
	}
	out, err := client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &c.needs.Consumer, ShardId: &shard, DryRun: new(true),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest},
	})
	if err == nil && out != nil && out.GetStream() != nil {
		_ = out.GetStream().Close() // it was only a test
	}
	return c.came(err, "kinesis:SubscribeToShard", c.needs.Consumer)
}

// passed are the codes of errors after the permission check. Sources: Kinesis developer guide, "Test your permissions
// and request inputs with dry run"; Kinesis API reference.
var passed = []string{
	"DryRunOperationException",
	"ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException",
	"ResourceInUseException",
}

// came returns the result of a call.
func (c *check) came(err error, action, resource string) error {
	if err == nil {
		return nil
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && slices.Contains(passed, api.ErrorCode()) {
		return nil
	}
	if e, ok := missing(err, c.needs.Refusal(action, resource)); ok {
		return e
	}
	return fmt.Errorf("role: check %s on %s: %w", action, resource, err)
}
