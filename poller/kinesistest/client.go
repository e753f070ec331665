package kinesistest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/uuid"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// Client calls a Service in the same process, with the method set of the SDK's *kinesis.Client, so that it fits
// interfaces with methods of that one. Only SubscribeToShard is missing, because only the SDK can create its answer:
// NewPipeServer serves it without a network. The Client uses no network, no retry and no goroutine, so it works in
// synctest bubbles. The options of a call are ignored.
//
// Its errors have the SDK's form: a *smithy.OperationError around the *awshttp.ResponseError of the answer, around an
// error of the types package; or around an *aws.RequestCanceledError if ctx has ended. Results carry a request id and
// the service's time (awsmiddleware.GetServerTime) in their metadata.
type Client struct{ service *Service }

// Client returns a Client of the Service.
func (s *Service) Client() *Client { return &Client{service: s} }

// Identity returns the Service, which all its Clients call: see poller.Identified.
func (c *Client) Identity() any { return c.service }

// CreateStream creates a stream.
func (c *Client) CreateStream(ctx context.Context, in *kinesis.CreateStreamInput, _ ...func(*kinesis.Options)) (*kinesis.CreateStreamOutput, error) {
	return send(ctx, c.service, opCreateStream, in)
}

// DeleteStream deletes a stream with all its records.
func (c *Client) DeleteStream(ctx context.Context, in *kinesis.DeleteStreamInput, _ ...func(*kinesis.Options)) (*kinesis.DeleteStreamOutput, error) {
	return send(ctx, c.service, opDeleteStream, in)
}

// DescribeStream describes a stream and its shards.
func (c *Client) DescribeStream(ctx context.Context, in *kinesis.DescribeStreamInput, _ ...func(*kinesis.Options)) (*kinesis.DescribeStreamOutput, error) {
	return send(ctx, c.service, opDescribeStream, in)
}

// DescribeStreamSummary describes a stream without its shards.
func (c *Client) DescribeStreamSummary(ctx context.Context, in *kinesis.DescribeStreamSummaryInput, _ ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	return send(ctx, c.service, opDescribeStreamSummary, in)
}

// ListStreams lists the streams by name.
func (c *Client) ListStreams(ctx context.Context, in *kinesis.ListStreamsInput, _ ...func(*kinesis.Options)) (*kinesis.ListStreamsOutput, error) {
	return send(ctx, c.service, opListStreams, in)
}

// ListShards lists the shards of a stream.
func (c *Client) ListShards(ctx context.Context, in *kinesis.ListShardsInput, _ ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	return send(ctx, c.service, opListShards, in)
}

// PutRecord puts a record, whose data is copied.
func (c *Client) PutRecord(ctx context.Context, in *kinesis.PutRecordInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordOutput, error) {
	return send(ctx, c.service, opPutRecord, in)
}

// PutRecords puts up to 500 records, whose data is copied.
func (c *Client) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	return send(ctx, c.service, opPutRecords, in)
}

// GetShardIterator returns an iterator at a place of a shard.
func (c *Client) GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput, _ ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	return send(ctx, c.service, opGetShardIterator, in)
}

// GetRecords reads a page. The records' data belongs to the caller; all of a page's is one block of memory.
func (c *Client) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	out, err := send(ctx, c.service, opGetRecords, in)
	if err == nil {
		ownData(out)
	}
	return out, err
}

// SplitShard splits a shard in two.
func (c *Client) SplitShard(ctx context.Context, in *kinesis.SplitShardInput, _ ...func(*kinesis.Options)) (*kinesis.SplitShardOutput, error) {
	return send(ctx, c.service, opSplitShard, in)
}

// MergeShards merges two adjacent shards.
func (c *Client) MergeShards(ctx context.Context, in *kinesis.MergeShardsInput, _ ...func(*kinesis.Options)) (*kinesis.MergeShardsOutput, error) {
	return send(ctx, c.service, opMergeShards, in)
}

// UpdateShardCount splits and merges until the stream has the requested number of shards of equal size.
func (c *Client) UpdateShardCount(ctx context.Context, in *kinesis.UpdateShardCountInput, _ ...func(*kinesis.Options)) (*kinesis.UpdateShardCountOutput, error) {
	return send(ctx, c.service, opUpdateShardCount, in)
}

// IncreaseStreamRetentionPeriod makes a stream keep its records longer.
func (c *Client) IncreaseStreamRetentionPeriod(ctx context.Context, in *kinesis.IncreaseStreamRetentionPeriodInput, _ ...func(*kinesis.Options)) (*kinesis.IncreaseStreamRetentionPeriodOutput, error) {
	return send(ctx, c.service, opIncreaseStreamRetentionPeriod, in)
}

