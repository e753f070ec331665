package lambda

import (
	"regexp"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardmill/shardmill/internal/arns"
)

// functionName is the pattern of Invoke's FunctionName in Lambda's model, version 2015-03-31.
var functionName = regexp.MustCompile(`\A(?:(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?` +
	`([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?)\z`)

// maxFunctionName is its maximum length, in characters.
const maxFunctionName = 256

// isFunctionName reports whether AWS Lambda accepts a name as that of a function. An ARN must be valid.
func isFunctionName(s string) bool {
	if _, isARN := arns.Split(s); isARN {
		return arns.Function.Fits(s)
	}
	return utf8.RuneCountInString(s) <= maxFunctionName && functionName.MatchString(s)
}

// reachOf returns the destination of a client's requests, as far as that is known.
func reachOf(client Client) arns.Reach {
	c, ok := client.(*lambda.Client)
	if !ok || c == nil {
		return arns.Reach{}
	}
	o := c.Options()
	return arns.ReachOf(o.Region, o.BaseEndpoint)
}
