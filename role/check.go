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

// SourceClient is what CheckSource needs of Kinesis. *kinesis.Client of the AWS SDK for Go v2 is one.
type SourceClient interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// SubscribeClient is what CheckSource needs besides for a consumer. *kinesis.Client is one. A SourceClient that is none
// is not asked.
type SubscribeClient interface {
	SubscribeToShard(context.Context, *kinesis.SubscribeToShardInput, ...func(*kinesis.Options)) (*kinesis.SubscribeToShardOutput, error)
}

// CheckSource tells whether the role behind client may read what n.Stream or n.Consumer names, by trying: it lists one
// shard, makes an iterator of it, and reads and subscribes as dry runs, which take nothing from the stream and leave an
// existing subscription alone. A service that does not know dry runs is read one record; a subscription that it grants
// is closed at once, and may have ended another one.
//
// A missing permission is an *AccessError with AWS Lambda's text. Throttling and a consumer that is busy prove that the
// call is allowed, and are no errors, though what needs the call's answer stays unchecked. So does a shard that has left the stream
// since it was listed. All else is returned as it came, such as a stream that does not exist.
// ctx bounds the whole.
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

// shard returns a shard, and none when the stream has none yet or does not tell now.
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

// read tries GetShardIterator and GetRecords. The iterator must be a real one, for GetRecords names its stream by it.
func (c *check) read(ctx context.Context, shard string) error {
	iterator, err := c.client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamARN: &c.needs.Stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeLatest,
	})
	if err := c.came(err, "kinesis:GetShardIterator", c.needs.Stream); err != nil {
		return err
	}
	if iterator == nil || aws.ToString(iterator.ShardIterator) == "" {
		return nil // throttled: allowed, but nothing to read with
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
		_ = out.GetStream().Close() // nobody wanted it
	}
	return c.came(err, "kinesis:SubscribeToShard", c.needs.Consumer)
}

// passed are the codes that come behind the check of permissions.
// Sources: Kinesis developer guide, "Test your permissions and request inputs with dry run"; Kinesis API reference.
var passed = []string{
	"DryRunOperationException",
	"ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException",
	"ResourceInUseException",
}

// came tells what a call came to.
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
