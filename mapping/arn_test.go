package mapping_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller"
)

func TestARNsThatNoServiceAcceptsAreRefusedAndNamed(t *testing.T) {
	const base = "arn:aws:kinesis:us-east-1:123456789012:stream/"
	for arn, want := range map[string]string{
		base + "orders\n":                                         `the stream name is "orders\n", must be 1 to 128 letters, digits, and _.-`,
		base + "ord ers":                                          `the stream name is "ord ers"`,
		base + " orders":                                          `the stream name is " orders"`,
		base + "órders":                                           `the stream name is "órders"`,
		base + "orders/consumer/ship ping:1":                      `the consumer name is "ship ping"`,
		base + "orders/consumer/shipping:1\n":                     `the consumer's creation time is "1\n", must be a number`,
		"arn:aws:kinesis:us-east-1:12345678901:stream/orders":     `the account is "12345678901", must be 12 digits`,
		"arn:aws:kinesis:us-east-1:12345678901x:stream/orders":    `the account is "12345678901x"`,
		"arn:aws:kinesis:us east 1:123456789012:stream/orders":    `the region is "us east 1", must be such as us-east-1`,
		"arn:amazon:kinesis:us-east-1:123456789012:stream/orders": `the partition is "amazon"`,
		"arn:aws:kinesis:cn-north-1:123456789012:stream/orders":   `the partition is "aws", must be aws-cn, in which the region cn-north-1 lies`,
		"arn:aws-cn:kinesis:us-east-1:123456789012:stream/orders": `the partition is "aws-cn", must be aws, in which the region us-east-1 lies`,
		base + strings.Repeat("o", 129):                           "must be 1 to 128 letters",
		base + "orders/consumer/a:1/consumer/b:2":                 "the consumer's creation time is",
	} {
		cfg := valid(t)
		cfg.EventSourceARN = arn
		_, err := mapping.New(cfg)
		require.ErrorContains(t, err, "mapping: EventSourceARN: ", arn)
		require.ErrorContains(t, err, want, arn)
		_, err = poller.New(poller.Config{Client: kinesis.New(kinesis.Options{}), StreamARN: arn})
		require.Error(t, err, arn)
	}
	for _, arn := range []string{
		base + "o", base + "Orders_1.x-y", "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/orders",
		"arn:aws-cn:kinesis:cn-north-1:123456789012:stream/orders", "arn:aws-iso-b:kinesis:us-isob-east-1:123456789012:stream/orders",
	} {
		cfg := valid(t)
		cfg.EventSourceARN = arn
		_, err := mapping.New(cfg)
		require.NoError(t, err, arn)
	}
}

func TestFunctionNamesWithMalformedPartsAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"ship-orders\n":              `the function name is "ship-orders\n", must be 1 to 64 letters, digits, - and _`,
		"12345:function:ship-orders": `the account is "12345", must be 12 digits`,
		"arn:aws:lambda:us-east-1:12345:function:ship-orders":           `the account is "12345"`,
		"arn:aws:lambda:nowhere:123456789012:function:ship-orders":      `the region is "nowhere"`,
		"arn:aws:lambda:us-east-1:123456789012:function:ship-orders:\n": `the qualifier is "\n"`,
		"ship-orders:$NEWEST":    `the qualifier is "$NEWEST", must be $LATEST, or 1 to 128`,
		"ship.orders":            `the function name is "ship.orders"`,
		strings.Repeat("f", 65):  "must be 1 to 64",
		strings.Repeat("f", 257): "is 257 characters long, must be at most 256",
		"ship-orders:":           "does not have the form arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]",
		"ship-orders:1:2":        "is neither a name, nor an ARN, nor a partial ARN of a function",
		"arn:aws:lambda:us-east-1:123456789012:layer:ship-orders":     "does not have the form",
		"arn:aws:kinesis:us-east-1:123456789012:function:ship-orders": "does not have the form",
		"arn:aws:lambda:cn-north-1:123456789012:function:ship-orders": `the partition is "aws", must be aws-cn, in which the region cn-north-1 lies`,
	} {
		cfg := valid(t)
		cfg.FunctionName = name
		_, err := mapping.New(cfg)
		require.ErrorContains(t, err, "mapping: FunctionName: ", name)
		require.ErrorContains(t, err, want, name)
	}
}

func TestAClientOfAnotherRegionIsRefused(t *testing.T) {
	for _, endpoint := range []string{"", "http://127.0.0.1:4567"} {
		for region, refused := range map[string]bool{"us-east-1": false, "": false, "eu-west-1": true} {
			options := kinesis.Options{Region: region}
			if endpoint != "" {
				options.BaseEndpoint = aws.String(endpoint)
			}
			cfg := valid(t)
			cfg.Client, cfg.Source = kinesis.New(options), nil
			_, err := mapping.New(cfg)
			_, errPoller := poller.New(poller.Config{Client: cfg.Client, StreamARN: streamARN})
			if !refused {
				require.NoError(t, err, region)
				require.NoError(t, errPoller, region)
				continue
			}
			require.ErrorContains(t, err, `mapping: Client: is for the region "eu-west-1", and EventSourceARN is in "us-east-1"`)
			require.ErrorContains(t, errPoller, `Client is one for the region "eu-west-1": want one for "us-east-1", where the stream is`)
		}
	}
}

// elsewhere is a function that its Invoker can't reach.
type elsewhere struct{ invoke.Func }

func (elsewhere) CheckFunction(arn string) error { return errors.New("out of reach: " + arn) }

func TestAFunctionThatItsInvokerCanNotReachIsRefused(t *testing.T) {
	cfg := valid(t)
	cfg.Function = elsewhere{}
	_, err := mapping.New(cfg)
	require.ErrorContains(t, err, "mapping: Function: out of reach: arn:aws:lambda:us-east-1:123456789012:function:")
}

func TestATimestampBefore1970IsRefused(t *testing.T) {
	cfg := valid(t)
	cfg.StartingPosition, cfg.StartingPositionTimestamp = mapping.AtTimestamp, time.Unix(-1, 0)
	_, err := mapping.New(cfg)
	require.ErrorContains(t, err, "StartingPositionTimestamp: Received Exception while reading from provided stream. class java.lang.Long can not be converted to a Timestamp")
}
