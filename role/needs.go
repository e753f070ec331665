package role

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardmill/shardmill/internal/arns"
)

// Needs are the resources that a mapping uses, as far as IAM is concerned. All fields are ARNs; an empty field is not
// needed.
type Needs struct {
	// Stream is the stream. It may be empty if Consumer is set, which names it too.
	Stream string

	// Consumer is the registered consumer that is read by enhanced fan-out. Empty: the stream is polled.
	Consumer string

	// FallBackToPolling says that a stream with a Consumer may be polled as well.
	FallBackToPolling bool

	// StreamKey is the KMS key of a stream that is encrypted with one of the account's own keys.
	StreamKey string

	// Destinations are the queues, topics and buckets for failure documents.
	Destinations []Destination

	// Tables are the DynamoDB tables that hold progress and leases.
	Tables []string

	// CreateTables says that Tables are created if they are missing.
	CreateTables bool

	// Function is the function on AWS Lambda, with its qualifier if it is invoked with one.
	Function string

	// AWSLambda adds the permissions that AWS Lambda requires when a mapping is created and that shardmill never uses,
	// so that the role serves both: DescribeStream or DescribeStreamSummary, polling in addition to a consumer, and
	// ListBucket.
	AWSLambda bool
}

// Destination is a queue, a topic or a bucket.
type Destination struct {
	// ARN is its ARN.
	ARN string

	// Key is the KMS key that encrypts it, if that is one of the account's own.
	Key string
}

// Grant is a set of actions on a set of resources.
type Grant struct {
	// Sid identifies the grant in a policy document.
	Sid string

	// Actions are sorted: "kinesis:GetRecords".
	Actions []string

	// Resources are ARNs in the order of Needs.
	Resources []string
}

// AWSLambdaKinesisExecutionRole returns the actions of AWS's managed policy of that name, which grants them on every
// resource of the account. [PolicyDocument] prints a narrower one.
func AWSLambdaKinesisExecutionRole() []string {
	return []string{
		"kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator",
		"kinesis:ListShards", "kinesis:ListStreams", "kinesis:SubscribeToShard",
		"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
	}
}

// Grants returns the fewest permissions that the mapping needs, in a fixed order. It returns all violations of the
// ARNs, joined.
func (n Needs) Grants() ([]Grant, error) {
	n, err := n.normal()
	if err != nil {
		return nil, err
	}
	var all []Grant
	add := func(sid string, resources []string, actions ...string) {
		if len(resources) > 0 {
			slices.Sort(actions)
			all = append(all, Grant{Sid: sid, Actions: slices.Compact(actions), Resources: resources})
		}
	}
	add("ReadStream", some(n.Stream), n.streamActions()...)
	add("SubscribeToConsumer", some(n.Consumer), "kinesis:SubscribeToShard")
	add("DecryptStream", some(n.StreamKey), "kms:Decrypt")
	add("SendToQueues", n.destinations("sqs"), "sqs:SendMessage")
	add("PublishToTopics", n.destinations("sns"), "sns:Publish")
	add("EncryptMessages", slices.Concat(n.keys("sqs"), n.keys("sns")), "kms:Decrypt", "kms:GenerateDataKey")
	var objects []string
	for _, bucket := range n.destinations("s3") {
		objects = append(objects, bucket+"/aws/lambda/*") // all keys of documents begin this way
	}
	add("PutIntoBuckets", objects, "s3:PutObject")
	if n.AWSLambda {
		add("ListBuckets", n.destinations("s3"), "s3:ListBucket")
	}
	add("EncryptObjects", n.keys("s3"), "kms:GenerateDataKey")
	add("KeepProgress", n.Tables, n.tableActions()...)
	add("InvokeFunction", some(n.Function), "lambda:InvokeFunction")
	return all, nil
}

