package mapping

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/poller"
)

// unsaid is the SDK's code, and message, for an error whose answer has none.
const unsaid = "UnknownError"

// message returns the service's message, without the path of our own calls. If there is none, as in a proxy's HTML, it
// returns the status of the answer, and the code if there is one.
func message(err error) string {
	if e, ok := errors.AsType[*poller.Error](err); ok {
		err = e.Err
	}
	code := ""
	if said, ok := errors.AsType[interface {
		error
		ErrorCode() string
		ErrorMessage() string
	}](err); ok {
		if m := said.ErrorMessage(); m != "" && m != unsaid {
			return m
		}
		code = said.ErrorCode()
	}
	status := statusOf(err)
	if code == unsaid || code == "" {
		code = http.StatusText(status)
	}
	switch garbled, ok := errors.AsType[*smithy.DeserializationError](err); {
	case status/100 == 2 && ok:
		return fmt.Sprintf("HTTP %d: %v", status, garbled.Err)
	case status/100 == 2, status == 0 && code == "":
		return err.Error()
	case status == 0:
		return code
	case code == "":
		return fmt.Sprintf("HTTP %d", status)
	}
	return fmt.Sprintf("HTTP %d (%s)", status, code)
}

// statusOf returns the HTTP status of an error's answer, or 0 if there was none.
func statusOf(err error) int {
	e, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	if !ok {
		return 0
	}
	return e.HTTPStatusCode()
}
