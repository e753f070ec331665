package realpeers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tos3 "github.com/shardmill/shardmill/invoke/destination/s3"
	tosns "github.com/shardmill/shardmill/invoke/destination/sns"
	tosqs "github.com/shardmill/shardmill/invoke/destination/sqs"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

// document is what the test reads of a document about a failure.
type document struct {
	RequestContext struct {
		Condition              string `json:"condition"`
		ApproximateInvokeCount int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	KinesisBatchInfo struct {
		BatchSize           int    `json:"batchSize"`
		ShardID             string `json:"shardId"`
		StartSequenceNumber string `json:"startSequenceNumber"`
		EndSequenceNumber   string `json:"endSequenceNumber"`
		StreamARN           string `json:"streamArn"`
	} `json:"KinesisBatchInfo"`
	Payload string `json:"payload"` // of an object only
}

// poison is a function that fails with every 50th record.
func poison(e *invoke.Event) error {
	for r := range e.Records() {
		if isPoison(string(r.Data)) {
			return errors.New("this order is broken")
		}
	}
	return nil
}

func isPoison(data string) bool {
	n, err := strconv.Atoi(data)
	return err == nil && n%50 == 0
}

// The whole ladder, with three destinations that others wrote: a batch that fails is split until the broken records are alone,
// these are retried and then discarded, and the documents arrive, one for each.
func TestFailuresReachMotosDestinations(t *testing.T) {
	t.Parallel()
	m := newMoto(t, 2)
	n := many(500, 5_000)
	m.puts(1, n, nil)
	queue := m.queue("lost-orders")
	destinations := map[string]func() []document{
		"arn:aws:sqs:us-east-1:000000000000:lost-orders": func() []document { return m.receive(queue, nil) },
		m.topic("lost-topic", m.queue("of-the-topic")):   func() []document { return m.receive(m.queue("of-the-topic"), unwrap) },
		m.bucket("lost-bucket"):                          func() []document { return m.objects("lost-bucket") },
	}
	for _, missing := range []string{"arn:aws:sqs:us-east-1:000000000000:nowhere", "arn:aws:sns:us-east-1:000000000000:nowhere", "arn:aws:s3:::nowhere"} {
		assert.ErrorIs(t, m.check(missing), invoke.ErrDestinationMissing)
	}
	for _, arn := range sorted(destinations) {
		assert.NoError(t, m.check(arn))
		t.Run(arn, func(t *testing.T) {
			sub := &moto{T: t, endpoint: m.endpoint, config: m.config, kinesis: m.kinesis, arn: m.arn, witness: newWitness(), put: m.put}
			sub.climbs(arn, n, destinations[arn])
		})
	}
}

// check asks whether a destination exists, as the first start of a mapping does.
func (m *moto) check(destination string) error {
	c := mapping.Config{DestinationResolvers: m.resolvers()}
	c.DestinationConfig.OnFailure.Destination = destination
	return c.CheckDestination(m.Context())
}

// climbs runs a mapping over so many records, and checks what its destination has then.
func (m *moto) climbs(destination string, n int, documents func() []document) {
	m.Helper()
	retries := 2
	made := m.mapping("to "+destination, poison, func(c *mapping.Config) {
		c.FunctionName = "orders-app"
		c.BatchSize = 100
		c.MaximumRetryAttempts, c.BisectBatchOnFunctionError = &retries, true
		c.DestinationConfig.OnFailure.Destination = destination
		c.DestinationResolvers = m.resolvers()
	})
	stop := background(m.T, made)
	broken := n / 50
	eventually(m, "all that can be processed", func() bool { return m.distinct() >= n-broken })
	var arrived []document
	eventually(m, "the documents", func() bool {
		arrived = append(arrived, documents()...)
		return len(arrived) >= broken
	})
	stop()
	arrived = append(arrived, documents()...)

	v := judge(m.put, m.all())
	m.Logf("%s: put %d, delivered %d, repeated %d, discarded %d, documents %d", destination, n, v.delivered, v.repeated, broken, len(arrived))
	assert.Len(m, v.lost, broken, "the broken ones were never processed")
	for _, data := range v.lost {
		assert.True(m, isPoison(strings.TrimSuffix(data, "/0")), data)
	}
	assert.Zero(m, v.repeated)
	m.assertDocuments(arrived, broken)
}

func (m *moto) assertDocuments(all []document, broken int) {
	m.Helper()
	positions := map[string]bool{}
	for _, d := range all {
		assert.Equal(m, "RetryAttemptsExhausted", d.RequestContext.Condition)
		assert.Equal(m, 3, d.RequestContext.ApproximateInvokeCount)
		assert.Equal(m, 1, d.KinesisBatchInfo.BatchSize)
		assert.Equal(m, m.arn, d.KinesisBatchInfo.StreamARN)
		assert.Equal(m, d.KinesisBatchInfo.StartSequenceNumber, d.KinesisBatchInfo.EndSequenceNumber)
		positions[d.KinesisBatchInfo.ShardID+" "+d.KinesisBatchInfo.StartSequenceNumber] = true
	}
	assert.Len(m, positions, broken, "each record has one")
}

// resolvers returns the ways to moto's queues, topics and buckets.
func (m *moto) resolvers() []invoke.DestinationResolver {
	return []invoke.DestinationResolver{
		tosqs.Resolver(sqs.NewFromConfig(m.config)), tosns.Resolver(sns.NewFromConfig(m.config)), tos3.Resolver(m.s3()),
	}
}

func (m *moto) s3() *s3.Client {
	return s3.NewFromConfig(m.config, func(o *s3.Options) { o.UsePathStyle = true })
}

// queue makes sure of a queue and returns its URL.
func (m *moto) queue(name string) string {
	m.Helper()
	out, err := sqs.NewFromConfig(m.config).CreateQueue(m.Context(), &sqs.CreateQueueInput{QueueName: &name})
	require.NoError(m, err)
	return *out.QueueUrl
}

// topic makes a topic with a queue that subscribes to it, and returns its ARN.
func (m *moto) topic(name, queueURL string) string {
	m.Helper()
	client := sns.NewFromConfig(m.config)
	out, err := client.CreateTopic(m.Context(), &sns.CreateTopicInput{Name: &name})
	require.NoError(m, err)
	queue := "arn:aws:sqs:us-east-1:000000000000:" + queueURL[strings.LastIndex(queueURL, "/")+1:]
	_, err = client.Subscribe(m.Context(), &sns.SubscribeInput{TopicArn: out.TopicArn, Protocol: aws.String("sqs"), Endpoint: &queue})
	require.NoError(m, err)
	return *out.TopicArn
}

// bucket makes a bucket and returns its ARN.
func (m *moto) bucket(name string) string {
	m.Helper()
	_, err := m.s3().CreateBucket(m.Context(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(m, err)
	return "arn:aws:s3:::" + name
}

// receive takes the messages of a queue and returns their documents, which unpack finds in the message's body.
func (m *moto) receive(url string, unpack func(string) string) (all []document) {
	m.Helper()
	client := sqs.NewFromConfig(m.config)
	for {
		out, err := client.ReceiveMessage(m.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, VisibilityTimeout: 3600})
		require.NoError(m, err)
		if len(out.Messages) == 0 {
			return all
		}
		for _, message := range out.Messages {
			body := *message.Body
			if unpack != nil {
				body = unpack(body)
			}
			all = append(all, m.document(body))
		}
	}
}

// unwrap returns the message in what a topic sends to a queue.
func unwrap(body string) string {
	var envelope struct{ Message string }
	if json.Unmarshal([]byte(body), &envelope) != nil {
		return body
	}
	return envelope.Message
}

func (m *moto) document(text string) (d document) {
	m.Helper()
	require.NoError(m, json.Unmarshal([]byte(text), &d), "%s", text)
	return d
}

// objects takes what a bucket has, and checks that each document holds the records that it is about.
func (m *moto) objects(bucket string) (all []document) {
	m.Helper()
	client := m.s3()
	list, err := client.ListObjectsV2(m.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	require.NoError(m, err)
	for _, o := range list.Contents {
		out, err := client.GetObject(m.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
		require.NoError(m, err)
		body, err := io.ReadAll(out.Body)
		require.NoError(m, err)
		require.NoError(m, out.Body.Close())
		d := m.document(string(body))
		m.assertPayload(d)
		assert.Contains(m, *o.Key, "/"+d.KinesisBatchInfo.ShardID+"/")
		all = append(all, d)
		_, err = client.DeleteObject(m.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key})
		require.NoError(m, err)
	}
	return all
}

// assertPayload checks that a document holds the event that failed, with the broken record.
func (m *moto) assertPayload(d document) {
	m.Helper()
	var event struct {
		Records []struct {
			EventID string `json:"eventID"`
			Kinesis struct {
				Data           []byte `json:"data"`
				PartitionKey   string `json:"partitionKey"`
				SequenceNumber string `json:"sequenceNumber"`
			} `json:"kinesis"`
		}
	}
	require.NoError(m, json.Unmarshal([]byte(d.Payload), &event), "%s", d.Payload)
	require.Len(m, event.Records, 1)
	r := event.Records[0]
	assert.True(m, isPoison(string(r.Kinesis.Data)))
	assert.Equal(m, d.KinesisBatchInfo.StartSequenceNumber, r.Kinesis.SequenceNumber)
	assert.Equal(m, fmt.Sprint(d.KinesisBatchInfo.ShardID, ":", r.Kinesis.SequenceNumber), r.EventID)
	n, err := strconv.Atoi(string(r.Kinesis.Data))
	require.NoError(m, err)
	assert.Equal(m, fmt.Sprint("customer ", n%100), r.Kinesis.PartitionKey)
}
