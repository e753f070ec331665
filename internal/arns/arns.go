// Package arns parses the ARNs in shardmill's configuration by the patterns of AWS's service models. It is the only
// table of these patterns. A text that AWS would refuse is refused before any call, wherever it was configured.
//
//	a, err := arns.Stream.Parse("arn:aws:kinesis:us-east-1:123456789012:stream/orders")
package arns

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ARN is an ARN in its parts.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// Split splits an ARN into its parts, and returns false for a text without the six parts.
func Split(s string) (ARN, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return ARN{}, false
	}
	return ARN{Partition: p[1], Service: p[2], Region: p[3], Account: p[4], Resource: p[5]}, true
}

// ErrForm is the error of a text that is not the ARN of such a resource. The error of an ARN with a malformed part
// names that part.
var ErrForm = errors.New("does not have the form")

// Form is the form of the ARNs of one kind of resource.
type Form struct {
	text      string // for people: arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME
	services  []string
	global    bool // it has no region
	ownerless bool // it has no account
	resource  []piece
}

// name is a part of an ARN with its pattern.
type name struct {
	text string // "stream name"
	form *regexp.Regexp
	want string // the pattern in words
}

// piece is a part of a resource: the text before a name, and the name.
type piece struct {
	before string
	name
	optional bool // it may be missing
}

// maxLength is the maximum length of an ARN in the models.
const maxLength = 2048

// whole returns a pattern that the whole text must match: a line end, as in a file, is not part of a name.
func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`\A(?:` + pattern + `)\z`) }

// Parts of all ARNs, by the pattern Arn of Lambda's model (version 2015-03-31).
var (
	partition = name{"partition", whole(`aws[a-zA-Z0-9-]*`), "aws, or aws- and letters"}
	region    = name{"region", whole(`(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-[0-9]`), "such as us-east-1"}
	account   = name{"account", whole(`[0-9]{12}`), "12 digits"}
)

// Names of resources, by the API references of their services. Buckets in us-east-1 may be older than today's rules.
var (
	streamName   = name{"stream name", whole(`[a-zA-Z0-9_.-]{1,128}`), "1 to 128 letters, digits, and _.-"}
	consumerName = name{"consumer name", streamName.form, streamName.want}
	creationTime = name{"consumer's creation time", whole(`[0-9]+`), "a number"}
	functionName = name{"function name", whole(`[a-zA-Z0-9_-]{1,64}`), "1 to 64 letters, digits, - and _"}
	qualifier    = name{"qualifier", whole(`\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128}`), "$LATEST, or 1 to 128 letters, digits, - and _"}
	roleName     = name{"role name", whole(`([!-~]{1,510}/)?[\w+=,.@-]{1,64}`), "1 to 64 letters, digits, and _+=,.@-"}
	principal    = name{"principal", whole(`root|(user|role|assumed-role|federated-user)/[!-~]+`), "root, or user/, role/ or assumed-role/ and a name"}
	queueName    = name{"queue name", whole(`[a-zA-Z0-9_-]{1,80}|[a-zA-Z0-9_-]{1,75}\.fifo`), "1 to 80 letters, digits, - and _"}
	topicName    = name{"topic name", whole(`[a-zA-Z0-9_-]{1,256}|[a-zA-Z0-9_-]{1,251}\.fifo`), "1 to 256 letters, digits, - and _"}
	bucketName   = name{"bucket name", whole(`[a-zA-Z0-9._-]{3,255}`), "3 to 255 letters, digits, and ._-"}
	keyID        = name{"key ID", whole(`[a-zA-Z0-9-]{1,256}`), "letters, digits and -"}
	tableName    = name{"table name", whole(`[a-zA-Z0-9_.-]{3,255}`), "3 to 255 letters, digits, and _.-"}
)

