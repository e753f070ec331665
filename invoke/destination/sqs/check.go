package sqs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/shardmill/shardmill/invoke"
)

var _ invoke.DestinationChecker = (*Destination)(nil)

// attributes is an optional method of a Client, which the SDK's has, that looks up a queue by its URL.
type attributes interface {
	GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, opts ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Check looks up the queue's URL, or its ARN if New was given the URL. It needs sqs:GetQueueUrl or
// sqs:GetQueueAttributes.
func (d *Destination) Check(ctx context.Context) error {
	err := d.ask(ctx)
	if err == nil {
		return nil
	}
	if missing(err) {
		return fmt.Errorf("sqs: queue %s: %w: %w", d.queue.given, invoke.ErrDestinationMissing, err)
	}
	return fmt.Errorf("sqs: queue %s: %w", d.queue.given, err)
}

func (d *Destination) ask(ctx context.Context) error {
	if d.queue.byARN() {
		_, err := d.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{
			QueueName: aws.String(d.queue.name), QueueOwnerAWSAccountId: aws.String(d.queue.arn.Account),
		}, d.queue.options)
		return err
	}
	c, ok := d.client.(attributes)
	if !ok {
		return nil
	}
	_, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(d.queue.given), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	}, d.queue.options)
	return err
}

// missing reports whether an answer says that the queue does not exist. SQS also says "The specified queue does not
// exist or you do not have access to it.", which leaves that open.
func missing(err error) bool {
	said, ok := errors.AsType[*types.QueueDoesNotExist](err)
	return ok && !strings.Contains(said.ErrorMessage(), "access")
}
