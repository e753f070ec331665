package poller

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// Describer is an optional interface of a Source: it returns a description of the stream.
type Describer interface {
	// Describe calls the service. A field of the Description is zero if the service, or the Source, does not know it.
	Describe(ctx context.Context) (Description, error)
}

// Description describes a stream. The zero Description knows nothing.
type Description struct {
	// Created is when the stream was created. A recreated stream of the same name has another one.
	Created time.Time

	// Retention is how long the stream keeps its records, and lists a closed shard.
	Retention time.Duration
}

var describeStream = operation{name: "describe stream summary"}

// describer is a Client that describes a stream, as *kinesis.Client does.
type describer interface {
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
}

// Describe implements Describer, by DescribeStreamSummary. It returns the zero Description if the Client has no such
// method. An error is an *Error, or the cause of ctx's end.
func (p *Poller) Describe(ctx context.Context) (Description, error) {
	d, ok := p.cfg.Client.(describer)
	if !ok {
		return Description{}, nil
	}
	var out *kinesis.DescribeStreamSummaryOutput
	err := p.call(ctx, describeStream, func(ctx context.Context) (err error) {
		out, err = answered(d.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: &p.cfg.StreamARN}, p.wire().list))
		return err
	})
	if err != nil {
		return Description{}, err
	}
	p.clock.observe(out.ResultMetadata)
	return descriptionOf(out), nil
}

// maxRetentionHours is a year, the longest retention. Larger values are cut, so that they fit a Duration.
const maxRetentionHours = 8760

// descriptionOf returns the description in an answer. An absent or impossible member is not known.
func descriptionOf(out *kinesis.DescribeStreamSummaryOutput) Description {
	if out.StreamDescriptionSummary == nil {
		return Description{}
	}
	s := out.StreamDescriptionSummary
	var d Description
	if s.StreamCreationTimestamp != nil && s.StreamCreationTimestamp.Unix() > 0 {
		d.Created = s.StreamCreationTimestamp.Round(0).UTC()
	}
	if hours := aws.ToInt32(s.RetentionPeriodHours); hours > 0 {
		d.Retention = time.Duration(min(hours, maxRetentionHours)) * time.Hour
	}
	return d
}
