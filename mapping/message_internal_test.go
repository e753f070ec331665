package mapping

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
)

// answering is an HTTP client that has one answer to everything.
type answering struct {
	status       int
	header, body string
}

func (a answering) Do(*http.Request) (*http.Response, error) {
	h := http.Header{}
	if a.header != "" {
		h.Set("X-Amzn-Errortype", a.header)
	}
	return &http.Response{StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

// TestAFailureThatSaysNothingShowsItsStatusAndCode goes through the SDK and the poller, as a mapping does.
func TestAFailureThatSaysNothingShowsItsStatusAndCode(t *testing.T) {
	for _, c := range []struct {
		answer answering
		want   string
	}{
		{answering{500, "", ""}, "HTTP 500 (Internal Server Error)"},
		{answering{503, "", "{}"}, "HTTP 503 (Service Unavailable)"},
		{answering{503, "ServiceUnavailable", ""}, "HTTP 503 (ServiceUnavailable)"},
		{answering{500, "", `{"__type":"InternalFailure"}`}, "HTTP 500 (InternalFailure)"},
		{answering{500, "", `{"__type":"com.amazonaws.kinesis#InternalFailureException"}`}, "HTTP 500 (InternalFailureException)"},
		{answering{500, "", `{"__type":"InternalFailure","message":""}`}, "HTTP 500 (InternalFailure)"},
		{answering{400, "", `{"__type":"ProvisionedThroughputExceededException","message":null}`}, "HTTP 400 (ProvisionedThroughputExceededException)"},
		{answering{503, "", "<html><h1>503 Service Temporarily Unavailable</h1></html>"}, "HTTP 503 (Service Unavailable)"},
		{answering{502, "", "upstream connect error"}, "HTTP 502 (Bad Gateway)"},
		{answering{529, "", "<html>"}, "HTTP 529"},
		{answering{302, "", ""}, "HTTP 302 (Found)"},
		{answering{500, "", `{"__type":"InternalFailure","message":"oops"}`}, "oops"},
		{answering{503, "", `{"message":"Service Unavailable"}`}, "Service Unavailable"},
		{answering{200, "", "<html>down</html>"}, `HTTP 200: the answer is not a JSON object: it begins with "<html>down</html>"`},
		{answering{200, "", ""}, "HTTP 200: the answer is empty"},
	} {
		client := kinesis.New(kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: c.answer})
		p, err := poller.New(poller.Config{Client: client, StreamARN: "arn:aws:kinesis:us-east-1:123456789012:stream/orders"})
		require.NoError(t, err)
		r, err := p.Open(poller.Shard{ID: "shard"}, poller.Start{})
		require.NoError(t, err)
		_, err = r.Next(t.Context())
		require.Equal(t, c.want, message(err), "%+v", c.answer)
	}
}

func TestWhatWasSaidIsTheMessage(t *testing.T) {
	for want, err := range map[string]error{
		"no shard":                             &poller.Error{Op: "get records", Err: fmt.Errorf("client: %w", &types.ResourceNotFoundException{Message: aws.String("no shard")})},
		"InternalFailureException":             &poller.Error{Op: "get records", Err: &types.InternalFailureException{}},
		"no route to host":                     &poller.Error{Op: "get records", Err: errors.New("no route to host")},
		"disk full":                            errors.New("disk full"),
		"api error UnknownError: UnknownError": &smithy.GenericAPIError{Code: "UnknownError", Message: "UnknownError"},
	} {
		require.Equal(t, want, message(err))
	}
}
