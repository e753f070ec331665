package sqs_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/invoke"
	tosqs "github.com/shardmill/shardmill/invoke/destination/sqs"
)

func TestQueueOfAnEmulatorTakesTheDocument(t *testing.T) {
	client := sqs.NewFromConfig(modeltest.WatchConfig(t, rig.AWSConfig(rig.SQS(t))))
	queue, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("lost-orders")})
	if err != nil {
		t.Fatal(err)
	}
	want := string(failure().AppendJSON(nil))
	for _, given := range []string{"arn:aws:sqs:" + rig.Region + ":" + rig.Account + ":lost-orders", *queue.QueueUrl} {
		d, err := tosqs.New(client, given)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Deliver(t.Context(), failure()); err != nil {
			t.Fatal(err)
		}
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, WaitTimeSeconds: 5})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) != 1 || aws.ToString(out.Messages[0].Body) != want {
			t.Errorf("%s:\n got %+v\nwant one message: %s", given, out.Messages, want)
		}
	}
}

func TestMissingQueueOfAnEmulatorIsAnError(t *testing.T) {
	client := sqs.NewFromConfig(modeltest.WatchConfig(t, rig.AWSConfig(rig.SQS(t))))
	d, err := tosqs.New(client, "arn:aws:sqs:"+rig.Region+":"+rig.Account+":nowhere")
	if err != nil {
		t.Fatal(err)
	}
	var missing *types.QueueDoesNotExist
	if err := d.Deliver(t.Context(), failure()); !errors.As(err, &missing) {
		t.Errorf("got %v, want QueueDoesNotExist", err)
	}
	if err := d.Check(t.Context()); !errors.Is(err, invoke.ErrDestinationMissing) {
		t.Errorf("Check: got %v, want ErrDestinationMissing", err)
	}
}
