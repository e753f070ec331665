package invoke_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/shardmill/shardmill/invoke"
)

var _ invoke.Destination = invoke.DestinationFunc(nil)

// served is a resolver of the ARNs that begin with prefix. It hands out the destination that fails with its prefix.
type served struct {
	prefix string
	err    error
}

func (s served) Serves(arn string) bool { return strings.HasPrefix(arn, s.prefix) }

func (s served) Resolve(string) (invoke.Destination, error) {
	if s.err != nil {
		return nil, s.err
	}
	return invoke.DestinationFunc(func(context.Context, *invoke.Failure) error { return errors.New(s.prefix) }), nil
}

func TestResolveDestinationTakesTheFirstThatServes(t *testing.T) {
	resolvers := []invoke.DestinationResolver{
		nil, served{prefix: "arn:aws:sns:"}, served{prefix: "arn:aws:sqs:us-east-1:"}, served{prefix: "arn:aws:sqs:"},
	}
	for arn, want := range map[string]string{
		"arn:aws:sns:us-east-1:111111111111:topic": "arn:aws:sns:",
		"arn:aws:sqs:us-east-1:111111111111:queue": "arn:aws:sqs:us-east-1:",
		"arn:aws:sqs:eu-west-1:111111111111:queue": "arn:aws:sqs:",
	} {
		d, err := invoke.ResolveDestination(arn, resolvers...)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Deliver(t.Context(), failure(1)); got.Error() != want {
			t.Errorf("%s: got the destination of %s, want that of %s", arn, got, want)
		}
	}
}

func TestResolveDestinationReturnsTheResolversError(t *testing.T) {
	broken := errors.New("broken")
	d, err := invoke.ResolveDestination("arn:x", served{prefix: "arn:", err: broken}, served{prefix: "arn:"})
	if d != nil || !errors.Is(err, broken) {
		t.Errorf("got %v, %v; want the error of the first that serves", d, err)
	}
}

func TestResolveDestinationNamesThePackageThatWouldServe(t *testing.T) {
	const folder = "github.com/shardmill/shardmill/invoke/destination"
	const other = "no resolver serves it, and it is not the ARN of a queue, a topic or a bucket," +
		" which the packages sqs, sns and s3 of " + folder + " serve"
	for arn, want := range map[string]string{
		"arn:aws:sqs:us-east-1:111111111111:queue":   "no resolver serves it: add sqs.Resolver of " + folder + "/sqs",
		"arn:aws-cn:sns:cn-north-1:111111111111:top": "no resolver serves it: add sns.Resolver of " + folder + "/sns",
		"arn:aws:s3:::bucket":                        "no resolver serves it: add s3.Resolver of " + folder + "/s3",
		"arn:aws:lambda:us-east-1:1:function:f":      other,
		"kafka://topic":                              other,
		"a:b:sqs:d:e:f":                              other,
		"":                                           other,
	} {
		_, err := invoke.ResolveDestination(arn, served{prefix: "none"})
		if want := "invoke: destination " + arn + ": " + want; err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
	}
}