// The forms.
var (
	// Stream is the ARN of a Kinesis stream.
	Stream = Form{
		text: "arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME", services: []string{"kinesis"}, resource: []piece{{"stream/", streamName, false}},
	}
	// Consumer is the ARN of a registered consumer of a Kinesis stream.
	Consumer = Form{
		text: "arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME/consumer/NAME:NUMBER", services: []string{"kinesis"},
		resource: []piece{{"stream/", streamName, false}, {"/consumer/", consumerName, false}, {":", creationTime, false}},
	}
	// Function is the ARN of a Lambda function, with or without a qualifier.
	Function = Form{
		text: "arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]", services: []string{"lambda"},
		resource: []piece{{"function:", functionName, false}, {":", qualifier, true}},
	}
	// Role is the ARN of an IAM role, with or without a path.
	Role = Form{
		text: "arn:PARTITION:iam::ACCOUNT:role/NAME", services: []string{"iam"}, global: true, resource: []piece{{"role/", roleName, false}},
	}
	// Principal is the ARN of a principal that a policy can name: an account's root, a user, a role, or a session of
	// one.
	Principal = Form{
		text: "arn:PARTITION:iam::ACCOUNT:user/NAME", services: []string{"iam", "sts"}, global: true, resource: []piece{{"", principal, false}},
	}
	// Queue is the ARN of an SQS queue.
	Queue = Form{
		text: "arn:PARTITION:sqs:REGION:ACCOUNT:NAME", services: []string{"sqs"}, resource: []piece{{"", queueName, false}},
	}
	// Topic is the ARN of an SNS topic.
	Topic = Form{
		text: "arn:PARTITION:sns:REGION:ACCOUNT:NAME", services: []string{"sns"}, resource: []piece{{"", topicName, false}},
	}
	// Bucket is the ARN of an S3 bucket.
	Bucket = Form{
		text: "arn:PARTITION:s3:::BUCKET", services: []string{"s3"}, global: true, ownerless: true, resource: []piece{{"", bucketName, false}},
	}
	// Key is the ARN of a KMS key.
	Key = Form{
		text: "arn:PARTITION:kms:REGION:ACCOUNT:key/ID", services: []string{"kms"}, resource: []piece{{"key/", keyID, false}},
	}
	// Table is the ARN of a DynamoDB table.
	Table = Form{
		text: "arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME", services: []string{"dynamodb"}, resource: []piece{{"table/", tableName, false}},
	}
)

// String returns the form in words: arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME.
func (f Form) String() string { return f.text }

// Parse returns the parts of an ARN of this form. The caller prints the ARN before its error, which wraps ErrForm, or
// names the first malformed part, with its value and its bound.
func (f Form) Parse(s string) (ARN, error) {
	a, ok := Split(s)
	if !ok || !slices.Contains(f.services, a.Service) || len(s) > maxLength ||
		f.global && a.Region != "" || f.ownerless && a.Account != "" {
		return ARN{}, f.misses()
	}
	parts, ok := f.parts(a)
	if !ok {
		return ARN{}, f.misses()
	}
	for _, p := range parts {
		if !p.form.MatchString(p.value) {
			return ARN{}, fmt.Errorf("the %s is %q, must be %s", p.text, p.value, p.want)
		}
	}
	if own := Partition(a.Region); !f.global && known[a.Partition] && own != a.Partition {
		return ARN{}, fmt.Errorf("the partition is %q, must be %s, in which the region %s lies", a.Partition, own, a.Region)
	}
	return a, nil
}

// Fits reports whether s is an ARN of this form.
func (f Form) Fits(s string) bool {
	_, err := f.Parse(s)
	return err == nil
}

func (f Form) misses() error { return fmt.Errorf("%w %s", ErrForm, f.text) }

// part is a name with its value.
type part struct {
	name
	value string
}

// parts returns the names in an ARN, and false if its resource is of another kind.
func (f Form) parts(a ARN) ([]part, bool) {
	all := []part{{partition, a.Partition}}
	if !f.global {
		all = append(all, part{region, a.Region})
	}
	if !f.ownerless {
		all = append(all, part{account, a.Account})
	}
	rest := a.Resource
	for i, p := range f.resource {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, p.before); !ok {
			return all, p.optional && rest == ""
		}
		value := rest
		if i+1 < len(f.resource) {
			value, _, _ = strings.Cut(rest, f.resource[i+1].before)
		}
		if value == "" {
			return nil, false
		}
		all, rest = append(all, part{p.name, value}), rest[len(value):]
	}
	return all, true
}

// prefixes are the partitions of regions outside the partition aws. Source: partitions.json of the AWS SDKs.
var prefixes = []struct{ region, partition string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
	{"eusc-", "aws-eusc"},
}

// known are the partitions whose regions are known. Other partitions may exist, with any regions.
var known = func() map[string]bool {
	all := map[string]bool{"aws": true}
	for _, p := range prefixes {
		all[p.partition] = true
	}
	return all
}()

// Partition returns the partition of a region, by its name: aws, aws-cn, aws-us-gov and so on.
func Partition(region string) string {
	for _, p := range prefixes {
		if strings.HasPrefix(region, p.region) {
			return p.partition
		}
	}
	return "aws"
}

// IsQueueName reports whether s can be the name of an SQS queue.
func IsQueueName(s string) bool { return queueName.form.MatchString(s) }

// IsAccount reports whether s is the number of an account.
func IsAccount(s string) bool { return account.form.MatchString(s) }
