package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/shardmill/shardmill/invoke"
)

var _ invoke.DestinationChecker = (*Destination)(nil)

// header is an optional method of a Client, which the SDK's has, that looks up the bucket.
type header interface {
	HeadBucket(ctx context.Context, in *s3.HeadBucketInput, opts ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
}

// errNoBucket has S3's words for GET, because its answer to HEAD has no body.
var errNoBucket = errors.New("The specified bucket does not exist") //nolint:staticcheck // S3's own text

// Check looks up the bucket, which needs s3:ListBucket, as on AWS Lambda.
func (d *Destination) Check(ctx context.Context) error {
	c, ok := d.client.(header)
	if !ok {
		return nil
	}
	_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(d.bucket)})
	switch {
	case err == nil || moved(err):
		return nil
	case missing(err):
		return fmt.Errorf("s3: bucket %s: %w: %w", d.arn, invoke.ErrDestinationMissing, errNoBucket)
	}
	return fmt.Errorf("s3: bucket %s: %w", d.arn, err)
}

func missing(err error) bool {
	if _, ok := errors.AsType[*types.NotFound](err); ok {
		return true
	}
	_, ok := errors.AsType[*types.NoSuchBucket](err)
	return ok
}

// moved reports whether the bucket exists in another region than the client's.
func moved(err error) bool {
	said, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	return ok && said.HTTPStatusCode() == http.StatusMovedPermanently
}
