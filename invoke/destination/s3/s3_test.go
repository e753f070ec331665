package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/invoke"
	tos3 "github.com/shardmill/shardmill/invoke/destination/s3"
	"github.com/shardmill/shardmill/invoke/internal/fixture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ tos3.Client        = (*s3.Client)(nil)
	_ invoke.Destination = (*tos3.Destination)(nil)
)

const bucketARN = "arn:aws:s3:::lost-orders"

// failure is a batch that was discarded a minute before the year ended in Greenwich.
func failure() *invoke.Failure {
	f := fixture.Failure()
	f.MappingUUID = "0b5e0f6a-3c1d-4f3e-9a44-5d0c8d0d1c77"
	f.Time = time.Date(2027, 1, 1, 1, 59, 7, 250_000_000, time.FixedZone("", 7200))
	return f
}

// fake is a Client that keeps what it was given.
type fake struct {
	ins []*s3.PutObjectInput
	err error
}

func (c *fake) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	c.ins = append(c.ins, in)
	return &s3.PutObjectOutput{}, errors.Join(c.err, ctx.Err())
}

var keyLayout = regexp.MustCompile(`^aws/lambda/0b5e0f6a-3c1d-4f3e-9a44-5d0c8d0d1c77/shardId-000000000000/2026/12/31/2026-12-31T23\.59\.07-` +
	`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestDeliverPutsTheDocumentWithItsPayload(t *testing.T) {
	client := &fake{}
	d, err := tos3.New(client, bucketARN)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Deliver(t.Context(), failure()); err != nil {
			t.Fatal(err)
		}
	}
	want := string(failure().AppendJSONWithPayload(nil))
	for _, in := range client.ins {
		if *in.Bucket != "lost-orders" || *in.ContentType != "application/octet-stream" || !keyLayout.MatchString(*in.Key) {
			t.Errorf("got bucket %s, key %s, type %s", *in.Bucket, *in.Key, *in.ContentType)
		}
		if _, ok := in.Body.(io.Seeker); !ok {
			t.Error("the body can't be read again by a retry")
		}
		if got, err := io.ReadAll(in.Body); err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
	if *client.ins[0].Key == *client.ins[1].Key {
		t.Errorf("both objects have the key %s", *client.ins[0].Key)
	}
	if d.String() != bucketARN {
		t.Errorf("got %s, want %s", d, bucketARN)
	}
}

func TestDeliverWrapsTheClientsError(t *testing.T) {
	broken := errors.New("broken")
	d, err := tos3.New(&fake{err: broken}, bucketARN)
	if err != nil {
		t.Fatal(err)
	}
	fixture.DeliveryFails(t, d, broken, "s3: bucket "+bucketARN+": put object: broken")
}

func TestNewRefuses(t *testing.T) {
	const form = "does not have the form arn:PARTITION:s3:::BUCKET"
	for bucket, want := range map[string]string{
		"arn:aws:s3:::lost-orders/some/object": `the bucket name is "lost-orders/some/object", must be 3 to 255 letters, digits, and ._-`,
		"arn:aws:s3:::lost orders":             `the bucket name is "lost orders", must be 3 to 255 letters, digits, and ._-`,
		bucketARN + "\n":                       `the bucket name is "lost-orders\n", must be 3 to 255 letters, digits, and ._-`,
		"arn:aws:s3:::*":                       `the bucket name is "*", must be 3 to 255 letters, digits, and ._-`,
		"arn:aws:s3:::":                        form,
		"arn:aws:s3:eu-west-1:111111111111:accesspoint/lost-orders": form,
		"arn:aws:s3::111111111111:lost-orders":                      form,
		"arn:aws:sqs:eu-west-1:1:queue":                             form,
		"lost-orders":                                               form,
		"s3://lost-orders":                                          form,
		"":                                                          form,
	} {
		d, err := tos3.New(&fake{}, bucket)
		if fixture.Text(err) != fmt.Sprintf("s3: bucket %q: %s", bucket, want) || d != nil {
			t.Errorf("%s: got %v, want %s", bucket, err, want)
		}
	}
	for region, want := range map[string]string{
		"us-east-1":  "",
		"cn-north-1": `s3: bucket "` + bucketARN + `": lies in the partition aws, but the client is for the region cn-north-1 in aws-cn`,
	} {
		if _, err := tos3.New(s3.New(s3.Options{Region: region}), bucketARN); fixture.Text(err) != want {
			t.Errorf("%s: got %v, want %s", region, err, want)
		}
	}
	if d, err := tos3.New(nil, bucketARN); fixture.Text(err) != "s3: no client" || d != nil {
		t.Errorf("without a client: got %v", err)
	}
}

func TestResolverServesEveryBucketAndNothingElse(t *testing.T) {
	serves := map[string]bool{
		bucketARN: true, "arn:aws-cn:s3:::b": true, bucketARN + "/object": true,
		"arn:aws:sqs:eu-west-1:1:q": false, "arn:aws:s3express:eu-west-1:1:bucket/b": false, "": false,
	}
	d := fixture.Resolves(t, tos3.Resolver(&fake{}), serves, bucketARN, bucketARN+"/object")
	if _, ok := d.(*tos3.Destination); !ok {
		t.Errorf("got a %T", d)
	}
}
