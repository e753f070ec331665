package registry_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/servicemodel"
	"github.com/shardmill/shardmill/mapping/registry"
)

const (
	mappingsPath = "/2015-03-31/event-source-mappings"
	allSettings  = `"BatchSize":100,"MaximumBatchingWindowInSeconds":1,"ParallelizationFactor":2,"MaximumRecordAgeInSeconds":60,` +
		`"MaximumRetryAttempts":1,"BisectBatchOnFunctionError":true,"TumblingWindowInSeconds":0,"Enabled":true,` +
		`"FunctionResponseTypes":["ReportBatchItemFailures"],"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:123456789012:q"}},` +
		`"FilterCriteria":{"Filters":[{"Pattern":"{}"}]},"MetricsConfig":{"Metrics":["EventCount"]},"KMSKeyArn":"","FunctionName":"ship-orders"`
)

// ownRule are the variants that we take otherwise than the model has it, each for a reason that docs/api.md gives: an empty
// value of an option of other sources asks for nothing and is passed over.
var ownRule = regexp.MustCompile(`\.(Topics|Queues)=\[\]$`)

// strictAPI is a registry's API whose answers are checked against Lambda's model.
type strictAPI struct {
	*modeltest.Checker
	handler         http.Handler
	refused, passed int
}

// send sends a request and compares the kind of its answer with what the model says of the request.
func (a *strictAPI) send(t *testing.T, method, target, body, what string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://localhost"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	_, report := a.Model().Request(servicemodel.Request{
		Method: method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header, Body: []byte(body),
	})
	w := a.answer(r, body)
	want, got := expected(report), w.Header().Get("X-Amzn-Errortype")
	if got != "ValidationException" && got != "SerializationException" {
		got = ""
	}
	if got != want && !ownRule.MatchString(what) {
		assert.Failf(t, "another strictness", "%s: the model: %q %s; the API: %d %s", what, want, report, w.Code, w.Body)
	}
	if want == "" {
		a.passed++
	} else {
		a.refused++
	}
	return w
}

// answer returns the answer to a request, when the mapping that it is about has settled.
func (a *strictAPI) answer(r *http.Request, body string) *httptest.ResponseRecorder {
	for {
		again := r.Clone(r.Context())
		again.Body = http.NoBody
		if body != "" {
			again = httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(body))
			again.Header = r.Header
		}
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, again)
		if w.Header().Get("X-Amzn-Errortype") != registry.CodeResourceInUse {
			return w
		}
		time.Sleep(time.Second) // of the bubble
	}
}

func expected(r servicemodel.Report) (code string) {
	for _, p := range r.Problems {
		if p.Rule == servicemodel.Type {
			return "SerializationException"
		}
		code = "ValidationException"
	}
	return code
}

func decodeJSON(t *testing.T, text string) any {
	t.Helper()
	var tree any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	require.NoError(t, d.Decode(&tree))
	return tree
}

// vary sends every variant of a body that the model makes.
func (a *strictAPI) vary(t *testing.T, op, method, target, body string) {
	t.Helper()
	base := decodeJSON(t, body)
	require.Empty(t, a.Model().Input(op, base).String())
	for _, v := range a.Model().Variants(op, base) {
		text, err := json.Marshal(v.Tree)
		require.NoError(t, err)
		a.send(t, method, target, string(text), v.Path)
	}
}

// What Lambda's model refuses, the API refuses, with the same kind of error; what the model lets pass is not refused for its
// form. The requests are made from the model, at and beyond each of its rules.
func TestStrictnessIsThatOfLambdasModel(t *testing.T) {
	checker := modeltest.New(t, "lambda")
	checker.LooseRequests()
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.AllowUnsigned = true
		r := w.start(cfg)
		defer func() { require.NoError(t, r.stop()) }()
		mapping := r.create(registry.CreateInput{EventSourceARN: w.stream.ARN(), FunctionName: "bill-orders", StartingPosition: "LATEST"})
		a := &strictAPI{Checker: checker, handler: checker.Handler(r.Handler())}
		one, tags := mappingsPath+"/"+mapping.UUID, "/2017-03-31/tags/"+strings.ReplaceAll(mapping.EventSourceMappingARN, "/", "%2F")

		a.vary(t, "CreateEventSourceMapping", http.MethodPost, mappingsPath, `{"EventSourceArn":"`+w.stream.ARN()+`","StartingPosition":"TRIM_HORIZON",`+
			`"StartingPositionTimestamp":1,"Tags":{"a":"b"},`+allSettings+`}`)
		a.vary(t, "UpdateEventSourceMapping", http.MethodPut, one, `{`+allSettings+`}`)
		a.vary(t, "TagResource", http.MethodPost, tags, `{"Tags":{"a":"b"}}`)
		for _, target := range []string{
			one, one + "0", one[:len(one)-1], mappingsPath + "/nonsense", mappingsPath + "/" + strings.Repeat("x", 36),
			mappingsPath + "?MaxItems=1&FunctionName=ship-orders", mappingsPath + "?MaxItems=10000", mappingsPath + "?MaxItems=0", mappingsPath + "?MaxItems=10001",
			mappingsPath + "?MaxItems=x", mappingsPath + "?FunctionName=a%20b", mappingsPath + "?FunctionName=" + strings.Repeat("f", 257),
			mappingsPath + "?EventSourceArn=orders", tags, tags[:len(tags)-1], "/2017-03-31/tags/nonsense",
		} {
			a.send(t, http.MethodGet, target, "", "GET "+target)
		}
		for _, target := range []string{tags + "?tagKeys=a", tags, tags + "?tagKeys=" + strings.Repeat("k", 129), "/2017-03-31/tags/nonsense?tagKeys=a"} {
			a.send(t, http.MethodDelete, target, "", "DELETE "+target)
		}
		for _, uuid := range []string{"nonsense", mapping.UUID + "0"} {
			a.send(t, http.MethodDelete, mappingsPath+"/"+uuid, "", "DELETE "+uuid)
			a.send(t, http.MethodPut, mappingsPath+"/"+uuid, "{}", "PUT "+uuid)
		}
		a.send(t, http.MethodDelete, one, "", "DELETE "+one)
		t.Logf("%d requests that the model refuses, %d that it lets pass", a.refused, a.passed)
	})
	t.Log(checker.Summary())
}
