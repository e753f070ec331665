package poller_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

var _ poller.Describer = (*poller.Poller)(nil)

// TestAnAnswerWithoutShardsIsNoListing: a stream has shards for as long as it exists.
func TestAnAnswerWithoutShardsIsNoListing(t *testing.T) {
	one := types.Shard{ShardId: aws.String("a")}
	for name, tc := range map[string]struct {
		pages []kinesis.ListShardsOutput
		want  string
	}{
		"a 200 that is no answer":        {[]kinesis.ListShardsOutput{{}}, "neither shards nor a token of the next page"},
		"no shard":                       {[]kinesis.ListShardsOutput{{Shards: []types.Shard{}}}, "lists no shard"},
		"no shard on two pages":          {[]kinesis.ListShardsOutput{{NextToken: aws.String("1")}, {Shards: []types.Shard{}}}, "lists no shard"},
		"an empty token":                 {[]kinesis.ListShardsOutput{{NextToken: aws.String("")}}, "neither shards nor a token of the next page"},
		"a last page without its member": {[]kinesis.ListShardsOutput{{Shards: []types.Shard{one}, NextToken: aws.String("1")}, {}}, "neither shards nor a token of the next page"},
		"a null among the shards":        {[]kinesis.ListShardsOutput{{Shards: []types.Shard{one, {}}}}, "a shard without an ID"},
		"an empty ID":                    {[]kinesis.ListShardsOutput{{Shards: []types.Shard{{ShardId: aws.String("")}}}}, "a shard without an ID"},
		"an empty last page is one":      {[]kinesis.ListShardsOutput{{Shards: []types.Shard{one}, NextToken: aws.String("1")}, {Shards: []types.Shard{}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(0)
			f.onList = func(in *kinesis.ListShardsInput) (*kinesis.ListShardsOutput, error) {
				page := 0
				if aws.ToString(in.NextToken) != "" {
					page = 1
				}
				return &tc.pages[page], nil
			}
			shards, err := newPoller(t, f, poller.Config{}).Shards(t.Context())
			if tc.want == "" {
				require.NoError(t, err)
				require.Len(t, shards, 1)
				return
			}
			require.ErrorContains(t, err, "poller: list shards: the answer ")
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, poller.Retry, poller.Classify(err))
			require.Empty(t, shards)
		})
	}
}

// described is a fake that describes its stream.
type described struct {
	*fake
	answer *kinesis.DescribeStreamSummaryOutput
	err    error
}

func (d described) DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	return d.answer, d.err
}

// TestADescriptionSaysOnlyWhatTheServiceSaid: a member that is absent is not its zero.
func TestADescriptionSaysOnlyWhatTheServiceSaid(t *testing.T) {
	created := time.Unix(1_700_000_000, 0)
	summary := func(s types.StreamDescriptionSummary) *kinesis.DescribeStreamSummaryOutput {
		return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: &s}
	}
	denied := &types.AccessDeniedException{}
	for name, tc := range map[string]struct {
		client poller.Client
		want   poller.Description
		err    error
	}{
		"all": {
			described{newFake(0), summary(types.StreamDescriptionSummary{StreamCreationTimestamp: &created, RetentionPeriodHours: aws.Int32(168)}), nil},
			poller.Description{Created: created.UTC(), Retention: 168 * time.Hour},
			nil,
		},
		"absent members":               {described{newFake(0), summary(types.StreamDescriptionSummary{}), nil}, poller.Description{}, nil},
		"members that make no sense":   {described{newFake(0), summary(types.StreamDescriptionSummary{StreamCreationTimestamp: aws.Time(time.Unix(0, 0)), RetentionPeriodHours: aws.Int32(-1)}), nil}, poller.Description{}, nil},
		"a 200 that is no description": {described{newFake(0), &kinesis.DescribeStreamSummaryOutput{}, nil}, poller.Description{}, nil},
		"denied":                       {described{newFake(0), nil, denied}, poller.Description{}, denied},
		"a client without the call":    {newFake(0), poller.Description{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newPoller(t, tc.client, poller.Config{}).Describe(t.Context())
			require.Equal(t, tc.want, got)
			if tc.err == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tc.err)
			e, ok := errors.AsType[*poller.Error](err)
			require.True(t, ok)
			require.Equal(t, "describe stream summary", e.Op)
		})
	}
}
