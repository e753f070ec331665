package sqs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/shardmill/shardmill/invoke"
)

// Client is the part of Amazon SQS's API that a destination needs. The SDK's *sqs.Client is one.
type Client interface {
	SendMessage(ctx context.Context, in *sqs.SendMessageInput, opts ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	GetQueueUrl(ctx context.Context, in *sqs.GetQueueUrlInput, opts ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
}

// Destination is a queue.
type Destination struct {
	client Client
	queue  queue
	url    atomic.Pointer[string] // the URL that accepted a message; nil before the first, and the queue's URL if New was given it
}

var _ invoke.Destination = (*Destination)(nil)

// New returns the destination of a standard queue, given by its ARN or by its URL. It makes no call.
func New(client Client, queue string) (*Destination, error) {
	if client == nil {
		return nil, errors.New("sqs: no client")
	}
	q, err := parseQueue(queue)
	if err == nil {
		err = q.check(reachOf(client))
	}
	if err != nil {
		return nil, fmt.Errorf("sqs: queue %q: %w", queue, err)
	}
	d := &Destination{client: client, queue: q}
	if !q.byARN() {
		d.url.Store(&queue)
	}
	return d, nil
}

// Deliver sends the document of f to the queue.
func (d *Destination) Deliver(ctx context.Context, f *invoke.Failure) error {
	url := d.url.Load()
	if url == nil {
		found, err := d.lookUp(ctx)
		if err != nil {
			return fmt.Errorf("sqs: queue %s: get queue URL: %w", d.queue.given, err)
		}
		url = &found
	}
	_, err := d.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:    url,
		MessageBody: aws.String(string(f.AppendJSON(nil))),
	}, d.queue.options)
	if err != nil {
		return fmt.Errorf("sqs: queue %s: send message: %w", d.queue.given, err)
	}
	d.url.Store(url)
	return nil
}

// String returns the queue in the form that was passed to New.
func (d *Destination) String() string { return d.queue.given }

// lookUp requests the queue's URL. If the answer may mean a missing permission, it returns the URL that follows from
// the queue's ARN, and leaves it to SendMessage to report an error, if there is one.
func (d *Destination) lookUp(ctx context.Context) (string, error) {
	out, err := d.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{
		QueueName:              aws.String(d.queue.name),
		QueueOwnerAWSAccountId: aws.String(d.queue.arn.Account),
	}, d.queue.options)
	if err != nil {
		if url := d.queue.documentedURL(); url != "" && maybeDenied(err) {
			return url, nil
		}
		return "", err
	}
	if out == nil || aws.ToString(out.QueueUrl) == "" {
		return "", errors.New("the answer has no URL")
	}
	return *out.QueueUrl, nil
}
