package httpfunc_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	httpfunc "github.com/shardmill/shardmill/invoke/http"
)

func TestStatusesAreSortedByWhatToDo(t *testing.T) {
	ran, failed := error(nil), errors.New("function error")
	for _, c := range []struct {
		status          int
		body            string
		plain, emulator error
	}{
		{200, "", ran, ran},
		{200, "ok", ran, ran},
		{202, "null", ran, ran},
		{204, "", ran, ran},
		{302, "", invoke.ErrUnavailable, invoke.ErrUnavailable},
		{308, "", invoke.ErrUnavailable, invoke.ErrUnavailable},
		{400, "", failed, invoke.ErrThrottled},
		{400, "what?", failed, failed},
		{401, "", invoke.ErrAccessDenied, invoke.ErrAccessDenied},
		{403, "", invoke.ErrAccessDenied, invoke.ErrAccessDenied},
		{404, "", invoke.ErrFunctionNotFound, invoke.ErrFunctionNotFound},
		{405, "", failed, failed},
		{409, "", failed, failed},
		{413, "", invoke.ErrTooLarge, invoke.ErrTooLarge},
		{429, "", invoke.ErrThrottled, invoke.ErrThrottled},
		{500, "", failed, invoke.ErrUnavailable},
		{502, "", failed, failed},
		{503, "", invoke.ErrUnavailable, invoke.ErrUnavailable},
		{504, "", failed, failed},
		{599, "", failed, failed},
	} {
		for path, want := range map[string]error{"/": c.plain, httpfunc.EmulatorPath: c.emulator} {
			t.Run(fmt.Sprint(c.status, c.body, path), func(t *testing.T) {
				got, outcome := run(t, serve(t, path, status(c.status, c.body)))
				switch {
				case errors.Is(want, ran):
					assert.Equal(t, batch.Success, outcome.Kind)
					assert.Equal(t, c.body, string(got.Payload))
				case errors.Is(want, failed):
					assert.Equal(t, batch.FunctionError, outcome.Kind)
				default:
					require.ErrorIs(t, got.Err, want)
					assert.NotEqual(t, batch.FunctionError, outcome.Kind)
				}
			})
		}
	}
}

func TestStatusOfAFailureIsInItsErrorDocument(t *testing.T) {
	for body, want := range map[string]string{
		"":                          `{"errorMessage":"500 Internal Server Error:","errorType":"HTTP.500"}`,
		"no <tea>":                  `{"errorMessage":"500 Internal Server Error: no <tea>","errorType":"HTTP.500"}`,
		`{"errorMessage":"no tea"}`: `{"errorMessage":"no tea"}`,
	} {
		got, outcome := run(t, serve(t, "/", status(500, body)))
		assert.Equal(t, batch.FunctionError, outcome.Kind)
		assert.Equal(t, "Unhandled", got.FunctionError)
		assert.JSONEq(t, want, string(got.Payload))
		assert.ErrorContains(t, got.Err, ": 500 Internal Server Error: "+body)
		assert.Equal(t, 200, got.StatusCode, "as on AWS for a function that failed")
	}
}

func TestEmulatorsFailuresAreToldByTheirDocument(t *testing.T) {
	for answer, payload := range map[string]string{ // the document of a failure; empty for a success
		`{"errorMessage":"no tea","errorType":"Error","trace":[]}`: `{"errorMessage":"no tea","errorType":"Error","trace":[]}`,
		` {"errorMessage":"no tea"} `:                              `{"errorMessage":"no tea"}`,
		`{"errorType":"java.lang.Error","errorMessage":null}`:      `{"errorType":"java.lang.Error","errorMessage":null}`,
		"Task timed out after 300.00 seconds":                      `{"errorMessage":"Task timed out after 300.00 seconds"}`,
		`{"errorMessage":"1 of 2","batchItemFailures":[]}`:         "",
		`{"errorMessage":"1 of 2","state":{}}`:                     "",
		`{"errorMessage":null,"errorType":null}`:                   "",
		`{"errors":0}`:                                             "",
		`["errorMessage"]`:                                         "",
		`"errorMessage"`:                                           "",
		`{"errorMessage":`:                                         "",
		"":                                                         "",
	} {
		got, outcome := run(t, serve(t, httpfunc.EmulatorPath, status(200, answer)))
		plain, _ := run(t, serve(t, "/", status(200, answer)))
		assert.Empty(t, plain.FunctionError, "a plain URL answers what it likes: %s", answer)
		if payload == "" {
			assert.Equal(t, batch.Success, outcome.Kind, "%s", answer)
			continue
		}
		assert.Equal(t, batch.FunctionError, outcome.Kind, "%s", answer)
		assert.Equal(t, "Unhandled", got.FunctionError)
		assert.JSONEq(t, payload, string(got.Payload))
	}
}
