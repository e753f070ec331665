package kinesistest

import (
	"errors"
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// wireError is an error in its HTTP form.
type wireError struct {
	status        int
	code, message string
}

const (
	internalFailure = "InternalFailure" // the code of all errors that are not API errors
	tooLarge        = "RequestEntityTooLargeException"
)

// faultOf returns the HTTP form of an error.
func faultOf(err error) wireError {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return wireError{http.StatusInternalServerError, internalFailure, err.Error()}
	}
	status := http.StatusBadRequest
	broken, ok := errors.AsType[*httpError](err)
	switch {
	case ok:
		status = broken.status
	case api.ErrorFault() == smithy.FaultServer || api.ErrorCode() == internalFailure:
		status = http.StatusInternalServerError
	case api.ErrorCode() == tooLarge:
		status = http.StatusRequestEntityTooLarge
	}
	return wireError{status, api.ErrorCode(), api.ErrorMessage()}
}

// encode appends the error in a form.
func (f wireError) encode(buf []byte, as wire.Form) []byte {
	return wire.EncodeError(buf, as, f.code, f.message)
}
