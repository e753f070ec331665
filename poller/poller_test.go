package poller_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

func TestNewNamesAllViolationsAtOnce(t *testing.T) {
	_, err := poller.New(poller.Config{StreamARN: "orders", PollInterval: 199 * time.Millisecond, CallTimeout: time.Hour, Limit: 10_001})
	require.EqualError(t, err, strings.TrimSpace(`
poller: Client is nil: want a Kinesis client
poller: StreamARN is "orders": want "arn:aws:kinesis:<region>:<account>:stream/<name>"
poller: PollInterval is 199ms: want 200ms to 4m0s (a shard serves 5 reads per second, an iterator lives 5m0s)
poller: CallTimeout is 1h0m0s: want 10ms to 4m0s (an iterator lives 5m0s)
poller: Limit is 10001: want 1 to 10000 (the most that Kinesis returns)`))

	_, err = poller.New(poller.Config{Client: newFake(0), StreamARN: ordersARN, KeepMembersOutsideShard: true})
	require.EqualError(t, err, "poller: KeepMembersOutsideShard is true: want Deaggregate, or a ConsumerARN, with it")

	for _, arn := range []string{
		"", "arn:aws:sqs:us-east-1:123456789012:orders", "arn:aws:kinesis:us-east-1:123456789012:stream/",
		ordersARN + "/consumer/mine:1700000000",
	} {
		_, err := poller.New(poller.Config{Client: newFake(0), StreamARN: arn})
		require.ErrorContains(t, err, "poller: StreamARN is ", arn)
	}
	for _, arn := range []string{ordersARN, "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a.b_c-d"} {
		_, err := poller.New(poller.Config{Client: newFake(0), StreamARN: arn})
		require.NoError(t, err, arn)
	}
}

func TestNewRefusesNamesThatAWSWould(t *testing.T) {
	const form = `want "arn:aws:kinesis:<region>:<account>:stream/<name>" `
	for arn, want := range map[string]string{
		ordersARN + "\n": `poller: StreamARN is "` + ordersARN + `\n": ` + form + `(the stream name is "orders\n", must be 1 to 128 letters, digits, and _.-)`,
		strings.Replace(ordersARN, "orders", "ord ers", 1):           form + `(the stream name is "ord ers", must be`,
		strings.Replace(ordersARN, "us-east-1", "us_east", 1):        form + `(the region is "us_east", must be such as us-east-1)`,
		strings.Replace(ordersARN, "123456789012", "12345678901", 1): form + `(the account is "12345678901", must be 12 digits)`,
		strings.Replace(ordersARN, "arn:aws:", "arn:aws-cn:", 1):     form + `(the partition is "aws-cn", must be aws, in which the region us-east-1 lies)`,
	} {
		_, err := poller.New(poller.Config{Client: newFake(0), StreamARN: arn})
		require.ErrorContains(t, err, want)
	}
}

// pages answers a listing from one page per token.
func pages(tokens ...string) func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
	next := map[string]*string{}
	for i, token := range tokens {
		next[token] = nil
		if i+1 < len(tokens) {
			next[token] = &tokens[i+1]
		}
	}
	return func(in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		token := aws.ToString(in.NextToken)
		return &kinesis.ListShardsOutput{
			NextToken: next[token],
			Shards:    []types.Shard{{ShardId: aws.String("shard" + token), ParentShardId: aws.String("parent")}},
		}, nil
	}
}

func TestShardsAreListedToTheLastPage(t *testing.T) {
	f := newFake(0)
	f.onList = pages("", "-b", "-c")
	shards, err := newPoller(t, f, poller.Config{}).Shards(t.Context())
	require.NoError(t, err)
	require.Equal(t, []poller.Shard{
		{ID: "shard", Parent: "parent"}, {ID: "shard-b", Parent: "parent"}, {ID: "shard-c", Parent: "parent"},
	}, shards)
}

func TestShardsTellsAllThatTheListDoes(t *testing.T) {
	f := newFake(0)
	f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		return &kinesis.ListShardsOutput{Shards: []types.Shard{{
			ShardId:               aws.String("c"),
			ParentShardId:         aws.String("a"),
			AdjacentParentShardId: aws.String("b"),
			HashKeyRange:          &types.HashKeyRange{StartingHashKey: aws.String("0"), EndingHashKey: aws.String("9")},
			SequenceNumberRange:   &types.SequenceNumberRange{StartingSequenceNumber: aws.String("10"), EndingSequenceNumber: aws.String("20")},
		}}}, nil
	}
	shards, err := newPoller(t, f, poller.Config{}).Shards(t.Context())
	require.NoError(t, err)
	require.Equal(t, []poller.Shard{{
		ID: "c", Parent: "a", AdjacentParent: "b", StartingHashKey: "0", EndingHashKey: "9",
		StartingSequenceNumber: "10", EndingSequenceNumber: "20",
	}}, shards)
}

