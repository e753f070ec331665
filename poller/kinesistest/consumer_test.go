package kinesistest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestConsumerLifeCycle(t *testing.T) {
	when := time.UnixMilli(1545084650987)
	onBoth(t, kinesistest.Config{Now: func() time.Time { return when }}, func(t *testing.T, s *kinesistest.Service, c api) {
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		out, err := c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{
			StreamARN: new(orders.ARN()), ConsumerName: new("billing"),
		})
		require.NoError(t, err)
		got := out.Consumer
		assert.Equal(t, "arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/billing:1545084650", *got.ConsumerARN)
		assert.Equal(t, "billing", *got.ConsumerName)
		assert.Equal(t, types.ConsumerStatusActive, got.ConsumerStatus)
		assert.EqualValues(t, 1545084650, got.ConsumerCreationTimestamp.Unix())

		_, err = c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{
			StreamARN: new(orders.ARN()), ConsumerName: new("billing"),
		})
		requireAPIError(t, err, "ResourceInUseException", "Consumer billing of stream orders under account 123456789012 already exists.")

		for _, in := range []*kinesis.DescribeStreamConsumerInput{
			{ConsumerARN: got.ConsumerARN},
			{StreamARN: new(orders.ARN()), ConsumerName: new("billing")},
			{ConsumerARN: got.ConsumerARN, StreamARN: new(orders.ARN()), ConsumerName: new("billing")},
		} {
			described, err := c.DescribeStreamConsumer(t.Context(), in)
			require.NoError(t, err)
			assert.Equal(t, orders.ARN(), *described.ConsumerDescription.StreamARN)
			assert.Equal(t, *got.ConsumerARN, *described.ConsumerDescription.ConsumerARN)
		}
		summary, err := c.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: new("orders")})
		require.NoError(t, err)
		assert.EqualValues(t, 1, *summary.StreamDescriptionSummary.ConsumerCount)

		_, err = c.DeregisterStreamConsumer(t.Context(), &kinesis.DeregisterStreamConsumerInput{ConsumerARN: got.ConsumerARN})
		require.NoError(t, err)
		_, err = c.DescribeStreamConsumer(t.Context(), &kinesis.DescribeStreamConsumerInput{ConsumerARN: got.ConsumerARN})
		requireAPIError(t, err, "ResourceNotFoundException", "Consumer billing of stream orders under account 123456789012 not found.")
		again, err := orders.RegisterConsumer("billing")
		require.NoError(t, err)
		assert.NotEqual(t, *got.ConsumerARN, again, "in the same second as well")
		require.NoError(t, orders.DeregisterConsumer("billing"))
		require.Error(t, orders.DeregisterConsumer("billing"))
	})
}

func TestListStreamConsumersPages(t *testing.T) {
	var late time.Duration
	config := kinesistest.Config{Now: func() time.Time { return time.Now().Add(late) }}
	onBoth(t, config, func(t *testing.T, s *kinesistest.Service, c api) {
		late = 0
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		for i := range 20 {
			_, err := orders.RegisterConsumer(fmt.Sprintf("c%02d", 19-i))
			require.NoError(t, err)
		}
		_, err = orders.RegisterConsumer("one too many")
		require.ErrorContains(t, err, "ValidationException")
		_, err = orders.RegisterConsumer("one-too-many")
		require.ErrorContains(t, err, "LimitExceededException")

		var names []string
		pages := kinesis.NewListStreamConsumersPaginator(c, &kinesis.ListStreamConsumersInput{
			StreamARN: new(orders.ARN()), MaxResults: new(int32(8)),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			assert.LessOrEqual(t, len(page.Consumers), 8)
			for _, consumer := range page.Consumers {
				names = append(names, *consumer.ConsumerName)
			}
		}
		require.Len(t, names, 20)
		assert.IsIncreasing(t, names)

		page, err := c.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: new(orders.ARN()), MaxResults: new(int32(1))})
		require.NoError(t, err)
		late = 301 * time.Second
		_, err = c.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: new(orders.ARN()), NextToken: page.NextToken})
		requireAPIError(t, err, "ExpiredNextTokenException", "")
		_, err = c.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{StreamARN: new(orders.ARN()), NextToken: new("x")})
		requireAPIError(t, err, "InvalidArgumentException", "Invalid NextToken.")
		_, err = c.ListStreamConsumers(t.Context(), &kinesis.ListStreamConsumersInput{
			StreamARN: new(orders.ARN()), StreamCreationTimestamp: new(time.Unix(1, 0)),
		})
		requireAPIError(t, err, "ResourceNotFoundException", "Stream orders")
	})
}

