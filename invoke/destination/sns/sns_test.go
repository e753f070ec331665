package sns_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/invoke"
	tosns "github.com/shardmill/shardmill/invoke/destination/sns"
	"github.com/shardmill/shardmill/invoke/internal/fixture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ tosns.Client       = (*sns.Client)(nil)
	_ invoke.Destination = (*tosns.Destination)(nil)
)

const topicARN = "arn:aws:sns:eu-west-1:111111111111:lost-orders"

// failure returns a discarded batch of one record.
func failure() *invoke.Failure { return fixture.Failure() }

// fake is a Client that keeps what it was given last.
type fake struct {
	in     *sns.PublishInput
	region string
	err    error
}

func (c *fake) Publish(ctx context.Context, in *sns.PublishInput, opts ...func(*sns.Options)) (*sns.PublishOutput, error) {
	var o sns.Options
	for _, opt := range opts {
		opt(&o)
	}
	c.in, c.region = in, o.Region
	return &sns.PublishOutput{}, errors.Join(c.err, ctx.Err())
}

func TestDeliverPublishesTheDocumentInTheTopicsRegion(t *testing.T) {
	client := &fake{}
	d, err := tosns.New(client, topicARN)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Deliver(t.Context(), failure()); err != nil {
		t.Fatal(err)
	}
	if *client.in.TopicArn != topicARN || client.region != "eu-west-1" || d.String() != topicARN {
		t.Errorf("got topic %s in %s, want %s in eu-west-1", *client.in.TopicArn, client.region, topicARN)
	}
	if want := string(failure().AppendJSON(nil)); *client.in.Message != want {
		t.Errorf("got  %s\nwant %s", *client.in.Message, want)
	}
	if client.in.Subject != nil || client.in.MessageAttributes != nil || client.in.MessageStructure != nil {
		t.Errorf("got %+v, want a topic and a message only", client.in)
	}
}

func TestDeliverWrapsTheClientsError(t *testing.T) {
	broken := errors.New("broken")
	d, err := tosns.New(&fake{err: broken}, topicARN)
	if err != nil {
		t.Fatal(err)
	}
	fixture.DeliveryFails(t, d, broken, "sns: topic "+topicARN+": publish: broken")
}

func TestNewRefuses(t *testing.T) {
	const form = "does not have the form arn:PARTITION:sns:REGION:ACCOUNT:NAME"
	for topic, want := range map[string]string{
		topicARN + ".fifo":              "is a FIFO topic: on-failure documents go to standard topics only",
		topicARN + ":a-subscription":    `the topic name is "lost-orders:a-subscription", must be 1 to 256 letters, digits, - and _`,
		topicARN + "\n":                 `the topic name is "lost-orders\n", must be 1 to 256 letters, digits, - and _`,
		"arn:aws:sqs:eu-west-1:1:queue": form,
		"arn:aws:sns::1:topic":          `the region is "", must be such as us-east-1`,
		"arn:aws:sns:eu-west-1::topic":  `the account is "", must be 12 digits`,
		"arn:aws:sns:eu-west-1:1:t":     `the account is "1", must be 12 digits`,
		"arn:aws:sns:eu-west-1:1:":      form,
		"lost-orders":                   form,
		"":                              form,
	} {
		d, err := tosns.New(&fake{}, topic)
		if fixture.Text(err) != fmt.Sprintf("sns: topic %q: %s", topic, want) || d != nil {
			t.Errorf("%s: got %v, want %s", topic, err, want)
		}
	}
	if d, err := tosns.New(nil, topicARN); fixture.Text(err) != "sns: no client" || d != nil {
		t.Errorf("without a client: got %v", err)
	}
}

// What a client can't reach is refused when it is configured, and not when the first document is lost.
func TestNewRefusesAClientThatCanNotReachTheTopic(t *testing.T) {
	const vpce = "https://vpce-1.sns.us-east-1.vpce.amazonaws.com"
	for want, o := range map[string]sns.Options{
		"": {Region: "us-east-1"},
		"lies in eu-west-1, but the client calls " + vpce + " in us-east-1":                       {Region: "us-east-1", BaseEndpoint: new(vpce)},
		"lies in the partition aws, but the client is for the region us-gov-west-1 in aws-us-gov": {Region: "us-gov-west-1"},
	} {
		_, err := tosns.New(sns.New(o), topicARN)
		if full := `sns: topic "` + topicARN + `": ` + want; want == "" && err != nil || want != "" && fixture.Text(err) != full {
			t.Errorf("%s: got %v, want %s", o.Region, err, want)
		}
	}
}

func TestResolverServesEveryTopicAndNothingElse(t *testing.T) {
	serves := map[string]bool{
		topicARN: true, "arn:aws-cn:sns:cn-north-1:1:t": true, topicARN + ".fifo": true,
		"arn:aws:sqs:eu-west-1:1:q": false, "sns": false, "": false,
	}
	d := fixture.Resolves(t, tosns.Resolver(&fake{}), serves, topicARN, topicARN+".fifo")
	if _, ok := d.(*tosns.Destination); !ok {
		t.Errorf("got a %T", d)
	}
}
