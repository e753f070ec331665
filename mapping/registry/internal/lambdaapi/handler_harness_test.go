package lambdaapi

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

const (
	testUUID   = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"
	testStream = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	testARN    = "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:" + testUUID
)

// The errors of the operations, in the words that AWS has for them.

func invalid(message string) *Error { return refusal(400, "InvalidParameterValueException", message) }

func inUse() *Error {
	return refusal(400, codeResourceInUse, "Cannot update the event source mapping because it is in use.")
}

func contended() *Error { return refusal(429, "TooManyRequestsException", "Rate exceeded") }

func notFound() *Error {
	return refusal(404, codeResourceNotFound, "The resource you requested does not exist.")
}

func conflict() *Error {
	return refusal(409, "ResourceConflictException", `The event source arn (" s ") and function (" f ") provided mapping already exists. `+
		`Please update or delete the existing mapping with UUID u`)
}

func refusal(status int, code, message string) *Error {
	return &Error{Code: code, Status: status, Type: "User", Message: message}
}

// spy is operations that record their inputs and return what the fields say.
type spy struct {
	mu    sync.Mutex
	calls []call

	configuration Configuration
	page          ListOutput
	tags          map[string]string
	err           error
	panics        any
}

// call is one call of an operation: its name, the UUID or the ARN, and the rest of what it was given.
type call struct {
	name   string
	target string
	in     any
}

func (s *spy) did(name, target string, in any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call{name, target, in})
	if s.panics != nil {
		panic(s.panics)
	}
	return s.err
}

func (s *spy) Create(_ context.Context, in CreateInput) (Configuration, error) {
	return s.configuration, s.did("Create", "", in)
}

func (s *spy) Get(_ context.Context, uuid string) (Configuration, error) {
	return s.configuration, s.did("Get", uuid, nil)
}

func (s *spy) List(_ context.Context, in ListInput) (ListOutput, error) {
	return s.page, s.did("List", "", in)
}

func (s *spy) Update(_ context.Context, uuid string, in UpdateInput) (Configuration, error) {
	return s.configuration, s.did("Update", uuid, in)
}

func (s *spy) Delete(_ context.Context, uuid string) (Configuration, error) {
	return s.configuration, s.did("Delete", uuid, nil)
}

func (s *spy) ListTags(_ context.Context, arn string) (map[string]string, error) {
	return s.tags, s.did("ListTags", arn, nil)
}

func (s *spy) TagResource(_ context.Context, arn string, tags map[string]string) error {
	return s.did("TagResource", arn, tags)
}

func (s *spy) UntagResource(_ context.Context, arn string, keys []string) error {
	return s.did("UntagResource", arn, keys)
}

// ask sends one request to a handler over ops that has no auth.
func ask(t testing.TB, ops Operations, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	NewHandler(ops, nil, slog.New(slog.DiscardHandler)).ServeHTTP(w, ring(method, target, body))
	return w
}

func ring(method, target, body string) *http.Request {
	return httptest.NewRequest(method, "http://localhost"+target, bytes.NewReader([]byte(body)))
}

// counted counts what is read of it.
type counted struct {
	io.Reader
	read int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

// full is a configuration in which everything is set.
func full() Configuration {
	return Configuration{
		UUID:                           testUUID,
		StartingPosition:               "AT_TIMESTAMP",
		StartingPositionTimestamp:      time.UnixMilli(1789811731085).UTC(),
		BatchSize:                      500,
		MaximumBatchingWindowInSeconds: 5,
		ParallelizationFactor:          2,
		EventSourceARN:                 testStream,
		FilterCriteria:                 &FilterCriteria{Filters: []Filter{{Pattern: `{"data":{"n":[{"numeric":[">",5]}]}}`}}},
		FunctionARN:                    "arn:aws:lambda:us-east-1:123456789012:function:ship-orders:prod",
		LastModified:                   time.UnixMilli(1789811732640).UTC(),
		LastProcessingResult:           "No records processed",
		State:                          "Creating",
		StateTransitionReason:          "User action",
		DestinationConfig:              DestinationConfig{OnFailure: OnFailure{"arn:aws:sqs:us-east-1:123456789012:dead"}},
		MaximumRecordAgeInSeconds:      3600,
		BisectBatchOnFunctionError:     true,
		MaximumRetryAttempts:           3,
		TumblingWindowInSeconds:        30,
		FunctionResponseTypes:          []string{"ReportBatchItemFailures"},
		EventSourceMappingARN:          testARN,
		MetricsConfig:                  &MetricsConfig{Metrics: []string{"EventCount"}},
	}
}
