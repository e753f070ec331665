package servicemodel

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Request is a request as it is sent.
type Request struct {
	Method string
	Path   string // escaped
	Query  string // without its question mark
	Header http.Header
	Body   []byte
}

// Answer is an answer as it is received.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// The types of bodies.
const (
	jsonType  = "application/json"
	cborType  = "application/x-amz-cbor-1.1"
	formType  = "application/x-www-form-urlencoded"
	eventType = "application/vnd.amazon.eventstream"
)

// Request checks a request, and returns the name of its operation, which is empty for one that the model does not have.
func (m *Model) Request(r Request) (operation string, report Report) {
	c := check{Model: m}
	switch {
	case m.isREST():
		operation = c.restRequest(r)
	case m.metadata.Protocol == "json":
		operation = c.jsonRequest(r)
	case m.metadata.Protocol == "query":
		operation = c.queryRequest(r)
	default:
		c.unchecked(m.metadata.ServiceID, Protocol, "the protocol %q is not known here", m.metadata.Protocol)
	}
	return operation, c.Report
}

// jsonRequest checks a request of AWS JSON, or of CBOR 1.1.
func (c *check) jsonRequest(r Request) string {
	c.onlyPost(r)
	prefix, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if prefix != c.metadata.TargetPrefix {
		c.problem(name, Protocol, "the target prefix is %q, not %q", prefix, c.metadata.TargetPrefix)
	}
	op := c.operation(name)
	if op == nil {
		return ""
	}
	tree, ok := c.body(name, r.Header.Get("Content-Type"), r.Body)
	if ok {
		c.whole(name, op.Input, tree)
	}
	return name
}

// onlyPost checks method and address of the protocols that have one of each.
func (c *check) onlyPost(r Request) {
	if r.Method != http.MethodPost || r.Path != "/" && r.Path != "" || r.Query != "" {
		c.problem(c.metadata.ServiceID, Protocol, "%s %s?%s is not POST /", r.Method, r.Path, r.Query)
	}
}

// body decodes a body of AWS JSON or CBOR 1.1, by its type.
func (c *check) body(path, contentType string, body []byte) (any, bool) {
	var tree any
	var err error
	switch contentType {
	case "application/x-amz-json-" + c.metadata.JSONVersion:
		tree, err = fromJSON(body)
	case cborType:
		c.binary = true
		tree, err = fromCBOR(body)
	default:
		if len(body) == 0 && contentType == "" {
			return nil, true
		}
		err = fmt.Errorf("the content's type is %q", contentType)
	}
	if err != nil {
		c.problem(path, Protocol, "%v", err)
	}
	return tree, err == nil
}

// Answer checks the answer to an operation, be it an error or not.
func (m *Model) Answer(operation string, a Answer) Report {
	c := check{Model: m}
	op := c.operation(operation)
	switch {
	case op == nil:
	case m.metadata.Protocol != "json" && m.metadata.Protocol != "rest-json":
		c.unchecked(operation, Protocol, "answers of the protocol %q are not read here", m.metadata.Protocol)
	case a.Status >= http.StatusMultipleChoices:
		c.refusal(op, a)
	case a.Header.Get("Content-Type") == eventType:
		c.events(op, a.Body)
	case m.isREST():
		c.restAnswer(op, a)
	default:
		c.jsonAnswer(op, a)
	}
	return c.Report
}

func (c *check) jsonAnswer(op *operation, a Answer) {
	path := op.name + " answer"
	if a.Status != http.StatusOK {
		c.problem(path, Protocol, "the status is %d", a.Status)
	}
	if tree, ok := c.body(path, a.Header.Get("Content-Type"), a.Body); ok {
		c.whole(path, op.Output, tree)
	}
}

