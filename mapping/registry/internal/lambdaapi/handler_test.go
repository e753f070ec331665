package lambdaapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const fullOnTheWire = `{"UUID":"14e0db71-5d35-4eb5-b481-8945cf9d10c2","StartingPosition":"AT_TIMESTAMP",` +
	`"StartingPositionTimestamp":1789811731.085,"BatchSize":500,"MaximumBatchingWindowInSeconds":5,"ParallelizationFactor":2,` +
	`"EventSourceArn":"arn:aws:kinesis:us-east-1:123456789012:stream/orders",` +
	`"FilterCriteria":{"Filters":[{"Pattern":"{\"data\":{\"n\":[{\"numeric\":[\">\",5]}]}}"}]},` +
	`"FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:ship-orders:prod","LastModified":1789811732.64,` +
	`"LastProcessingResult":"No records processed","State":"Creating","StateTransitionReason":"User action",` +
	`"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:123456789012:dead"}},"MaximumRecordAgeInSeconds":3600,` +
	`"BisectBatchOnFunctionError":true,"MaximumRetryAttempts":3,"TumblingWindowInSeconds":30,` +
	`"FunctionResponseTypes":["ReportBatchItemFailures"],` +
	`"EventSourceMappingArn":"arn:aws:lambda:us-east-1:123456789012:event-source-mapping:14e0db71-5d35-4eb5-b481-8945cf9d10c2",` +
	`"MetricsConfig":{"Metrics":["EventCount"]}}`

const bareOnTheWire = `{"UUID":"14e0db71-5d35-4eb5-b481-8945cf9d10c2","StartingPosition":"LATEST","BatchSize":100,` +
	`"MaximumBatchingWindowInSeconds":0,"ParallelizationFactor":1,"EventSourceArn":"s","FunctionArn":"f","LastModified":1789811700,` +
	`"LastProcessingResult":"No records processed","State":"Enabled","StateTransitionReason":"User action",` +
	`"DestinationConfig":{"OnFailure":{}},"MaximumRecordAgeInSeconds":-1,"BisectBatchOnFunctionError":false,` +
	`"MaximumRetryAttempts":-1,"TumblingWindowInSeconds":0,"FunctionResponseTypes":[],"EventSourceMappingArn":"a"}`

// bare is a mapping with AWS's defaults, in an answer some time after its last change.
func bare() Configuration {
	return Configuration{
		UUID: testUUID, StartingPosition: "LATEST", BatchSize: 100, ParallelizationFactor: 1, EventSourceARN: "s",
		FunctionARN: "f", LastModified: time.Unix(1789811700, 0), LastProcessingResult: "No records processed", State: "Enabled",
		StateTransitionReason: "User action", MaximumRecordAgeInSeconds: -1, MaximumRetryAttempts: -1, EventSourceMappingARN: "a",
	}
}

func TestAnswersAreInTheWiresOrder(t *testing.T) {
	for want, c := range map[string]Configuration{fullOnTheWire: full(), bareOnTheWire: bare()} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			assert.Equal(t, want, ask(t, &spy{configuration: c}, method, mappingsPath+"/"+testUUID, "").Body.String())
		}
		assert.Equal(t, want, ask(t, &spy{configuration: c}, "POST", mappingsPath, "{}").Body.String())
	}
	for want, page := range map[string]ListOutput{
		`{"NextMarker":null,"EventSourceMappings":[]}`:                      {},
		`{"NextMarker":"m","EventSourceMappings":[` + bareOnTheWire + `]}`:  {NextMarker: "m", EventSourceMappings: []Configuration{bare()}},
		`{"NextMarker":null,"EventSourceMappings":[` + fullOnTheWire + `]}`: {EventSourceMappings: []Configuration{full()}},
	} {
		assert.Equal(t, want, ask(t, &spy{page: page}, "GET", mappingsPath, "").Body.String())
	}
	assert.Equal(t, `{"Tags":{}}`, ask(t, &spy{}, "GET", tagsPath+testARN, "").Body.String())
	assert.Equal(t, `{"Tags":{"a":"<&>","b":""}}`,
		ask(t, &spy{tags: map[string]string{"b": "", "a": "<&>"}}, "GET", tagsPath+testARN, "").Body.String())
}

func TestAnswersHaveTheHeadersOfAWS(t *testing.T) {
	w := ask(t, &spy{}, "GET", mappingsPath, "")
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.NoError(t, uuid.Validate(w.Header().Get("x-amzn-RequestId")))
	assert.Empty(t, w.Header().Get("x-amzn-errortype"))

	again := ask(t, &spy{}, "GET", "/nowhere", "")
	assert.NoError(t, uuid.Validate(again.Header().Get("x-amzn-RequestId")))
	assert.NotEqual(t, w.Header().Get("x-amzn-RequestId"), again.Header().Get("x-amzn-RequestId"))

	w = ask(t, &spy{}, "POST", tagsPath+testARN, `{"Tags":{"a":"b"}}`)
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Empty(t, w.Body.String())
	assert.Empty(t, w.Header().Get("Content-Type"))
}

