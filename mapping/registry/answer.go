package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// The codes of errors that a request over HTTP can have before its operation. Source: the framework that Lambda's API
// shares with other AWS APIs.
const (
	codeSerialization    = "SerializationException"
	codeTooLarge         = "RequestEntityTooLargeException"
	codeUnknownOperation = "UnknownOperationException"
	codeAccessDenied     = "AccessDeniedException"
)

// respond writes a successful answer.
func respond(w http.ResponseWriter, status int, body []byte) {
	if status != http.StatusNoContent {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // A client that has disconnected needs no answer.
}

// refuse writes an error as AWS does: its code in a header, type and message in the body.
func refuse(w http.ResponseWriter, e *Error) {
	body := struct {
		Type    string  `json:",omitempty"`
		Upper   *string `json:"Message,omitempty"`
		Message *string `json:"message,omitempty"`
	}{Type: e.Type, Message: &e.Message}
	if upper(e.Code) {
		body.Upper, body.Message = body.Message, nil
	}
	// Strings alone can always be encoded.
	text, _ := encode(body)
	w.Header().Set("X-Amzn-Errortype", e.Code)
	respond(w, e.Status, text)
}

// upper reports whether the message of an error is a member "Message", and not "message": botocore is case sensitive.
// Source: Lambda's service model, and recorded answers.
func upper(code string) bool {
	return code == CodeService || code == CodeResourceInUse || code == CodeResourceNotFound
}

// encode writes JSON as AWS does: without escaping <, > and &.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// unknownOperation is the answer to a path or a method of none of the operations. AWS writes it in XML, which SDKs of
// this API cannot parse; the message is ours.
func unknownOperation() *Error {
	return &Error{Code: codeUnknownOperation, Status: http.StatusNotFound, Message: "There is no such operation."}
}

// tooLarge is the answer to a body of more than maxBody. Source: public reports of other operations.
func tooLarge(operation string) *Error {
	return &Error{
		Code: codeTooLarge, Status: http.StatusRequestEntityTooLarge, Type: user,
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
