package sns

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/shardmill/shardmill/internal/arns"
	"github.com/shardmill/shardmill/invoke"
)

// service is the service part of the ARNs.
const service = "sns"

// Client is the part of Amazon SNS's API that a destination needs. The SDK's *sns.Client is one.
type Client interface {
	Publish(ctx context.Context, in *sns.PublishInput, opts ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// Destination is a topic.
type Destination struct {
	client Client
	topic  string // its ARN
	region string // of the ARN
}

var _ invoke.Destination = (*Destination)(nil)

// New returns the destination of a standard topic, given by its ARN. It makes no call.
func New(client Client, topicARN string) (*Destination, error) {
	if client == nil {
		return nil, errors.New("sns: no client")
	}
	a, err := parseTopic(topicARN, reachOf(client))
	if err != nil {
		return nil, fmt.Errorf("sns: topic %q: %w", topicARN, err)
	}
	return &Destination{client: client, topic: topicARN, region: a.Region}, nil
}

// Deliver publishes the document of f to the topic.
func (d *Destination) Deliver(ctx context.Context, f *invoke.Failure) error {
	_, err := d.client.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String(d.topic),
		Message:  aws.String(string(f.AppendJSON(nil))),
	}, func(o *sns.Options) { o.Region = d.region })
	if err != nil {
		return fmt.Errorf("sns: topic %s: publish: %w", d.topic, err)
	}
	return nil
}

// String returns the topic's ARN.
func (d *Destination) String() string { return d.topic }

// errFIFO is ours: AWS Lambda lists standard topics only, and its own text is not known.
var errFIFO = errors.New("is a FIFO topic: on-failure documents go to standard topics only")

// parseTopic parses "arn:<partition>:sns:<region>:<account>:<name>". A subscription's ARN has one part more.
func parseTopic(s string, client arns.Reach) (arns.ARN, error) {
	a, err := arns.Topic.Parse(s)
	if err != nil {
		return arns.ARN{}, err
	}
	if strings.HasSuffix(a.Resource, ".fifo") {
		return arns.ARN{}, errFIFO
	}
	return a, client.CheckOwnRegion(a)
}

// reachOf returns the destination of a client's requests, as far as that is known.
func reachOf(client Client) arns.Reach {
	c, ok := client.(*sns.Client)
	if !ok || c == nil {
		return arns.Reach{}
	}
	o := c.Options()
	return arns.ReachOf(o.Region, o.BaseEndpoint)
}
