package poller

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// Describer is an optional interface of a Source: it returns what the stream says of itself.
type Describer interface {
	// Describe asks the service. A field of the Description is zero where the service, or the Source, does not know it.
	Describe(ctx context.Context) (Description, error)
}

// Description is what a stream says of itself. The zero Description says nothing.
type Description struct {
	// Created is when the stream was created. A stream that is deleted and created again under its name has another one.
	Created time.Time

	// Retention is how long the stream keeps its records, and lists a shard that is closed.
	Retention time.Duration
}

var describeStream = operation{name: "describe stream summary"}

// describer is a Client that describes a stream, as *kinesis.Client does.
type describer interface {
	DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
}

// Describe implements Describer, by DescribeStreamSummary. It returns the zero Description where the Client has no such
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

// maxRetentionHours is a year, the longest that a stream keeps its records. What claims more is cut, so that a Duration holds it.
const maxRetentionHours = 8760

// descriptionOf takes what an answer says. A member that is absent, or that makes no sense, is not known.
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
