package modeltest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// failing is a test that may fail. Its cleanups run at end.
type failing struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (f *failing) Helper()             {}
func (f *failing) Logf(string, ...any) {}
func (f *failing) Cleanup(do func())   { f.cleanups = append(f.cleanups, do) }
func (f *failing) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// end ends the test and returns its errors as one text.
func (f *failing) end() string {
	for _, do := range f.cleanups {
		do()
	}
	return strings.Join(f.errors, "\n")
}

const badRequest = `{"StreamName":"a b"}`

func signed(service, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://localhost/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.DescribeStream")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
	return r
}

func TestWhatIsNotAsTheModelHasItFailsTheTest(t *testing.T) {
	rig.Botocore(t)
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write([]byte(`{"Stream":{}}`))
	})
	for name, do := range map[string]func(f *failing){
		"a handler": func(f *failing) {
			modeltest.WatchHandler(f, answer).ServeHTTP(httptest.NewRecorder(), signed("kinesis", badRequest))
		},
		"requests": func(f *failing) {
			modeltest.WatchRequests(f, answer).ServeHTTP(httptest.NewRecorder(), signed("kinesis", badRequest))
		},
		"a Client": func(f *failing) {
			_, err := kinesistest.New(modeltest.Watch(f, kinesistest.Config{})).Client().
				DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: new("a b")})
			assert.Error(t, err)
		},
	} {
		f := &failing{TB: t}
		do(f)
		text := f.end()
		assert.Contains(t, text, "DescribeStream.StreamName: pattern", name)
		assert.Equal(t, name == "a handler", strings.Contains(text, "DescribeStream answer.Stream: unknown"), name)
	}
}

func TestWhatIsAsTheModelHasItIsCounted(t *testing.T) {
	checker := modeltest.Kinesis(t)
	s := kinesistest.New(kinesistest.Config{OnAnswer: checker.OnAnswer})
	_, err := s.CreateStream("orders", 1)
	require.NoError(t, err)
	_, err = s.Client().DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: new("orders")})
	require.NoError(t, err)
	_, err = s.Client().DescribeStream(t.Context(), &kinesis.DescribeStreamInput{StreamName: new("others")})
	require.Error(t, err)
	assert.Equal(t, map[string]int{"DescribeStream": 2}, checker.Requests())
	assert.Equal(t, map[string]int{"DescribeStream": 1, "DescribeStream ResourceNotFoundException": 1}, checker.Answers())

	unsigned := signed("kinesis", badRequest)
	unsigned.Header.Del("Authorization")
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	modeltest.WatchRequests(t, nothing).ServeHTTP(httptest.NewRecorder(), unsigned) // nobody knows which service it is for
}