func TestConsumersTakeTimeToBecomeActiveAndToGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := kinesistest.New(kinesistest.Config{TransitionTime: time.Minute})
		orders, err := s.CreateStream("orders", 1)
		require.NoError(t, err)
		_, err = orders.RegisterConsumer("early")
		require.ErrorContains(t, err, "ResourceInUseException", "the stream is CREATING")
		sleep(t.Context(), time.Minute)
		var arn string
		for i := range 5 {
			arn, err = orders.RegisterConsumer(fmt.Sprint("c", i))
			require.NoError(t, err)
		}
		_, err = orders.RegisterConsumer("sixth")
		require.ErrorContains(t, err, "LimitExceededException")
		status := func() types.ConsumerStatus {
			out, err := s.Client().DescribeStreamConsumer(t.Context(), &kinesis.DescribeStreamConsumerInput{ConsumerARN: &arn})
			require.NoError(t, err)
			return out.ConsumerDescription.ConsumerStatus
		}
		assert.Equal(t, types.ConsumerStatusCreating, status())
		sleep(t.Context(), time.Minute)
		assert.Equal(t, types.ConsumerStatusActive, status())
		require.NoError(t, orders.DeregisterConsumer("c4"))
		assert.Equal(t, types.ConsumerStatusDeleting, status())
		require.ErrorContains(t, orders.DeregisterConsumer("c4"), "instead in state DELETING")
		sleep(t.Context(), time.Minute)
		require.ErrorContains(t, orders.DeregisterConsumer("c4"), "not found")
	})
}

func TestConsumersKeepTheirStreamFromBeingDeleted(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 1)
	_, err := orders.RegisterConsumer("billing")
	require.NoError(t, err)
	_, err = s.Client().DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders")})
	requireAPIError(t, err, "ResourceInUseException", "1 registered consumers")
	_, err = s.Client().DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: new("orders"), EnforceConsumerDeletion: new(true)})
	require.NoError(t, err)
}

func TestConsumerRequestsThatAreRefused(t *testing.T) {
	s, orders := newOrders(t, kinesistest.Config{}, 1)
	arn, err := orders.RegisterConsumer("billing")
	require.NoError(t, err)
	c := s.Client()
	describe := func(in kinesis.DescribeStreamConsumerInput) error {
		_, err := c.DescribeStreamConsumer(t.Context(), &in)
		return err
	}
	requireAPIError(t, describe(kinesis.DescribeStreamConsumerInput{}), "InvalidArgumentException", "must be provided")
	requireAPIError(t, describe(kinesis.DescribeStreamConsumerInput{ConsumerName: new("billing")}), "InvalidArgumentException", "must be provided")
	requireAPIError(t, describe(kinesis.DescribeStreamConsumerInput{ConsumerARN: new(orders.ARN())}), "ValidationException", "consumerARN")
	requireAPIError(t, describe(kinesis.DescribeStreamConsumerInput{ConsumerARN: &arn, ConsumerName: new("other")}), "InvalidArgumentException", "does not belong")
	requireAPIError(t, describe(kinesis.DescribeStreamConsumerInput{ConsumerARN: new(arn + "1")}), "ResourceNotFoundException", "billing")
	_, err = c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{ConsumerName: new("a")})
	requireAPIError(t, err, "ValidationException", "streamARN")
	_, err = c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: new(orders.ARN())})
	requireAPIError(t, err, "ValidationException", "consumerName")
	_, err = c.RegisterStreamConsumer(t.Context(), &kinesis.RegisterStreamConsumerInput{StreamARN: new(orders.ARN() + "2"), ConsumerName: new("a")})
	requireAPIError(t, err, "ResourceNotFoundException", "orders2")
	_, err = c.ListStreamConsumers(t.Context(), nil)
	requireAPIError(t, err, "ValidationException", "streamARN")
}
