package invoke

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Values of a Result, as AWS writes them.
const (
	unhandled     = "Unhandled"
	latestVersion = "$LATEST"
	statusOK      = 200
)

// errorDocument returns the payload of a function that failed with err, in AWS's form:
// {"errorMessage":"…","errorType":"…"}. User errors are printed with fmt, which recovers a panic of an Error method.
func errorDocument(err error, requestID string, now time.Time) []byte {
	var timeout *TimeoutError
	var panicked *PanicError
	switch {
	case errors.As(err, &panicked):
		return document(fmt.Sprintf("%v", panicked.Value), typeName(panicked.Value))
	case errors.As(err, &timeout):
		// AWS sends no errorType here.
		return document(now.UTC().Format("2006-01-02T15:04:05.000Z")+" "+requestID+" Task "+timeout.words(), "")
	case errors.Is(err, errGoexit):
		return document("RequestId: "+requestID+" Error: Runtime exited without providing a reason", "Runtime.ExitError")
	}
	return document(fmt.Sprintf("%v", err), typeName(err))
}

func document(message, errorType string) []byte {
	dst := appendString([]byte(`{"errorMessage":`), message)
	if errorType != "" {
		dst = appendString(append(dst, `,"errorType":`...), errorType)
	}
	return append(dst, '}')
}

// typeName returns the name of v's type as aws-lambda-go does: without package and pointer, "errorString" for the
// errors of errors.New.
func typeName(v any) string {
	name, _, _ := strings.Cut(fmt.Sprintf("%T", v), "[") // the parameters of a generic type contain dots too
	return strings.TrimLeft(name[strings.LastIndexByte(name, '.')+1:], "*")
}