// streamActions are those on the stream. Both ways of reading list shards, to find new ones.
func (n Needs) streamActions() []string {
	actions := []string{"kinesis:ListShards"}
	if n.polls() || n.AWSLambda {
		actions = append(actions, "kinesis:GetRecords", "kinesis:GetShardIterator")
	}
	switch {
	case n.AWSLambda && n.Consumer != "":
		actions = append(actions, "kinesis:DescribeStreamSummary")
	case n.AWSLambda:
		actions = append(actions, "kinesis:DescribeStream")
	}
	return actions
}

func (n Needs) tableActions() []string {
	actions := []string{
		"dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
		"dynamodb:Scan", "dynamodb:UpdateItem",
	}
	if n.CreateTables {
		actions = append(actions, "dynamodb:CreateTable")
	}
	return actions
}

// polls reports whether GetRecords is called.
func (n Needs) polls() bool { return n.Consumer == "" || n.FallBackToPolling }

// destinations returns the destinations of one service, each once.
func (n Needs) destinations(service string) []string {
	return n.each(service, func(d Destination) string { return d.ARN })
}

// keys returns the keys of the destinations of one service, each once.
func (n Needs) keys(service string) []string {
	return n.each(service, func(d Destination) string { return d.Key })
}

func (n Needs) each(service string, get func(Destination) string) []string {
	var all []string
	for _, d := range n.Destinations {
		if s := get(d); serviceOf(d.ARN) == service && s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func serviceOf(s string) string {
	a, _ := arns.Split(s)
	return a.Service
}

// normal returns Needs with a Stream, or all violations.
func (n Needs) normal() (Needs, error) {
	var errs []error
	for _, f := range n.fields() {
		if f.value == "" && f.required {
			errs = append(errs, fmt.Errorf("role: %s is empty", f.name))
		}
		if err := f.wrong(); f.value != "" && err != nil {
			errs = append(errs, fmt.Errorf("role: %s is %q: %w", f.name, f.value, err))
		}
	}
	stream, _, fanOut := strings.Cut(n.Consumer, "/consumer/")
	if fanOut && n.Stream == "" {
		n.Stream = stream
	}
	if fanOut && n.Stream != stream {
		errs = append(errs, fmt.Errorf("role: Stream is %q, must be the stream of the Consumer, %q", n.Stream, stream))
	}
	return n, errors.Join(errs...)
}

// field is one ARN of Needs.
type field struct {
	name, value string
	forms       []arns.Form // those that it may have
	required    bool
}

// wrong returns why the value has none of the forms, or does not mean exactly one resource in a policy; nil otherwise.
func (f *field) wrong() error {
	var err error
	for _, form := range f.forms {
		if _, err = form.Parse(f.value); err == nil {
			break
		}
	}
	if err == nil && !plain(f.value) {
		err = errors.New("is a pattern")
	}
	if err != nil && len(f.forms) > 1 {
		return errors.New("is not the ARN of a queue, a topic or a bucket")
	}
	return err
}

// fields returns all ARNs.
func (n Needs) fields() []field {
	all := []field{
		{"Stream", n.Stream, []arns.Form{arns.Stream}, false},
		{"Consumer", n.Consumer, []arns.Form{arns.Consumer}, false},
		{"StreamKey", n.StreamKey, []arns.Form{arns.Key}, false},
		{"Function", n.Function, []arns.Form{arns.Function}, false},
	}
	for i, d := range n.Destinations {
		all = append(all, field{fmt.Sprintf("Destinations[%d].ARN", i), d.ARN, []arns.Form{arns.Queue, arns.Topic, arns.Bucket}, true})
		all = append(all, field{fmt.Sprintf("Destinations[%d].Key", i), d.Key, []arns.Form{arns.Key}, false})
	}
	for i, table := range n.Tables {
		all = append(all, field{fmt.Sprintf("Tables[%d]", i), table, []arns.Form{arns.Table}, true})
	}
	return all
}

// plain reports whether an ARN means one resource in a policy: no wildcard, and no $ except that of the qualifier
// $LATEST.
func plain(s string) bool {
	return !strings.ContainsAny(strings.TrimSuffix(s, ":$LATEST"), "*?${} \t\n\"\\")
}
