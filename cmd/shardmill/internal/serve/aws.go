package serve

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/shardmill/shardmill/invoke"
	tos3 "github.com/shardmill/shardmill/invoke/destination/s3"
	tosns "github.com/shardmill/shardmill/invoke/destination/sns"
	tosqs "github.com/shardmill/shardmill/invoke/destination/sqs"
	"github.com/shardmill/shardmill/role"
)

// account makes the clients of AWS's services, with the host's credentials or with those of a role.
type account struct {
	base      aws.Config
	role      *role.Provider // nil means the host itself
	endpoints endpoints
	kinesis   string // endpoint
	log       *slog.Logger
}

func newAccount(ctx context.Context, c *config, kinesis string, log *slog.Logger) (*account, error) {
	base, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(c.Region))
	if err != nil {
		return nil, err
	}
	return &account{base: base, endpoints: c.Endpoints, kinesis: kinesis, log: log}, nil
}

// as returns the account with the credentials of a role. It does not assume the role yet.
func (a *account) as(arn string, externalID secret) (*account, error) {
	client := sts.NewFromConfig(a.at(a.endpoints.STS), func(o *sts.Options) { override(&o.BaseEndpoint, a.endpoints.STS) })
	p, err := role.Role{ARN: arn, ExternalID: string(externalID), Logger: a.log}.Provider(client)
	if err != nil {
		return nil, err
	}
	assumed := *a
	assumed.role = p
	return &assumed, nil
}

// at returns the configuration of a client that calls an endpoint; empty means AWS's own.
func (a *account) at(endpoint string) aws.Config {
	c := a.base.Copy()
	switch {
	case a.role != nil:
		c.Credentials = a.role
	case endpoint != "" && os.Getenv("AWS_ACCESS_KEY_ID") == "" && os.Getenv("AWS_PROFILE") == "":
		// An emulator accepts any key; a search for one would only take time.
		c.Credentials = credentials.NewStaticCredentialsProvider("000000000000", "none", "")
	}
	return c
}

// override replaces AWS's endpoint, and one from the environment, by endpoint.
func override(base **string, endpoint string) {
	if endpoint != "" {
		*base = &endpoint
	}
}

// streams returns the client that reads.
func (a *account) streams() *kinesis.Client {
	return kinesis.NewFromConfig(a.at(a.kinesis), func(o *kinesis.Options) { override(&o.BaseEndpoint, a.kinesis) })
}

// lanes is the number of concurrent invocations on AWS Lambda that do not need a new connection each.
const lanes = 100

func (a *account) functions() *lambda.Client {
	return lambda.NewFromConfig(a.at(a.endpoints.Lambda), func(o *lambda.Options) {
		override(&o.BaseEndpoint, a.endpoints.Lambda)
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = lanes })
	})
}

func (a *account) database(endpoint string) *dynamodb.Client {
	return dynamodb.NewFromConfig(a.at(endpoint), func(o *dynamodb.Options) { override(&o.BaseEndpoint, endpoint) })
}

// destinations are the possible targets of failure documents: any queue, topic or bucket.
func (a *account) destinations() []invoke.DestinationResolver {
	e := a.endpoints
	return []invoke.DestinationResolver{
		tosqs.Resolver(sqs.NewFromConfig(a.at(e.SQS), func(o *sqs.Options) { override(&o.BaseEndpoint, e.SQS) })),
		tosns.Resolver(sns.NewFromConfig(a.at(e.SNS), func(o *sns.Options) { override(&o.BaseEndpoint, e.SNS) })),
		tos3.Resolver(s3.NewFromConfig(a.at(e.S3), func(o *s3.Options) {
			override(&o.BaseEndpoint, e.S3)
			o.UsePathStyle = e.S3 != "" // no emulator has a host name for each bucket
		})),
	}
}
