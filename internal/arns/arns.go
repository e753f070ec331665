// Package arns knows what the ARNs look like that shardmill is given, by the patterns of AWS's service models. It is the
// one table of them, so that a text which AWS would refuse is refused before any call, wherever it was configured.
//
//	a, err := arns.Stream.Parse("arn:aws:kinesis:us-east-1:123456789012:stream/orders")
package arns

import (
	"fmt"
	"regexp"
	"strings"
)

// ARN is an ARN in its parts.
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// Split takes an ARN apart, and returns false for a text that has not its six parts.
func Split(s string) (ARN, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return ARN{}, false
	}
	return ARN{Partition: p[1], Service: p[2], Region: p[3], Account: p[4], Resource: p[5]}, true
}

// Form is what the ARN of one kind of resource looks like.
type Form struct {
	text      string // for people: arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME
	service   string
	global    bool // there is no region in it
	ownerless bool // there is no account in it
	resource  *regexp.Regexp
	says      string // what the resource's pattern means
}

// maxLength is the longest ARN that the models let pass.
const maxLength = 2048

// The forms. The names of resources follow the API references of their services; partition, region and account follow the
// pattern Arn of Lambda's model (version 2015-03-31).
var (
	// Stream is the ARN of a Kinesis stream.
	Stream = Form{
		text: "arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME", service: "kinesis",
		resource: whole(`stream/[a-zA-Z0-9_.-]{1,128}`), says: "stream/ and a name of 1 to 128 letters, digits and _.-",
	}
	// Consumer is the ARN of a registered consumer of a Kinesis stream.
	Consumer = Form{
		text: "arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME/consumer/NAME:NUMBER", service: "kinesis",
		resource: whole(`stream/[a-zA-Z0-9_.-]{1,128}/consumer/[a-zA-Z0-9_.-]{1,128}:[0-9]+`),
		says:     "stream/NAME/consumer/NAME:NUMBER, the names of 1 to 128 letters, digits and _.-",
	}
	// Function is the ARN of a Lambda function, with or without a qualifier.
	Function = Form{
		text: "arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]", service: "lambda",
		resource: whole(`function:[a-zA-Z0-9_-]{1,64}(?::(?:\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128}))?`),
		says:     "function: and a name of 1 to 64 letters, digits and _-, and a qualifier of up to 128 of them, or $LATEST",
	}
	// Role is the ARN of an IAM role, with or without a path.
	Role = Form{
		text: "arn:PARTITION:iam::ACCOUNT:role/NAME", service: "iam", global: true,
		resource: whole(`role/(?:[!-~]{1,510}/)?[\w+=,.@-]{1,64}`), says: "role/ and a name of 1 to 64 letters, digits and _+=,.@-",
	}
	// Queue is the ARN of an SQS queue.
	Queue = Form{
		text: "arn:PARTITION:sqs:REGION:ACCOUNT:NAME", service: "sqs",
		resource: whole(`[a-zA-Z0-9_-]{1,80}|[a-zA-Z0-9_-]{1,75}\.fifo`), says: "a name of 1 to 80 letters, digits and _-",
	}
	// Topic is the ARN of an SNS topic.
	Topic = Form{
		text: "arn:PARTITION:sns:REGION:ACCOUNT:NAME", service: "sns",
		resource: whole(`[a-zA-Z0-9_-]{1,256}|[a-zA-Z0-9_-]{1,251}\.fifo`), says: "a name of 1 to 256 letters, digits and _-",
	}
	// Bucket is the ARN of an S3 bucket, old ones in us-east-1 with capitals, _ and up to 255 characters included.
	Bucket = Form{
		text: "arn:PARTITION:s3:::BUCKET", service: "s3", global: true, ownerless: true,
		resource: whole(`[a-zA-Z0-9._-]{3,255}`), says: "a name of 3 to 255 letters, digits and ._-",
	}
	// Key is the ARN of a KMS key.
	Key = Form{
		text: "arn:PARTITION:kms:REGION:ACCOUNT:key/ID", service: "kms",
		resource: whole(`key/[a-zA-Z0-9-]{1,256}`), says: "key/ and an ID of letters, digits and -",
	}
	// Table is the ARN of a DynamoDB table.
	Table = Form{
		text: "arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME", service: "dynamodb",
		resource: whole(`table/[a-zA-Z0-9_.-]{3,255}`), says: "table/ and a name of 3 to 255 letters, digits and _.-",
	}
)

var (
	partitions = whole(`aws[a-zA-Z0-9-]*`)
	regions    = whole(`(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-[0-9]`)
	accounts   = whole(`[0-9]{12}`)
)

// whole returns a pattern that the whole of a text has to match.
func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`\A(?:` + pattern + `)\z`) }

// String returns the form in words: arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME.
func (f Form) String() string { return f.text }

// Parse returns the parts of an ARN of this form. Its error names the part that is wrong, with its value and its bound; it
// goes behind the ARN itself: does not have the form …: its region is "us east", want ….
func (f Form) Parse(s string) (ARN, error) {
	a, ok := Split(s)
	if !ok || a.Service != f.service || len(s) > maxLength {
		return ARN{}, fmt.Errorf("does not have the form %s", f.text)
	}
	if wrong := f.wrong(a); wrong != "" {
		return ARN{}, fmt.Errorf("does not have the form %s: its %s", f.text, wrong)
	}
	return a, nil
}

// Fits reports whether s is an ARN of this form.
func (f Form) Fits(s string) bool {
	_, err := f.Parse(s)
	return err == nil
}

// wrong returns what is wrong with the parts, "" if nothing is.
func (f Form) wrong(a ARN) string {
	switch {
	case !partitions.MatchString(a.Partition):
		return fmt.Sprintf("partition is %q, want aws, or another that begins so", a.Partition)
	case f.global && a.Region != "":
		return fmt.Sprintf("region is %q, want none", a.Region)
	case !f.global && !regions.MatchString(a.Region):
		return fmt.Sprintf("region is %q, want one such as us-east-1", a.Region)
	case f.ownerless && a.Account != "":
		return fmt.Sprintf("account is %q, want none", a.Account)
	case !f.ownerless && !accounts.MatchString(a.Account):
		return fmt.Sprintf("account is %q, want 12 digits", a.Account)
	case !f.global && known[a.Partition] && Partition(a.Region) != a.Partition:
		return fmt.Sprintf("partition is %q, but the region %s lies in %s", a.Partition, a.Region, Partition(a.Region))
	case !f.resource.MatchString(a.Resource):
		return fmt.Sprintf("resource is %q, want %s", a.Resource, f.says)
	}
	return ""
}

// prefixes tell the partitions of regions that do not lie in aws.
// Source: partitions.json of the AWS SDKs.
var prefixes = []struct{ region, partition string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
	{"eusc-", "aws-eusc"},
}

// known are the partitions whose regions are known. Others may be made, and have what regions they like.
var known = func() map[string]bool {
	all := map[string]bool{"aws": true}
	for _, p := range prefixes {
		all[p.partition] = true
	}
	return all
}()

// Partition returns the partition that a region lies in, by its name: aws, aws-cn, aws-us-gov and so on.
func Partition(region string) string {
	for _, p := range prefixes {
		if strings.HasPrefix(region, p.region) {
			return p.partition
		}
	}
	return "aws"
}

// IsAccount reports whether s is the number of an account.
func IsAccount(s string) bool { return accounts.MatchString(s) }
