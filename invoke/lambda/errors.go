package lambda

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/invoke"
)

// FunctionError says that a function on AWS Lambda ran and failed.
type FunctionError struct {
	FunctionName string // as it was invoked
	RequestID    string // AWS's ID of the invocation, which is in the function's log
	Kind         string // "Handled" or "Unhandled"
	Document     []byte // the error document, read-only
}

// maxQuoted bounds the quotation of a document in Error, in bytes.
const maxQuoted = 1024

// Error returns all fields on one line, with up to 1,024 bytes of the document.
func (e *FunctionError) Error() string {
	return fmt.Sprintf("lambda: function %s: request %s: function error %s: %s",
		e.FunctionName, e.RequestID, e.Kind, e.Document[:min(len(e.Document), maxQuoted)])
}

// byCode are the errors of the API whose code is more specific than their status. The codes of throttling are the SDK's
// own list.
var byCode = map[string]error{
	"RequestTooLargeException":                 invoke.ErrTooLarge,
	"RequestEntityTooLargeException":           invoke.ErrTooLarge,
	"SerializedRequestEntityTooLargeException": invoke.ErrTooLarge,

	"ResourceNotFoundException": invoke.ErrFunctionNotFound,

	"AccessDenied":                        invoke.ErrAccessDenied,
	"AccessDeniedException":               invoke.ErrAccessDenied,
	"ExpiredToken":                        invoke.ErrAccessDenied,
	"ExpiredTokenException":               invoke.ErrAccessDenied,
	"IncompleteSignature":                 invoke.ErrAccessDenied,
	"IncompleteSignatureException":        invoke.ErrAccessDenied,
	"InvalidClientTokenId":                invoke.ErrAccessDenied,
	"InvalidSignatureException":           invoke.ErrAccessDenied,
	"MissingAuthenticationToken":          invoke.ErrAccessDenied,
	"MissingAuthenticationTokenException": invoke.ErrAccessDenied,
	"UnrecognizedClientException":         invoke.ErrAccessDenied,

	// Both have status 403, but concern the function's file system.
	"EFSMountFailureException":     invoke.ErrUnavailable,
	"S3FilesMountFailureException": invoke.ErrUnavailable,

	// The event itself is refused. Endless retries would block the shard, so it counts as a function error.
	"InvalidRequestContentException": nil,
}

// byStatus are the errors of the API that are not in byCode. All others did not run either: "Error codes are reserved
// for errors that prevent your function from executing" (the API's reference of Invoke).
var byStatus = map[int]error{
	http.StatusUnauthorized:          invoke.ErrAccessDenied,
	http.StatusForbidden:             invoke.ErrAccessDenied,
	http.StatusNotFound:              invoke.ErrFunctionNotFound,
	http.StatusRequestEntityTooLarge: invoke.ErrTooLarge,
	http.StatusTooManyRequests:       invoke.ErrThrottled,
}

// classify returns err with the reason why the function did not run, if it did not. Without an answer the function may
// have run if the request was sent.
func classify(err error, sent bool) error {
	var reason error
	if status := statusOf(err); status >= http.StatusMultipleChoices {
		reason = refusal(err, status)
	} else if !sent {
		reason = invoke.ErrUnavailable
	}
	if reason == nil {
		return err
	}
	return fmt.Errorf("%w: %w", reason, err)
}

// refusal returns the meaning of an answer other than 200.
func refusal(err error, status int) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		if _, ok := retry.DefaultThrottleErrorCodes[api.ErrorCode()]; ok {
			return invoke.ErrThrottled
		}
		if reason, ok := byCode[api.ErrorCode()]; ok {
			return reason
		}
	}
	if reason, ok := byStatus[status]; ok {
		return reason
	}
	return invoke.ErrUnavailable
}

// statusOf returns the status of the answer, 0 without one. An error of the API that the Client itself made has none;
// it counts as a refusal, because it reports one.
func statusOf(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) && answer.HTTPStatusCode() != 0 {
		return answer.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return http.StatusBadRequest
	}
	return 0
}
