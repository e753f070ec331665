package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"github.com/shardmill/shardmill/internal/arns"
	"github.com/shardmill/shardmill/invoke"
)

// service is the service part of the ARNs.
const service = "s3"

// contentType is that of every object, as on AWS Lambda.
const contentType = "application/octet-stream"

// Client is the part of Amazon S3's API that a destination needs. The SDK's *s3.Client is one.
type Client interface {
	PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Destination is a bucket.
type Destination struct {
	client Client
	arn    string
	bucket string // its name
}

var _ invoke.Destination = (*Destination)(nil)

// New returns the destination of a bucket, given by its ARN. It makes no call.
func New(client Client, bucketARN string) (*Destination, error) {
	if client == nil {
		return nil, errors.New("s3: no client")
	}
	bucket, err := parseBucket(bucketARN, reachOf(client))
	if err != nil {
		return nil, fmt.Errorf("s3: bucket %q: %w", bucketARN, err)
	}
	return &Destination{client: client, arn: bucketARN, bucket: bucket}, nil
}

// Deliver puts the document of f into the bucket, with its payload, as a new object.
func (d *Destination) Deliver(ctx context.Context, f *invoke.Failure) error {
	_, err := d.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      aws.String(d.bucket),
		Key:         aws.String(key(f, uuid.NewString())),
		ContentType: aws.String(contentType),
		Body:        bytes.NewReader(f.AppendJSONWithPayload(nil)), // a retry can read it again
	})
	if err != nil {
		return fmt.Errorf("s3: bucket %s: put object: %w", d.arn, err)
	}
	return nil
}

// String returns the bucket's ARN.
func (d *Destination) String() string { return d.arn }

// key returns the key of the object of f.
func key(f *invoke.Failure, id string) string {
	t := f.Time.UTC()
	return strings.Join([]string{
		"aws/lambda", f.MappingUUID, f.Event.Origin.ShardID, t.Format("2006/01/02"), t.Format("2006-01-02T15.04.05") + "-" + id,
	}, "/")
}

// parseBucket parses "arn:<partition>:s3:::<bucket>". The ARNs of access points and of objects have more parts.
func parseBucket(s string, client arns.Reach) (string, error) {
	a, err := arns.Bucket.Parse(s)
	if err != nil {
		return "", err
	}
	return a.Resource, client.CheckPartition(a.Partition)
}

// reachOf returns the destination of a client's requests, as far as that is known.
func reachOf(client Client) arns.Reach {
	c, ok := client.(*s3.Client)
	if !ok || c == nil {
		return arns.Reach{}
	}
	o := c.Options()
	return arns.ReachOf(o.Region, o.BaseEndpoint)
}
