package lambda_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/invoke/invoketest"
)

// awsRequestID is the server's name of every invocation.
const awsRequestID = "c0ffee00-0b8f-4c8e-9f57-3f7c0f1f2a11"

// api is a server that speaks Invoke of AWS Lambda's API. It runs invoketest's function, unless answer is set.
type api struct {
	*httptest.Server
	answer http.HandlerFunc

	mu    sync.Mutex
	calls []call
}

// call is what a request asked for.
type call struct{ function, invocation, log string }

func serve(t testing.TB, answer http.HandlerFunc) *api {
	s := &api{answer: answer}
	s.Server = httptest.NewServer(modeltest.WatchRequests(t, s))
	t.Cleanup(s.Close)
	return s
}

func (s *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, _ := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(r.URL.EscapedPath(), "/2015-03-31/functions/"), "/invocations"))
	s.mu.Lock()
	s.calls = append(s.calls, call{name, r.Header.Get("X-Amz-Invocation-Type"), r.Header.Get("X-Amz-Log-Type")})
	s.mu.Unlock()
	w.Header().Set("X-Amzn-Requestid", awsRequestID)
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	run(w, r)
}

// asked returns what was asked for so far.
func (s *api) asked() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// run answers as AWS does for a function that does as invoketest's.
func run(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("X-Amz-Executed-Version", "7")
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte("START\ntea is ready\nEND\n")))
	}
	fail := func(message string) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		_ = json.NewEncoder(w).Encode(map[string]string{"errorMessage": message, "errorType": "Error"})
	}
	defer func() {
		if p := recover(); p != nil {
			fail(fmt.Sprint(p))
		}
	}()
	answer, err := invoketest.Handler{}.Invoke(r.Context(), event)
	if err != nil {
		fail(err.Error())
		return
	}
	_, _ = w.Write(answer)
}

// refuse answers with an error of the API.
func refuse(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if code != "" {
			w.Header().Set("X-Amzn-Errortype", code)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"Message":"no"}`)
	}
}

// client returns the SDK's client of a server, with the SDK's own defaults.
func client(t testing.TB, s *api) *lambda.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return lambda.New(lambda.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(s.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		HTTPClient:   &http.Client{Transport: transport},
	})
}
