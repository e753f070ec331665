package wiretest

import (
	"errors"
	"io"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/destination/s3"
)

// startS3 serves S3 for as long as the test runs. Over TLS the SDK puts a body's checksum behind it, in chunks that
// gofakes3 stores as they are; without TLS it is in the header.
func startS3(t *testing.T) *awss3.Client {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(server.Close)
	return awss3.NewFromConfig(configFor(t, server), func(o *awss3.Options) {
		o.UsePathStyle = true
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported // as config.LoadDefaultConfig has it
	})
}

var keyLayout = regexp.MustCompile(`^aws/lambda/0b5e0f6a-3c1d-4f3e-9a44-5d0c8d0d1c77/shardId-000000000000/2026/09/19/2026-09-19T09\.11\.30-` +
	`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestBucketTakesTheDocumentWithItsPayload(t *testing.T) {
	client := startS3(t)
	if _, err := client.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("lost-orders")}); err != nil {
		t.Fatal(err)
	}
	bucket, err := invoke.ResolveDestination("arn:aws:s3:::lost-orders", s3.Resolver(client))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := bucket.Deliver(t.Context(), failure()); err != nil {
			t.Fatal(err)
		}
	}
	checkObjects(t, client, 2)
}

// checkObjects holds that the bucket has n objects, each the document of failure.
func checkObjects(t *testing.T, client *awss3.Client, n int) {
	t.Helper()
	list, err := client.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("lost-orders")})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Contents) != n {
		t.Errorf("got %d objects, want %d", len(list.Contents), n)
	}
	want := string(failure().AppendJSONWithPayload(nil))
	for _, o := range list.Contents {
		if !keyLayout.MatchString(*o.Key) {
			t.Errorf("got key %s", *o.Key)
		}
		out, err := client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("lost-orders"), Key: o.Key})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out.Body)
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
		if err := out.Body.Close(); err != nil {
			t.Error(err)
		}
		if *out.ContentType != "application/octet-stream" {
			t.Errorf("got Content-Type %s, want application/octet-stream", *out.ContentType)
		}
	}
}

func TestMissingBucketIsAnError(t *testing.T) {
	bucket, err := s3.New(startS3(t), "arn:aws:s3:::nowhere")
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.Deliver(t.Context(), failure()); err == nil {
		t.Error("got nil, want an error")
	}
	if err := bucket.Check(t.Context()); !errors.Is(err, invoke.ErrDestinationMissing) {
		t.Errorf("Check: got %v, want ErrDestinationMissing", err)
	}
}
