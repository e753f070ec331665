package arns_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/arns"
)

func TestARNsOfEachForm(t *testing.T) {
	name := strings.Repeat("n", 128)
	for s, form := range map[string]arns.Form{
		"arn:aws:kinesis:us-east-1:123456789012:stream/orders":                      arns.Stream,
		"arn:aws:kinesis:us-east-1:123456789012:stream/a.b_c-D9":                    arns.Stream,
		"arn:aws:kinesis:us-east-1:123456789012:stream/" + name:                     arns.Stream,
		"arn:aws-cn:kinesis:cn-north-1:123456789012:stream/orders":                  arns.Stream,
		"arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/orders":           arns.Stream,
		"arn:aws-iso-b:kinesis:us-isob-east-1:123456789012:stream/orders":           arns.Stream,
		"arn:aws-eusc:kinesis:eusc-de-east-1:123456789012:stream/orders":            arns.Stream,
		"arn:aws-next:kinesis:xx-west-1:123456789012:stream/orders":                 arns.Stream,
		"arn:aws:kinesis:eu-west-1:123456789012:stream/orders/consumer/billing:170": arns.Consumer,
		"arn:aws:lambda:us-east-1:123456789012:function:ship-orders":                arns.Function,
		"arn:aws:lambda:us-east-1:123456789012:function:ship_Orders:live":           arns.Function,
		"arn:aws:lambda:us-east-1:123456789012:function:ship-orders:$LATEST":        arns.Function,
		"arn:aws:iam::123456789012:role/ship-orders":                                arns.Role,
		"arn:aws:iam::123456789012:role/service/a/ship+orders":                      arns.Role,
		"arn:aws:iam::123456789012:root":                                            arns.Principal,
		"arn:aws:sts::123456789012:assumed-role/ship-orders/s1":                     arns.Principal,
		"arn:aws:sqs:us-east-1:123456789012:lost-orders":                            arns.Queue,
		"arn:aws:sqs:us-east-1:123456789012:lost-orders.fifo":                       arns.Queue,
		"arn:aws:sns:us-east-1:123456789012:lost-orders":                            arns.Topic,
		"arn:aws:s3:::lost-orders":                                                  arns.Bucket,
		"arn:aws:kms:us-east-1:123456789012:key/mrk-1234":                           arns.Key,
		"arn:aws:dynamodb:us-east-1:123456789012:table/my.leases":                   arns.Table,
	} {
		a, err := form.Parse(s)
		require.NoError(t, err, s)
		assert.Equal(t, s, strings.Join([]string{"arn", a.Partition, a.Service, a.Region, a.Account, a.Resource}, ":"))
	}
}

