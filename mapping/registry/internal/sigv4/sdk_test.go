package sigv4_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	mappingID  = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"
	mappingARN = "arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:" + mappingID
	streamARN  = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
	odd        = "a b+c/d%2F&e=f;g~h*'()!ü€\"#?"
)

// client returns the SDK's client of the server at an endpoint.
func client(t testing.TB, endpoint, secret, token string) *lambda.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return lambda.New(lambda.Options{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(exampleKey, secret, token),
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      aws.NopRetryer{},
	})
}

// TestSDKIsVerified sends all operations of the control plane, with what is hard to escape.
func TestSDKIsVerified(t *testing.T) {
	s, endpoint := serve(t, map[string]string{exampleKey: exampleSecret})
	c := client(t, endpoint, exampleSecret, "")
	const mappings = "/2015-03-31/event-source-mappings"
	for _, op := range []struct {
		name string
		want string // what the server was asked for
		call func(context.Context) error
	}{
		{"create", "POST " + mappings, func(ctx context.Context) error {
			_, err := c.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
				FunctionName: aws.String("ship-orders"), EventSourceArn: aws.String(streamARN), Tags: map[string]string{"ü": "€"},
			})
			return err
		}},
		{"get", "GET " + mappings + "/" + mappingID, func(ctx context.Context) error {
			_, err := c.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: aws.String(mappingID)})
			return err
		}},
		{
			"get what is hard to escape", "GET " + mappings + "/a%20b%2Bc%2Fd%252F%26e%3Df%3Bg~h%2A%27%28%29%21%C3%BC%E2%82%AC%22%23%3F",
			func(ctx context.Context) error {
				_, err := c.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: aws.String(odd)})
				return err
			},
		},
		{"list", "GET " + mappings, func(ctx context.Context) error {
			_, err := c.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{})
			return err
		}},
		{"list what is hard to escape", "GET " + mappings +
			"?EventSourceArn=arn%3Aaws%3Akinesis%3Aeu-central-1%3A123456789012%3Astream%2Forders&FunctionName=ship-orders%3Aprod" +
			"&Marker=a%20b%2Bc%2Fd%252F%26e%3Df%3Bg~h%2A%27%28%29%21%C3%BC%E2%82%AC%22%23%3F&MaxItems=7", func(ctx context.Context) error {
			_, err := c.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{
				EventSourceArn: aws.String(streamARN), FunctionName: aws.String("ship-orders:prod"),
				Marker: aws.String(odd), MaxItems: aws.Int32(7),
			})
			return err
		}},
		{"update", "PUT " + mappings + "/" + mappingID, func(ctx context.Context) error {
			_, err := c.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{
				UUID: aws.String(mappingID), Enabled: aws.Bool(false),
			})
			return err
		}},
		{"delete", "DELETE " + mappings + "/" + mappingID, func(ctx context.Context) error {
			_, err := c.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: aws.String(mappingID)})
			return err
		}},
		{"list tags", "GET /2017-03-31/tags/" + escapedARN, func(ctx context.Context) error {
			_, err := c.ListTags(ctx, &lambda.ListTagsInput{Resource: aws.String(mappingARN)})
			return err
		}},
		{"tag", "POST /2017-03-31/tags/" + escapedARN, func(ctx context.Context) error {
			_, err := c.TagResource(ctx, &lambda.TagResourceInput{
				Resource: aws.String(mappingARN), Tags: map[string]string{"team": "a  b"},
			})
			return err
		}},
		{"untag", "DELETE /2017-03-31/tags/" + escapedARN + "?tagKeys=%C3%BC&tagKeys=a%20a&tagKeys=b", func(ctx context.Context) error {
			_, err := c.UntagResource(ctx, &lambda.UntagResourceInput{
				Resource: aws.String(mappingARN), TagKeys: []string{"b", "a a", "ü"},
			})
			return err
		}},
	} {
		t.Run(op.name, func(t *testing.T) {
			require.NoError(t, op.call(t.Context()))
			got := s.asked()
			require.Len(t, got, 1)
			assert.Equal(t, op.want, got[0])
		})
	}
}

const escapedARN = "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Aevent-source-mapping%3A" + mappingID

// TestSDKSeesTheRefusal finds the code and the text in the SDK's error.
func TestSDKSeesTheRefusal(t *testing.T) {
	_, endpoint := serve(t, map[string]string{exampleKey: exampleSecret})
	for name, c := range map[string]struct {
		client *lambda.Client
		code   string
	}{
		"wrong secret":           {client(t, endpoint, "wrong", ""), "InvalidSignatureException"},
		"session":                {client(t, endpoint, exampleSecret, "token"), "UnrecognizedClientException"},
		"endpoint with a slash":  {client(t, endpoint+"/", exampleSecret, ""), ""},
		"endpoint with a prefix": {client(t, endpoint+"/prefix", exampleSecret, ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.client.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			var refused smithy.APIError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, c.code, refused.ErrorCode())
			assert.NotEmpty(t, refused.ErrorMessage())
		})
	}
}

// TestVerifyFromManyGoroutines is for the race detector: Verify changes neither the Verifier nor the request.
func TestVerifyFromManyGoroutines(t *testing.T) {
	v, r := lambdaAt(t, noon), update().sign(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				assert.Nil(t, v.Verify(r, []byte(update().body)))
			}
		})
	}
	wg.Wait()
}
