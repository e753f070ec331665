package registry

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/mapping/registry/internal/lambdaapi"
)

// The codes of Error, which are AWS's.
const (
	CodeInvalidParameterValue = "InvalidParameterValueException" // 400: the request contradicts itself, or names something unknown
	CodeResourceConflict      = "ResourceConflictException"      // 409: another mapping has the same source and function
	CodeResourceInUse         = "ResourceInUseException"         // 400: the mapping is between two states
	CodeResourceNotFound      = "ResourceNotFoundException"      // 404: there is no such mapping
	CodeService               = "ServiceException"               // 500: a dependency of the Registry failed
	CodeTooManyRequests       = "TooManyRequestsException"       // 429: others kept changing the same mapping
	CodeValidation            = "ValidationException"            // 400: a value is out of its range
)

// Error is the refusal of an operation, in AWS's words. It is a smithy.APIError, like the SDK's own errors.
type Error struct {
	// Code is one of the constants, or that of an Error that Config.Admit returned.
	Code string

	// Status is the code of the answer over HTTP.
	Status int

	// Type is "User" or "Service"; it is empty under CodeValidation, as on AWS.
	Type string

	// Message is AWS's text where that is known. docs/api.md says which ones are ours.
	Message string

	// Err is the cause of a ServiceException. It is logged, and never sent over HTTP.
	Err error
}

var _ smithy.APIError = (*Error)(nil)

// Error returns the code, the message, and the cause.
func (e *Error) Error() string {
	s := "registry: " + e.Code + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// ErrorCode implements smithy.APIError.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage implements smithy.APIError.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault implements smithy.APIError.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Status >= http.StatusInternalServerError {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// user is the type of errors that the caller can correct.
const user = "User"

func invalid(format string, args ...any) *Error {
	return &Error{Code: CodeInvalidParameterValue, Status: http.StatusBadRequest, Type: user, Message: fmt.Sprintf(format, args...)}
}

func conflict(source, function, uuid string) *Error {
	return &Error{Code: CodeResourceConflict, Status: http.StatusConflict, Type: user, Message: fmt.Sprintf(
		`The event source arn (" %s ") and function (" %s ") provided mapping already exists. `+
			`Please update or delete the existing mapping with UUID %s`, source, function, uuid)}
}

func notFound() *Error {
	return &Error{Code: CodeResourceNotFound, Status: http.StatusNotFound, Type: user, Message: "The resource you requested does not exist."}
}

// inUse is the answer to an update, or a delete, of a mapping between two states. Source: public reports.
func inUse(verb string) *Error {
	return &Error{
		Code: CodeResourceInUse, Status: http.StatusBadRequest, Type: user,
		Message: "Cannot " + verb + " the event source mapping because it is in use.",
	}
}

// failed is the answer to an internal failure.
func failed(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return (*Error)(lambdaapi.Failed(err))
}

// contended is the answer if others were always faster. The text is ours.
func contended() *Error {
	return &Error{Code: CodeTooManyRequests, Status: http.StatusTooManyRequests, Type: user, Message: "Rate exceeded"}
}
