// Role answers: which permissions does a mapping's execution role need, and which principals must it trust?
//
//	role -stream arn:aws:kinesis:us-east-1:123456789012:stream/orders -destination arn:aws:sqs:us-east-1:123456789012:lost-orders
//	role -trust arn:aws:iam::123456789012:role/host
//
// The first prints a policy document with the fewest permissions that the role needs; the second its trust policy. The
// ARN of a destination may be followed by =ARN of the KMS key that encrypts it. Add -lambda for a role that AWS
// Lambda's own mapping must accept as well. The exit code is 2 if the flags are invalid.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/shardmill/shardmill/role"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// run prints the requested document.
func run(args []string, out, help io.Writer) error {
	var needs role.Needs
	var trust role.Trust
	f := flags(&needs, &trust)
	f.SetOutput(help)
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("role: %q is not a flag", f.Arg(0))
	}
	document, err := role.PolicyDocument(needs)
	if len(trust.Principals)+len(trust.Services) > 0 {
		document, err = role.TrustPolicy(trust)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(document)
	return err
}

// flags returns flags that set what a policy is made of.
func flags(needs *role.Needs, trust *role.Trust) *flag.FlagSet {
	f := flag.NewFlagSet("role", flag.ContinueOnError)
	f.StringVar(&needs.Stream, "stream", "", "the stream's `ARN`")
	f.StringVar(&needs.StreamKey, "stream-key", "", "the `ARN` of the KMS key that the stream is encrypted with")
	f.StringVar(&needs.Consumer, "consumer", "", "the `ARN` of a registered consumer, read by enhanced fan-out")
	f.BoolVar(&needs.FallBackToPolling, "fall-back", false, "allow polling of the stream when its consumer cannot be read")
	f.StringVar(&needs.Function, "function", "", "the function's `ARN`, if it runs on AWS Lambda")
	f.BoolVar(&needs.CreateTables, "create-tables", false, "allow creating missing tables")
	f.BoolVar(&needs.AWSLambda, "lambda", false, "the role serves AWS Lambda's own mapping, too")
	f.StringVar(&trust.ExternalID, "external-id", "", "with -trust: the external ID that the principals must send")
	f.Func("destination", "the `ARN[=KEY]` of a queue, a topic or a bucket for failures; repeatable", func(s string) error {
		arn, key, _ := strings.Cut(s, "=")
		needs.Destinations = append(needs.Destinations, role.Destination{ARN: arn, Key: key})
		return nil
	})
	f.Func("table", "the `ARN` of a DynamoDB table for progress; repeatable", func(s string) error {
		needs.Tables = append(needs.Tables, s)
		return nil
	})
	f.Func("trust", "print the trust policy instead: the `ARN` of the process's identity, or lambda; repeatable", func(s string) error {
		if s == "lambda" {
			trust.Services = append(trust.Services, "lambda.amazonaws.com")
		} else {
			trust.Principals = append(trust.Principals, s)
		}
		return nil
	})
	return f
}