func TestErrorsAreWrittenAsAWSWritesThem(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
		body   string
	}{
		{invalid("Stream not found: arn"), 400, "InvalidParameterValueException", `{"Type":"User","message":"Stream not found: arn"}`},
		{conflict(), 409, "ResourceConflictException", `{"Type":"User","message":"The event source arn (\" s \") and function ` +
			`(\" f \") provided mapping already exists. Please update or delete the existing mapping with UUID u"}`},
		{notFound(), 404, codeResourceNotFound, `{"Type":"User","Message":"The resource you requested does not exist."}`},
		{
			inUse(), 400, codeResourceInUse,
			`{"Type":"User","Message":"Cannot update the event source mapping because it is in use."}`,
		},
		{contended(), 429, "TooManyRequestsException", `{"Type":"User","message":"Rate exceeded"}`},
		{
			&Error{Code: "ValidationException", Status: 400, Message: "1 <validation> error"}, 400, "ValidationException",
			`{"message":"1 <validation> error"}`,
		},
		{
			errors.New("a secret"), 500, codeService,
			`{"Type":"Service","Message":"An error occurred and the request cannot be processed."}`,
		},
		{
			errors.Join(errors.New("x"), notFound()), 404, codeResourceNotFound,
			`{"Type":"User","Message":"The resource you requested does not exist."}`,
		},
	} {
		for _, r := range [][2]string{
			{"POST", mappingsPath},
			{"GET", mappingsPath},
			{"GET", mappingsPath + "/u"},
			{"PUT", mappingsPath + "/u"},
			{"DELETE", mappingsPath + "/u"},
			{"GET", tagsPath + testARN},
			{"POST", tagsPath + testARN},
			{"DELETE", tagsPath + testARN},
		} {
			w := ask(t, &spy{err: c.err}, r[0], r[1], "")
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.code, w.Header().Get("x-amzn-errortype"))
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			assert.Equal(t, c.body, w.Body.String())
		}
	}
}

func TestWhatCannotBeReadReachesNoOperation(t *testing.T) {
	for _, r := range [][3]string{
		{"POST", mappingsPath, `{"BatchSize":"1"}`},
		{"PUT", mappingsPath + "/u", `{"BatchSize":"1"}`},
		{"GET", mappingsPath + "?MaxItems=x", ""},
	} {
		ops := &spy{}
		w := ask(t, ops, r[0], r[1], r[2])
		assert.Equal(t, http.StatusBadRequest, w.Code)
		assert.Equal(t, "SerializationException", w.Header().Get("x-amzn-errortype"))
		assert.Equal(t, `{"message":"STRING_VALUE can not be converted to an Integer"}`, w.Body.String())
		assert.Empty(t, ops.calls)
	}
	ops := &spy{}
	assert.Equal(t, `{"message":"Expected map or null"}`, ask(t, ops, "POST", tagsPath+testARN, `{"Tags":1}`).Body.String())
	assert.Empty(t, ops.calls)
}

