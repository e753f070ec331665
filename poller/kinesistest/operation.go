package kinesistest

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// Op names an operation of the API.
type Op string

// The operations that a Service offers.
const (
	CreateStream                  Op = "CreateStream"
	DeleteStream                  Op = "DeleteStream"
	DescribeStream                Op = "DescribeStream"
	DescribeStreamSummary         Op = "DescribeStreamSummary"
	ListStreams                   Op = "ListStreams"
	ListShards                    Op = "ListShards"
	PutRecord                     Op = "PutRecord"
	PutRecords                    Op = "PutRecords"
	GetShardIterator              Op = "GetShardIterator"
	GetRecords                    Op = "GetRecords"
	SplitShard                    Op = "SplitShard"
	MergeShards                   Op = "MergeShards"
	RegisterStreamConsumer        Op = "RegisterStreamConsumer"
	DescribeStreamConsumer        Op = "DescribeStreamConsumer"
	DeregisterStreamConsumer      Op = "DeregisterStreamConsumer"
	ListStreamConsumers           Op = "ListStreamConsumers"
	SubscribeToShard              Op = "SubscribeToShard"
	UpdateShardCount              Op = "UpdateShardCount"
	IncreaseStreamRetentionPeriod Op = "IncreaseStreamRetentionPeriod"
	DecreaseStreamRetentionPeriod Op = "DecreaseStreamRetentionPeriod"
)

// operation is one operation: how a request is read, its constraints in AWS's model, its subject, its effect, and the
// place of the answer's metadata. do is for requests that check accepts, and runs under Service.mu, so it never blocks;
// see exclusively.
type operation[I, O any] struct {
	name  Op
	read  func(wire.Object) *I
	check func(*violations, *I)
	about func(*Service, *I) subject
	do    func(*Service, *I, *request) (*O, error)
	meta  func(*O) *middleware.Metadata
}

// subject is the subject of a request, as far as it says.
type subject struct {
	name, arn *string
	shard     string
	consumer  *string // its ARN, if the request is about a consumer and names it
}

// request is the context of an operation, in addition to its input.
type request struct {
	now   time.Time
	fault Fault
}

// perform makes one call, which arrived in a form: hook, fault, operation, log. Its errors are the service's own, or
// ctx's. The fault determines how an answer is sent.
func (op operation[I, O]) perform(ctx context.Context, s *Service, in *I, as wire.Form) (*O, Fault, error) {
	if in == nil {
		in = new(I)
	}
	about := op.about(s, in)
	call := Call{Op: op.name, Shard: about.shard, CBOR: as == wire.CBOR, Time: s.config.Now()}
	if about.name != nil || about.arn != nil {
		call.Stream, _ = s.nameOf(about.name, about.arn) // the operation itself reports what is wrong with them
	}
	out, fault, err := op.attempt(ctx, s, in, call, about)
	call.Err = err
	if page, ok := any(out).(*kinesis.GetRecordsOutput); ok && err == nil {
		call.Records = len(page.Records)
	}
	s.mu.Lock()
	s.calls.add(call)
	s.mu.Unlock()
	if s.config.OnAnswer != nil {
		answered := Answered{Call: call, Input: in, Disturbed: fault.isDeliberate()}
		if op.meta != nil && err == nil {
			answered.Output = out
		}
		s.config.OnAnswer(answered)
	}
	return out, fault, err
}

// attempt is perform without the log.
func (op operation[I, O]) attempt(ctx context.Context, s *Service, in *I, call Call, about subject) (*O, Fault, error) {
	if err := ctx.Err(); err != nil {
		return nil, Fault{}, err
	}
	if s.config.OnCall != nil {
		if err := s.config.OnCall(call); err != nil {
			return nil, Fault{Err: err}, err
		}
	}
	if err := op.valid(in); err != nil {
		return nil, Fault{}, err
	}
	if err := s.authorize(ctx, call, about); err != nil {
		return nil, Fault{}, err
	}
	fault := s.takeFault(call)
	if err := fault.strike(ctx, s, call); err != nil {
		return nil, fault, err
	}
	out, err := exclusively(s, op.do, in, fault)
	if err != nil {
		return nil, fault, err
	}
	s.mu.Lock()
	fault.spoil(out)
	s.mu.Unlock()
	if op.meta != nil && fault.Kind.isNoAnswer() {
		*out = *new(O)
	}
	return out, fault, nil
}

// valid returns what breaks the constraints of AWS's model, as the service would.
func (op operation[I, O]) valid(in *I) error {
	var v violations
	op.check(&v, in)
	return v.error()
}

// checked performs the operation for a request that did not come through perform.
func (op operation[I, O]) checked(s *Service, in *I, r *request) (*O, error) {
	if err := op.valid(in); err != nil {
		return nil, err
	}
	return op.do(s, in, r)
}