// commonErrors are those that every operation of AWS may answer, and that the models leave out, with their statuses.
// Sources: "Common Errors" in the API references of Kinesis and Lambda; SerializationException and the forms of signature
// errors of AWS's JSON protocols are from recorded answers.
var commonErrors = map[string]int{
	"AccessDeniedException": 400, "ExpiredTokenException": 400, "IncompleteSignatureException": 400,
	"InternalFailure": 500, "InvalidSignatureException": 400, "MissingAuthenticationTokenException": 400,
	"OptInRequired": 403, "RequestEntityTooLargeException": 413, "RequestExpired": 400, "SerializationException": 400,
	"ServiceUnavailable": 503, "ThrottlingException": 400, "UnknownOperationException": 400,
	"UnrecognizedClientException": 400, "ValidationException": 400,
}

// refusal checks an error.
func (c *check) refusal(op *operation, a Answer) {
	path := op.name + " error"
	tree, ok := c.errorBody(path, a)
	if !ok {
		return
	}
	object, ok := tree.(map[string]any)
	if !ok {
		c.mistyped(path, "structure", tree)
		return
	}
	code := errorCode(a.Header, object)
	delete(object, "__type")
	path = op.name + " " + code
	s := c.exception(op, code)
	if s == nil {
		c.commonError(path, code, a.Status, object)
		return
	}
	if want := errorStatus(s); a.Status != want {
		c.problem(path, Protocol, "the status is %d, not %d", a.Status, want)
	}
	c.members(path, s, c.outside(path, s, a.Header, c.named(path, s, object)))
}

// exception returns the shape of one of an operation's errors, or nil.
func (c *check) exception(op *operation, code string) *shape {
	if !slices.ContainsFunc(op.Errors, func(r reference) bool { return r.Shape == code }) {
		return nil
	}
	return c.shapes[code]
}

// Error checks the name and the decoded members of an error that answers an operation.
func (m *Model) Error(operation, code string, members map[string]any) Report {
	c := check{Model: m}
	op := c.operation(operation)
	if op == nil {
		return c.Report
	}
	path := operation + " " + code
	if s := c.exception(op, code); s != nil {
		c.structure(path, s, members)
	} else {
		c.commonError(path, code, commonErrors[code], members)
	}
	return c.Report
}

func (c *check) errorBody(path string, a Answer) (tree any, ok bool) {
	if !c.isREST() {
		return c.body(path, a.Header.Get("Content-Type"), a.Body)
	}
	tree, err := fromJSON(a.Body)
	if err != nil {
		c.problem(path, Protocol, "%v", err)
	}
	return tree, err == nil
}

// errorCode returns the name of an error: from a header or the body, without the namespace and the address that old services
// put around it.
func errorCode(header http.Header, body map[string]any) string {
	code := header.Get("X-Amzn-Errortype")
	if code == "" {
		code, _ = body["__type"].(string)
	}
	code, _, _ = strings.Cut(code, ":")
	return code[strings.LastIndexByte(code, '#')+1:]
}

// errorStatus returns the status of an answer with an exception.
func errorStatus(s *shape) int {
	switch {
	case s.Error.HTTPStatusCode != 0:
		return s.Error.HTTPStatusCode
	case s.Fault:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// commonError checks an error that the operation's model does not have: it has nothing but a message.
func (c *check) commonError(path, code string, status int, body map[string]any) {
	want, known := commonErrors[code]
	if !known {
		c.problem(path, Unknown, "the operation has no error %q", code)
		return
	}
	// REST uses the statuses of HTTP where it can: 403 and 404 for who may not and what is not there.
	if status != want && (!c.isREST() || status/100 != want/100) {
		c.problem(path, Protocol, "the status is %d, not %d", status, want)
	}
	for name, v := range body {
		_, isText := v.(string)
		if !isText && v != nil || !slices.Contains([]string{"message", "Message", "Type"}, name) {
			c.problem(path+"."+name, Unknown, "the error has no such member, or it is no string")
		}
	}
}

// ErrorCode returns the name of the error in an answer, and an empty string for any other answer.
func ErrorCode(a Answer) string {
	if a.Status < http.StatusMultipleChoices {
		return ""
	}
	tree, err := fromJSON(a.Body)
	if a.Header.Get("Content-Type") == cborType {
		tree, err = fromCBOR(a.Body)
	}
	object, _ := tree.(map[string]any)
	if err != nil {
		object = nil
	}
	return errorCode(a.Header, object)
}
