package sns

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/shardmill/shardmill/invoke"
)

var _ invoke.DestinationChecker = (*Destination)(nil)

// attributes is an optional method of a Client, which the SDK's has, that looks up the topic.
type attributes interface {
	GetTopicAttributes(ctx context.Context, in *sns.GetTopicAttributesInput, opts ...func(*sns.Options)) (*sns.GetTopicAttributesOutput, error)
}

// Check looks up the topic's attributes, which needs sns:GetTopicAttributes.
func (d *Destination) Check(ctx context.Context) error {
	c, ok := d.client.(attributes)
	if !ok {
		return nil
	}
	_, err := c.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(d.topic)},
		func(o *sns.Options) { o.Region = d.region })
	if err == nil {
		return nil
	}
	if _, missing := errors.AsType[*types.NotFoundException](err); missing {
		return fmt.Errorf("sns: topic %s: %w: %w", d.topic, invoke.ErrDestinationMissing, err)
	}
	return fmt.Errorf("sns: topic %s: %w", d.topic, err)
}
