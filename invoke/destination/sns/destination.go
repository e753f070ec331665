package sns

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/shardmill/shardmill/invoke"
)

// service is the service part of the ARNs.
const service = "sns"

// Client is what a destination needs of Amazon SNS. The SDK's *sns.Client is one.
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
	a, err := parseTopic(topicARN)
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

// arnForm is what the ARN of a topic looks like, from its first byte to its last.
var arnForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:sns:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,256}(\.fifo)?$`)

// errFIFO is ours: AWS Lambda lists standard topics only, and its own text is not known.
var errFIFO = errors.New("is a FIFO topic: on-failure documents go to standard topics only")

// parseTopic reads "arn:<partition>:sns:<region>:<account>:<name>". A subscription's ARN has one part more.
func parseTopic(s string) (arn.ARN, error) {
	a, err := arn.Parse(s)
	if err != nil || a.Service != service || !arnForm.MatchString(s) {
		return arn.ARN{}, errors.New("does not have the form arn:PARTITION:sns:REGION:ACCOUNT:NAME, with an account of 12 digits and a name of 1 to 256 letters, digits, - and _")
	}
	if strings.HasSuffix(a.Resource, ".fifo") {
		return arn.ARN{}, errFIFO
	}
	return a, nil
}
