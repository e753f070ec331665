package arns_test

import (
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
	for s, want := range map[string]string{
		"":       "does not have the form " + arns.Stream.String(),
		"orders": "does not have the form",
		"arn:aws:sqs:us-east-1:123456789012:orders":                                  "does not have the form",
		"arn:aws:kinesis:us-east-1:123456789012:stream/ord ers":                      `its resource is "stream/ord ers", want stream/ and a name of 1 to 128`,
		"arn:aws:kinesis:us-east-1:123456789012:stream/orders\n":                     `its resource is "stream/orders\n"`,
		"arn:aws:kinesis:us-east-1:123456789012:stream/" + strings.Repeat("n", 129):  "1 to 128",
		"arn:aws:kinesis:us-east-1:123456789012:stream/":                             "its resource is",
		"arn:aws:kinesis:us-east-1:123456789012:stream/a/b":                          "its resource is",
		"arn:aws:kinesis:us-east-1:123456789012:stream/bücher":                       "its resource is",
		"arn:aws:kinesis:us-east-1:123456789012:Stream/orders":                       "its resource is",
		"arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/c:1":          "its resource is",
		"arn:aws:kinesis:us-east-1:12345678901:stream/orders":                        `its account is "12345678901", want 12 digits`,
		"arn:aws:kinesis:us-east-1:１２３４５６７８９０１２:stream/orders":                       "its account is",
		"arn:aws:kinesis:us-east:123456789012:stream/orders":                         `its region is "us-east", want one such as us-east-1`,
		"arn:aws:kinesis::123456789012:stream/orders":                                `its region is ""`,
		"arn:aws:kinesis:us-east-1 :123456789012:stream/orders":                      "its region is",
		"arn:gcp:kinesis:us-east-1:123456789012:stream/orders":                       `its partition is "gcp", want aws`,
		"arn:aws:kinesis:cn-north-1:123456789012:stream/orders":                      `its partition is "aws", but the region cn-north-1 lies in aws-cn`,
		"arn:aws-cn:kinesis:us-east-1:123456789012:stream/orders":                    `its partition is "aws-cn", but the region us-east-1 lies in aws`,
		" arn:aws:kinesis:us-east-1:123456789012:stream/orders":                      "does not have the form",
		"arn:aws:kinesis:us-east-1:123456789012:stream/" + strings.Repeat("n", 3000): "does not have the form",
	} {
		_, err := arns.Stream.Parse(s)
		assert.ErrorContains(t, err, want, "%q", s)
	}
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