func TestTheErrorNamesThePartThatIsWrong(t *testing.T) {
	const base = "arn:aws:kinesis:us-east-1:123456789012:stream/"
	for s, want := range map[string]string{
		"":                                     "does not have the form " + arns.Stream.String(),
		"orders":                               "does not have the form",
		"arn:aws:sqs:us-east-1:123456789012:x": "does not have the form",
		base:                                   "does not have the form",
		" " + base + "orders":                  "does not have the form",
		"arn:aws:kinesis:us-east-1:123456789012:Stream/orders": "does not have the form",
		base + strings.Repeat("n", 3000):                       "does not have the form",
		base + "ord ers":                                       `the stream name is "ord ers", must be 1 to 128 letters, digits, and _.-`,
		base + "orders\n":                                      `the stream name is "orders\n"`,
		base + strings.Repeat("n", 129):                        "must be 1 to 128",
		base + "a/b":                                           `the stream name is "a/b"`,
		base + "bücher":                                        "the stream name is",
		base + "orders/consumer/c:1":                           "the stream name is",
		"arn:aws:kinesis:us-east-1:12345678901:stream/orders":  `the account is "12345678901", must be 12 digits`,
		"arn:aws:kinesis:us-east-1:１２３４５６７８９０１２:stream/orders":    "the account is",
		"arn:aws:kinesis:us-east:123456789012:stream/orders":      `the region is "us-east", must be such as us-east-1`,
		"arn:aws:kinesis::123456789012:stream/orders":             `the region is ""`,
		"arn:aws:kinesis:us-east-1 :123456789012:stream/orders":   "the region is",
		"arn:gcp:kinesis:us-east-1:123456789012:stream/orders":    `the partition is "gcp", must be aws, or aws- and letters`,
		"arn:aws:kinesis:cn-north-1:123456789012:stream/orders":   `the partition is "aws", must be aws-cn, in which the region cn-north-1 lies`,
		"arn:aws-cn:kinesis:us-east-1:123456789012:stream/orders": `the partition is "aws-cn", must be aws, in which the region us-east-1 lies`,
	} {
		_, err := arns.Stream.Parse(s)
		require.ErrorContains(t, err, want, "%q", s)
		assert.Equal(t, strings.HasPrefix(want, "does not"), errors.Is(err, arns.ErrForm), "%q", s)
	}
	_, err := arns.Consumer.Parse(base + "orders/consumer/ship ping:1")
	require.EqualError(t, err, `the consumer name is "ship ping", must be 1 to 128 letters, digits, and _.-`)
	_, err = arns.Consumer.Parse(base + "orders/consumer/shipping:1\n")
	require.EqualError(t, err, `the consumer's creation time is "1\n", must be a number`)
	_, err = arns.Function.Parse("arn:aws:lambda:us-east-1:123456789012:function:f:$NEWEST")
	require.EqualError(t, err, `the qualifier is "$NEWEST", must be $LATEST, or 1 to 128 letters, digits, - and _`)
}

func TestFormsRefuseEachOthersARNs(t *testing.T) {
	for s, form := range map[string]arns.Form{
		"arn:aws:kinesis:us-east-1:123456789012:stream/orders":                arns.Consumer,
		"arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/c":     arns.Consumer,
		"arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/c d:1": arns.Consumer,
		"arn:aws:lambda:us-east-1:123456789012:function:":                     arns.Function,
		"arn:aws:lambda:us-east-1:123456789012:function:f:$NEWEST":            arns.Function,
		"arn:aws:lambda:us-east-1:123456789012:function:f:live:1":             arns.Function,
		"arn:aws:lambda:us-east-1:123456789012:layer:f":                       arns.Function,
		"arn:aws:iam:us-east-1:123456789012:role/r":                           arns.Role,
		"arn:aws:iam::123456789012:user/r":                                    arns.Role,
		"arn:aws:iam::123456789012:role/":                                     arns.Role,
		"arn:aws:iam::123456789012:role/" + strings.Repeat("r", 65):           arns.Role,
		"arn:aws:iam::123456789012:user/a b":                                  arns.Principal,
		"arn:aws:s3::123456789012:user/a":                                     arns.Principal,
		"arn:aws:sqs:us-east-1:123456789012:a.b":                              arns.Queue,
		"arn:aws:sqs:us-east-1:123456789012:" + strings.Repeat("q", 81):       arns.Queue,
		"arn:aws:sns:us-east-1:123456789012:topic:subscription":               arns.Topic,
		"arn:aws:s3:::ab":            arns.Bucket,
		"arn:aws:s3:::lost-orders/x": arns.Bucket,
		"arn:aws:s3:us-east-1:123456789012:accesspoint/lost-orders":            arns.Bucket,
		"arn:aws:kms:us-east-1:123456789012:alias/mine":                        arns.Key,
		"arn:aws:dynamodb:us-east-1:123456789012:table/ab":                     arns.Table,
		"arn:aws:dynamodb:us-east-1:123456789012:table/leases/index/by-worker": arns.Table,
	} {
		assert.False(t, form.Fits(s), s)
	}
}

func TestPartitionOfARegion(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "eu-central-2": "aws", "cn-northwest-1": "aws-cn", "us-gov-east-1": "aws-us-gov",
		"us-iso-west-1": "aws-iso", "us-isob-east-1": "aws-iso-b", "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f",
		"eusc-de-east-1": "aws-eusc",
	} {
		assert.Equal(t, want, arns.Partition(region), region)
	}
}
