package role

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
)

// AccessError reports a missing permission.
type AccessError struct {
	// Message is AWS Lambda's text, word for word where that is known. If the action is missing for something that
	// Lambda does not check, the text is ours, in the same form.
	Message string

	// Action is the missing action: "kinesis:GetRecords". Resource is the ARN of its resource.
	Action, Resource string

	// Principal is the principal that lacks the permission, as the service named it: the ARN of a session. Empty if it
	// did not.
	Principal string

	// Reason is the service's reason: "because no identity-based policy allows the kinesis:GetRecords action". Empty if
	// it gave none.
	Reason string

	// Err is the service's error, as the SDK returned it. nil if the service was not called.
	Err error
}

// Error returns the message, the missing action, and the service's text.
func (e *AccessError) Error() string {
	text := "role: " + e.Message
	if e.Action != "" {
		text += " (missing: " + strings.TrimSuffix(e.Action+" on "+e.Resource, " on ") + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *AccessError) Unwrap() error { return e.Err }

// AWS's texts. Source of the first two: recorded when mappings were refused; of the others: public reports of refused
// mappings.
const (
	streamText      = "Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, DescribeStreamSummary, ListShards, and ListStreams Actions on your stream."
	consumerText    = "Cannot access event source %s. Please ensure the role can perform the DescribeStreamSummary, ListShards, GetShardIterator and GetRecords actions on your stream and SubscribeToShard on your consumer."
	destinationText = "The function execution role does not have permissions to call %s on %s"
	trustText       = "Please add Lambda as a Trusted Entity for %s" // also for roles that do not exist
)

// denied are the codes with which services refuse a call for a missing permission.
var denied = map[string]bool{
	"AccessDenied":          true, // STS, S3, and SQS with its older protocol
	"AccessDeniedException": true, // Kinesis, DynamoDB, Lambda, SQS
	"AuthorizationError":    true, // SNS
	kmsDenied:               true, // Kinesis, of a stream's key
}

const kmsDenied = "KMSAccessDeniedException"

// refusal is the form of AWS's messages about missing permissions.
// Source: IAM User Guide, "Troubleshoot access denied error messages".
var refusal = regexp.MustCompile(`(?s)User: (\S+) is not authorized to perform: (\S+)(?: on resource: (\S+))?(?: ((?:because|with an explicit deny) .*?))?\s*$`)

// FromError returns the missing permission if err is, or wraps, a service's refusal or an *AccessError. The Message is
// then the service's own. false means that err has another cause.
func FromError(err error) (*AccessError, bool) {
	if e, ok := errors.AsType[*AccessError](err); ok {
		return e, true
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || !denied[api.ErrorCode()] {
		return nil, false
	}
	e := &AccessError{Message: api.ErrorMessage(), Err: err}
	if api.ErrorCode() == kmsDenied {
		e.Action = "kms:Decrypt"
	}
	if m := refusal.FindStringSubmatch(api.ErrorMessage()); m != nil {
		e.Principal, e.Action, e.Resource, e.Reason = m[1], m[2], m[3], m[4]
	}
	return e, true
}

// missing is FromError for a known call: known supplies AWS Lambda's text, and the fields that the service did not
// name.
func missing(err error, known *AccessError) (*AccessError, bool) {
	e, ok := FromError(err)
	if _, ready := errors.AsType[*AccessError](err); ready || !ok {
		return e, ok // an existing one is about the role itself, and more specific than the call
	}
	e.Message = known.Message
	if e.Action == "" {
		e.Action = known.Action
	}
	if e.Resource == "" && e.Action == known.Action {
		e.Resource = known.Resource
	}
	return e, true
}

// Refusal returns AWS Lambda's refusal of a mapping with these needs when an action is missing, without an Err.
func (n Needs) Refusal(action, resource string) *AccessError {
	e := &AccessError{Action: action, Resource: resource}
	service, name, _ := strings.Cut(action, ":")
	switch {
	case service == "kinesis" && n.Consumer != "":
		e.Message = fmt.Sprintf(consumerText, n.Consumer)
	case service == "kinesis":
		e.Message = fmt.Sprintf(streamText, n.Stream)
	default:
		e.Message = fmt.Sprintf(destinationText, name, cmp.Or(serviceNames[service], service))
	}
	return e
}

// serviceNames are services as AWS's texts name them. Those after SNS are ours: Lambda's texts about them are not
// known.
var serviceNames = map[string]string{
	"sqs": "SQS", "sns": "SNS", "s3": "S3", "kms": "KMS", "dynamodb": "DynamoDB", "lambda": "Lambda",
}

// refused returns the error of an AssumeRole that failed. STS refuses a role that does not exist with the same code as
// one whose trust policy does not name the caller, and so does Lambda.
func (r Role) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		// It does not unwrap to the end of a context, because the caller's context has not ended.
		return fmt.Errorf("role: assume %s: no answer within %v: %v", r.ARN, callTimeout, err) //nolint:errorlint // see above
	}
	known := &AccessError{Message: fmt.Sprintf(trustText, r.ARN), Action: "sts:AssumeRole", Resource: r.ARN}
	if e, ok := missing(err, known); ok {
		return e
	}
	return fmt.Errorf("role: assume %s: %w", r.ARN, err)
}