// DecreaseStreamRetentionPeriod makes a stream keep its records for a shorter time.
func (c *Client) DecreaseStreamRetentionPeriod(ctx context.Context, in *kinesis.DecreaseStreamRetentionPeriodInput, _ ...func(*kinesis.Options)) (*kinesis.DecreaseStreamRetentionPeriodOutput, error) {
	return send(ctx, c.service, opDecreaseStreamRetentionPeriod, in)
}

// RegisterStreamConsumer registers a consumer with enhanced fan-out.
func (c *Client) RegisterStreamConsumer(ctx context.Context, in *kinesis.RegisterStreamConsumerInput, _ ...func(*kinesis.Options)) (*kinesis.RegisterStreamConsumerOutput, error) {
	return send(ctx, c.service, opRegisterStreamConsumer, in)
}

// DescribeStreamConsumer describes a consumer.
func (c *Client) DescribeStreamConsumer(ctx context.Context, in *kinesis.DescribeStreamConsumerInput, _ ...func(*kinesis.Options)) (*kinesis.DescribeStreamConsumerOutput, error) {
	return send(ctx, c.service, opDescribeStreamConsumer, in)
}

// DeregisterStreamConsumer deregisters a consumer, and ends its subscriptions.
func (c *Client) DeregisterStreamConsumer(ctx context.Context, in *kinesis.DeregisterStreamConsumerInput, _ ...func(*kinesis.Options)) (*kinesis.DeregisterStreamConsumerOutput, error) {
	return send(ctx, c.service, opDeregisterStreamConsumer, in)
}

// ListStreamConsumers lists the consumers of a stream by name.
func (c *Client) ListStreamConsumers(ctx context.Context, in *kinesis.ListStreamConsumersInput, _ ...func(*kinesis.Options)) (*kinesis.ListStreamConsumersOutput, error) {
	return send(ctx, c.service, opListStreamConsumers, in)
}

// send makes a call, and gives its answer the form of one from the network.
func send[I, O any](ctx context.Context, s *Service, op operation[I, O], in *I) (*O, error) {
	out, fault, err := op.perform(ctx, s, in, wire.JSON)
	if err == nil {
		err = fault.asClient(ctx)
	}
	if err == nil {
		*op.meta(out) = metadataAt(ctx, fault.date(s.config.Now()))
		return out, nil
	}
	return nil, &smithy.OperationError{ServiceID: kinesis.ServiceID, OperationName: string(op.name), Err: s.asResponse(ctx, err)}
}

// asResponse wraps an error as the SDK's transport does.
func (s *Service) asResponse(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return &aws.RequestCanceledError{Err: err}
	}
	status, ok := statusOf(err)
	if !ok {
		return &smithyhttp.RequestSendError{Err: err}
	}
	if broken, ok := errors.AsType[*httpError](err); ok {
		err = broken.asClient()
	}
	id := uuid.NewString()
	return &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{Response: responseAt(s.config.Now(), status, id), Err: err},
		RequestID:     id,
	}
}

// statusOf returns the status of the answer with an error, and false if there was no answer.
func statusOf(err error) (int, bool) {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return http.StatusOK, true
	}
	_, ok := errors.AsType[smithy.APIError](err)
	return faultOf(err).status, ok
}

// metadataAt returns the metadata of an answer given at now.
func metadataAt(ctx context.Context, now time.Time) middleware.Metadata {
	id := uuid.NewString()
	answer := middleware.DeserializeHandlerFunc(
		func(context.Context, middleware.DeserializeInput) (out middleware.DeserializeOutput, m middleware.Metadata, err error) {
			out.RawResponse = responseAt(now, http.StatusOK, id)
			return out, m, nil
		})
	// Only the SDK's own middleware can set the times in the metadata. It has no errors of its own.
	_, metadata, _ := awsmiddleware.RecordResponseTiming{}.HandleDeserialize(ctx, middleware.DeserializeInput{}, answer)
	awsmiddleware.SetRequestIDMetadata(&metadata, id)
	return metadata
}

// responseAt returns the head of an HTTP response.
func responseAt(now time.Time, status int, id string) *smithyhttp.Response {
	return &smithyhttp.Response{Response: &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body:   http.NoBody,
		Header: http.Header{"Date": {now.UTC().Format(http.TimeFormat)}, "X-Amzn-Requestid": {id}},
	}}
}

// ownData gives the records of a page memory of their own.
func ownData(page *kinesis.GetRecordsOutput) {
	size := 0
	for i := range page.Records {
		size += len(page.Records[i].Data)
	}
	block := make([]byte, 0, size)
	for i := range page.Records {
		if page.Records[i].Data == nil {
			continue // it is absent, and not empty
		}
		start := len(block)
		block = append(block, page.Records[i].Data...)
		page.Records[i].Data = block[start:len(block):len(block)]
	}
}
