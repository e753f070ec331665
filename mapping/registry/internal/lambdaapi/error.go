package lambdaapi

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is the answer to a request that is refused, or that failed. It has the fields of registry.Error.
type Error struct {
	Code    string // AWS's
	Status  int    // of the answer
	Type    string // "User", "Service", or empty
	Message string
	Err     error // the cause, which is logged and never sent
}

// Error returns the code, the message, and the cause.
func (e *Error) Error() string {
	s := "lambdaapi: " + e.Code + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// The codes of errors that a request can have before its operation. Source: the framework that Lambda's API shares with
// other AWS APIs.
const (
	codeSerialization    = "SerializationException"
	codeTooLarge         = "RequestEntityTooLargeException"
	codeUnknownOperation = "UnknownOperationException"
	codeAccessDenied     = "AccessDeniedException"
)

// The codes of operations whose answers have a form of their own.
const (
	codeService          = "ServiceException"
	codeResourceInUse    = "ResourceInUseException"
	codeResourceNotFound = "ResourceNotFoundException"
)

// Failed returns the answer to an error: the *Error that it wraps, or a ServiceException with it as the cause. The text
// is ours.
func Failed(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{
		Code: codeService, Status: http.StatusInternalServerError, Type: "Service",
		Message: "An error occurred and the request cannot be processed.", Err: err,
	}
}

// unknownOperation is the answer to a path or a method of none of the operations. AWS writes it in XML, which SDKs of
// this API cannot parse; the message is ours.
func unknownOperation() *Error {
	return &Error{Code: codeUnknownOperation, Status: http.StatusNotFound, Message: "There is no such operation."}
}

// tooLarge is the answer to a body of more than maxBody. Source: public reports of other operations.
func tooLarge(operation string) *Error {
	return &Error{
		Code: codeTooLarge, Status: http.StatusRequestEntityTooLarge, Type: "User",
		Message: fmt.Sprintf("Request must be smaller than %d bytes for the %s operation", maxBody, operation),
	}
}

// crossOrigin is the answer to a browser's request for a page of another origin. Otherwise a loopback server without
// signatures would serve every page that its user opens. Code and message are ours; AWS requires a signature.
func crossOrigin() *Error {
	return &Error{
		Code: codeAccessDenied, Status: http.StatusForbidden,
		Message: "Requests that a browser makes for a page from another origin are not served.",
	}
}

// mistyped is the answer to a member of a wrong type.
func mistyped(message string) *Error {
	return &Error{Code: codeSerialization, Status: http.StatusBadRequest, Message: message}
}

// unreadable is the answer to a body that is not a JSON object. AWS gives no message with it; this one begins like that
// of another code, InvalidRequestContentException, and is ours.
func unreadable(why string) *Error { return mistyped("Could not parse request body into json: " + why) }

// malformedQuery is the answer to a malformed query string. Code and message are ours.
func malformedQuery() *Error { return mistyped("Could not parse the query string") }