// A body is not read beyond its bound, whether or not the request has its length.
func TestBodiesAreBounded(t *testing.T) {
	for _, c := range []struct {
		length int64
		size   int
		read   int
		want   int
	}{
		{maxBody, maxBody, maxBody, 202},
		{-1, maxBody, maxBody, 202},
		{maxBody + 1, maxBody + 1, 0, 413},
		{-1, 16 * maxBody, maxBody + 1, 413},
	} {
		body := &counted{Reader: io.LimitReader(io.MultiReader(strings.NewReader(`{"x":"`),
			io.LimitReader(endless('y'), int64(min(c.size, maxBody)-8)), strings.NewReader(`"}`), endless(' ')), int64(c.size))}
		r := ring("POST", mappingsPath, "")
		r.Body, r.ContentLength = io.NopCloser(body), c.length
		w := httptest.NewRecorder()
		NewHandler(&spy{}, nil, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		assert.Equal(t, c.want, w.Code)
		assert.Equal(t, c.read, body.read)
		if c.want == 413 {
			assert.Equal(t, "RequestEntityTooLargeException", w.Header().Get("x-amzn-errortype"))
			assert.JSONEq(t, `{"Type":"User","message":"Request must be smaller than 262144 bytes for the `+
				`CreateEventSourceMapping operation"}`, w.Body.String())
		}
	}
}

// endless is a reader of one byte without end.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestABodyThatEndsEarlyIsRefused(t *testing.T) {
	ops := &spy{}
	r := ring("PUT", mappingsPath+"/u", "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{}`), broken{}))
	w := httptest.NewRecorder()
	NewHandler(ops, nil, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Empty(t, ops.calls)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// What may not come in is not read any further, and what may has its body whole.
func TestAuthComesBeforeTheOperation(t *testing.T) {
	var seen []string
	auth := func(r *http.Request, body []byte) *Error {
		seen = append(seen, r.Method+" "+string(body))
		if r.Header.Get("Authorization") == "" {
			return &Error{Code: "MissingAuthenticationTokenException", Status: 403, Message: "Missing Authentication Token"}
		}
		return nil
	}
	ops := &spy{}
	h := NewHandler(ops, auth, slog.New(slog.DiscardHandler))

	w := httptest.NewRecorder()
	h.ServeHTTP(w, ring("POST", mappingsPath, `{"BatchSize":"x"}`))
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Equal(t, `{"message":"Missing Authentication Token"}`, w.Body.String())
	assert.Empty(t, ops.calls)

	r := ring("POST", mappingsPath, `{"FunctionName":"f"}`)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, http.StatusAccepted, w.Code)
	assert.Equal(t, []call{{"Create", "", CreateInput{FunctionName: "f"}}}, ops.calls)
	assert.Equal(t, []string{`POST {"BatchSize":"x"}`, `POST {"FunctionName":"f"}`}, seen)
}

func TestABrowserServesNoPageFromElsewhere(t *testing.T) {
	for _, header := range [][2]string{{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}} {
		ops := &spy{}
		r := ring("POST", mappingsPath, "{}")
		r.Header.Set(header[0], header[1])
		w := httptest.NewRecorder()
		NewHandler(ops, nil, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		assert.Equal(t, http.StatusForbidden, w.Code)
		assert.Equal(t, "AccessDeniedException", w.Header().Get("x-amzn-errortype"))
		assert.Empty(t, ops.calls)
	}
}

func TestAPanicIsAServiceException(t *testing.T) {
	var lines bytes.Buffer
	h := NewHandler(&spy{panics: "boom"}, nil, slog.New(slog.NewJSONHandler(&lines, nil)))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, ring("PUT", mappingsPath+"/u", `{"KMSKeyArn":"hush"}`))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, codeService, w.Header().Get("x-amzn-errortype"))
	assert.NotContains(t, w.Body.String(), "boom")

	var line map[string]string
	require.NoError(t, json.Unmarshal(lines.Bytes(), &line), "one line")
	assert.Equal(t, "ERROR", line["level"])
	assert.Equal(t, "UpdateEventSourceMapping", line["operation"])
	assert.Equal(t, w.Header().Get("x-amzn-RequestId"), line["requestId"])
	assert.Contains(t, line["error"], "panic: boom")
	assert.Contains(t, line["error"], "(*spy).Update", "the stack")
	assert.NotContains(t, line["error"], "hush")
}

func TestOnlyWhatSomeoneShouldActOnIsLogged(t *testing.T) {
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	for _, err := range []error{nil, notFound(), invalid("x"), contended()} {
		NewHandler(&spy{err: err}, nil, log).ServeHTTP(httptest.NewRecorder(), ring("POST", mappingsPath, `{"KMSKeyArn":"hush"}`))
	}
	NewHandler(&spy{}, nil, log).ServeHTTP(httptest.NewRecorder(), ring("POST", mappingsPath, `{"KMSKeyArn":"hush"`))
	assert.Empty(t, lines.String())

	NewHandler(&spy{err: Failed(errors.New("the store is gone"))}, nil, log).
		ServeHTTP(httptest.NewRecorder(), ring("POST", mappingsPath, `{"KMSKeyArn":"hush"}`))
	assert.Contains(t, lines.String(), "the store is gone")
	assert.NotContains(t, lines.String(), "hush")
	assert.Equal(t, 1, strings.Count(lines.String(), "\n"))
}

// A filter that can't be read must not be dropped: what is listed might be deleted next.
func TestAQueryThatCanNotBeReadIsRefused(t *testing.T) {
	for method, target := range map[string]string{
		"GET":    mappingsPath + "?EventSourceArn=a&FunctionName=%zz",
		"DELETE": tagsPath + testARN + "?tagKeys=a&tagKeys=b%",
	} {
		ops := &spy{}
		w := ask(t, ops, method, target, "")
		assert.Equal(t, 400, w.Code)
		assert.Equal(t, "SerializationException", w.Header().Get("X-Amzn-Errortype"))
		assert.JSONEq(t, `{"message":"Could not parse the query string"}`, w.Body.String())
		assert.Empty(t, ops.calls)
	}
}