// TestAListingWhoseTokenIsRefusedBeginsAgain: a token may expire, and its stream may be replaced between two pages. Neither says
// anything of the stream.
func TestAListingWhoseTokenIsRefusedBeginsAgain(t *testing.T) {
	for want, refusal := range map[poller.Class]error{
		poller.Renew:      &types.ExpiredNextTokenException{},
		poller.Stop:       &types.InvalidArgumentException{Message: aws.String("Invalid NextToken.")},
		poller.StreamGone: &types.ResourceNotFoundException{},
	} {
		f := newFake(0)
		list, refused, most := pages("", "-b"), 0, 2
		f.onList = func(in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
			if in.NextToken != nil && refused < most {
				refused++
				return nil, refusal
			}
			return list(in)
		}
		p := newPoller(t, f, poller.Config{})
		shards, err := p.Shards(t.Context())
		require.NoError(t, err)
		require.Len(t, shards, 2, "no shard twice")
		require.Equal(t, []string{"", "-b", "", "-b", "", "-b"}, f.details("list"))

		refused, most = 0, 3
		_, err = p.Shards(t.Context())
		require.Equal(t, want, poller.Classify(err), "it does not go on for ever")
	}
}

func TestAListingEndsWhateverTheServiceAnswers(t *testing.T) {
	f := newFake(0)
	p := newPoller(t, f, poller.Config{})

	f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		return &kinesis.ListShardsOutput{NextToken: aws.String("same")}, nil
	}
	_, err := p.Shards(t.Context())
	require.EqualError(t, err, "poller: list shards: the listing goes in circles: a token was repeated")

	n := 0
	f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		n++
		return &kinesis.ListShardsOutput{NextToken: aws.String(fmt.Sprint(n))}, nil
	}
	_, err = p.Shards(t.Context())
	require.EqualError(t, err, "poller: list shards: the listing does not end within 1000 pages")

	f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
		return nil, &types.ExpiredNextTokenException{}
	}
	_, err = p.Shards(t.Context())
	require.Equal(t, poller.Renew, poller.Classify(err))
}

func TestAHangingListingEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t, hanging{newFake(0)}, poller.Config{})
		start := time.Now()
		_, err := p.Shards(t.Context())
		require.EqualError(t, err, "poller: list shards: no whole answer within 30s")
		require.Equal(t, 30*time.Second, time.Since(start))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = p.Shards(ctx)
		require.Equal(t, context.Canceled, err)
	})
}

type hanging struct{ *fake }

func (hanging) ListShards(ctx context.Context, _ *kinesis.ListShardsInput, _ ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestClassify(t *testing.T) {
	coded := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "…"} }
	for _, tc := range []struct {
		err  error
		want poller.Class
	}{
		{errors.New("connection reset by peer"), poller.Retry},
		{context.DeadlineExceeded, poller.Retry},
		{coded("SomethingNew"), poller.Retry},
		{coded("ServiceUnavailable"), poller.Retry},
		{&types.InternalFailureException{}, poller.Retry},
		{&types.ResourceInUseException{}, poller.Retry},
		{&types.ProvisionedThroughputExceededException{}, poller.Throttled},
		{&types.LimitExceededException{}, poller.Throttled},
		{&types.KMSThrottlingException{}, poller.Throttled},
		{coded("ThrottlingException"), poller.Throttled},
		{&types.ExpiredIteratorException{}, poller.Renew},
		{&types.ExpiredNextTokenException{}, poller.Renew},
		{&types.ResourceNotFoundException{}, poller.StreamGone},
		{&types.AccessDeniedException{}, poller.Denied},
		{&types.KMSAccessDeniedException{}, poller.Denied},
		{&types.KMSDisabledException{}, poller.Denied},
		{coded("UnrecognizedClientException"), poller.Denied},
		{coded("InvalidSignatureException"), poller.Denied},
		{coded("ExpiredTokenException"), poller.Denied},
		{&types.InvalidArgumentException{}, poller.Stop},
		{&types.ValidationException{}, poller.Stop},
		{smithy.InvalidParamsError{Context: "GetRecordsInput"}, poller.Stop},
	} {
		t.Run(fmt.Sprintf("%T %v", tc.err, tc.err), func(t *testing.T) {
			require.Equal(t, tc.want, poller.Classify(tc.err))
			require.Equal(t, tc.want, poller.Classify(fmt.Errorf("a: %w", &smithy.OperationError{Err: errors.Join(errors.New("b"), tc.err)})))
		})
	}
}

func TestEveryThrottleOfTheSDKIsOne(t *testing.T) {
	for code := range retry.DefaultThrottleErrorCodes {
		if code == "TransactionInProgressException" || code == "EC2ThrottledException" { // of other services
			continue
		}
		require.Equal(t, poller.Throttled, poller.Classify(&smithy.GenericAPIError{Code: code}), code)
	}
}

func TestAnErrorSaysWhereAndWhy(t *testing.T) {
	f := newFake(0)
	gone := &types.ResourceNotFoundException{Message: aws.String("Shard shardId-000000000000 does not exist")}
	f.onIterator = func(*kinesis.GetShardIteratorInput) error { return gone }
	f.onList = func(*kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) { return nil, gone }
	p := newPoller(t, f, poller.Config{})
	r, err := p.Open(poller.Shard{ID: shardID}, poller.Start{})
	require.NoError(t, err)

	_, err = r.Next(t.Context())
	require.EqualError(t, err, "poller: shard shardId-000000000000: get shard iterator: ResourceNotFoundException: Shard shardId-000000000000 does not exist")
	require.Equal(t, poller.ShardGone, poller.Classify(err), "of a shard")
	require.ErrorIs(t, err, gone)

	_, err = p.Shards(t.Context())
	require.EqualError(t, err, "poller: list shards: ResourceNotFoundException: Shard shardId-000000000000 does not exist")
	require.Equal(t, poller.StreamGone, poller.Classify(fmt.Errorf("wrapped: %w", err)), "of the list")
}
