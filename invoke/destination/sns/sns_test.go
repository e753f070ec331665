package sns_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	tosns "github.com/shardmill/shardmill/invoke/destination/sns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ tosns.Client       = (*sns.Client)(nil)
	_ invoke.Destination = (*tosns.Destination)(nil)
)

const topicARN = "arn:aws:sns:eu-west-1:111111111111:lost-orders"

// failure is a batch of one record that was given up.
func failure() *invoke.Failure {
	origin := &invoke.Origin{ShardID: "shardId-000000000000", EventSourceARN: "arn:aws:kinesis:us-east-1:111111111111:stream/orders"}
	return &invoke.Failure{
		RequestID:   "9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11",
		FunctionARN: "arn:aws:lambda:us-east-1:111111111111:function:ship-orders",
		Condition:   batch.RetryAttemptsExhausted,
		Invocations: 2,
		Response:    &invoke.FailureResponse{FunctionError: "Unhandled"},
		Time:        time.UnixMilli(1545084720250),
		Event:       invoke.NewEvent(origin, batch.RecordsOf([]batch.Record{{SequenceNumber: "101", Data: []byte("tea"), ArrivalTime: time.UnixMilli(1545084650987)}}), nil),
	}
}

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
	err = d.Deliver(t.Context(), failure())
	if want := "sns: topic " + topicARN + ": publish: broken"; !errors.Is(err, broken) || text(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Deliver(ctx, failure()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want one that wraps context.Canceled", err)
	}
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
		if text(err) != fmt.Sprintf("sns: topic %q: %s", topic, want) || d != nil {
			t.Errorf("%s: got %v, want %s", topic, err, want)
		}
	}
	if d, err := tosns.New(nil, topicARN); text(err) != "sns: no client" || d != nil {
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
		if full := `sns: topic "` + topicARN + `": ` + want; want == "" && err != nil || want != "" && text(err) != full {
			t.Errorf("%s: got %v, want %s", o.Region, err, want)
		}
	}
}

func TestResolverServesEveryTopicAndNothingElse(t *testing.T) {
	r := tosns.Resolver(&fake{})
	for arn, want := range map[string]bool{
		topicARN: true, "arn:aws-cn:sns:cn-north-1:1:t": true, topicARN + ".fifo": true,
		"arn:aws:sqs:eu-west-1:1:q": false, "sns": false, "": false,
	} {
		if got := r.Serves(arn); got != want {
			t.Errorf("%s: got %v, want %v", arn, got, want)
		}
	}
	d, err := invoke.ResolveDestination(topicARN, r)
	if got, ok := d.(*tosns.Destination); err != nil || !ok || got.String() != topicARN {
		t.Errorf("got %v, %v", d, err)
	}
	if d, err := invoke.ResolveDestination(topicARN+".fifo", r); d != nil || err == nil {
		t.Errorf("FIFO: got %v, %v; want an error", d, err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
