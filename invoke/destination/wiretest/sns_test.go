package wiretest

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/Admiral-Piett/goaws/app/models"
	"github.com/Admiral-Piett/goaws/app/router"
	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/destination/sns"
	"github.com/shardmill/shardmill/invoke/destination/sqs"
	"github.com/sirupsen/logrus"
)

// startGoAWS serves SNS and SQS for as long as the test runs. Its state is the process's: one test at a time.
func startGoAWS(t *testing.T) aws.Config {
	t.Helper()
	logrus.SetOutput(io.Discard)
	models.ResetApp()
	server := httptest.NewServer(router.New())
	t.Cleanup(server.Close)
	models.CurrentEnvironment.Region, models.CurrentEnvironment.AccountID = rig.Region, rig.Account
	return configFor(t, server)
}

// configFor returns the configuration of a client whose connections do not outlive the server.
func configFor(t *testing.T, server *httptest.Server) aws.Config {
	t.Helper()
	config := rig.AWSConfig(server.URL)
	config.HTTPClient = server.Client()
	return modeltest.WatchConfig(t, config)
}

func TestTopicHandsTheDocumentToItsQueue(t *testing.T) {
	for name, raw := range map[string]bool{"raw": true, "in an envelope": false} {
		t.Run(name, func(t *testing.T) {
			config := startGoAWS(t)
			topics, queues := awssns.NewFromConfig(config), awssqs.NewFromConfig(config)
			queue := subscribe(t, topics, queues, raw)

			topic, err := invoke.ResolveDestination("arn:aws:sns:"+rig.Region+":"+rig.Account+":lost-orders", sqs.Resolver(queues), sns.Resolver(topics))
			if err != nil {
				t.Fatal(err)
			}
			if err := topic.Deliver(t.Context(), failure()); err != nil {
				t.Fatal(err)
			}
			got := receive(t, queues, queue)
			if !raw {
				var envelope struct{ Message, TopicArn string }
				if err := json.Unmarshal([]byte(got), &envelope); err != nil {
					t.Fatalf("%v: %s", err, got)
				}
				got = envelope.Message
			}
			if want := string(failure().AppendJSON(nil)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestMissingTopicIsAnError(t *testing.T) {
	topic, err := sns.New(awssns.NewFromConfig(startGoAWS(t)), "arn:aws:sns:"+rig.Region+":"+rig.Account+":nowhere")
	if err != nil {
		t.Fatal(err)
	}
	if err := topic.Deliver(t.Context(), failure()); err == nil {
		t.Error("got nil, want an error")
	}
	if err := topic.Check(t.Context()); err == nil { // the server does not say NotFound as SNS does
		t.Error("Check: got nil, want an error")
	}
}

// The same server speaks SQS.
func TestQueueTakesTheDocument(t *testing.T) {
	client := awssqs.NewFromConfig(startGoAWS(t))
	created, err := client.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("lost-orders")})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := sqs.New(client, "arn:aws:sqs:"+rig.Region+":"+rig.Account+":lost-orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.Deliver(t.Context(), failure()); err != nil {
		t.Fatal(err)
	}
	if got, want := receive(t, client, *created.QueueUrl), string(failure().AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// subscribe makes a topic lost-orders and a queue that it hands its messages to, and returns the queue's URL.
func subscribe(t *testing.T, topics *awssns.Client, queues *awssqs.Client, raw bool) string {
	t.Helper()
	queue, err := queues.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("subscriber")})
	if err != nil {
		t.Fatal(err)
	}
	topic, err := topics.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("lost-orders")})
	if err != nil {
		t.Fatal(err)
	}
	in := &awssns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"),
		Endpoint: aws.String("arn:aws:sqs:" + rig.Region + ":" + rig.Account + ":subscriber"),
	}
	if raw {
		in.Attributes = map[string]string{"RawMessageDelivery": "true"}
	}
	if _, err := topics.Subscribe(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return *queue.QueueUrl
}

// receive returns the body of the one message that is in the queue.
func receive(t *testing.T, client *awssqs.Client, queue string) string {
	t.Helper()
	out, err := client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 5, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) != 1 {
		t.Fatalf("got %d messages, want 1", len(out.Messages))
	}
	return *out.Messages[0].Body
}
