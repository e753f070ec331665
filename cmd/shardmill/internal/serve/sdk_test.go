package serve

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSDKManagesMappings(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "-stream-listen", "127.0.0.1:0")
	client, ctx := p.mappings("any", "any"), t.Context()
	uuid := create(t, client, "print", orders, true)
	settle(t, client, uuid, "Enabled")
	put(t, p.kinesis(), 1, 3)
	p.eventually(func() bool { return len(p.printed()) == 3 })

	_, err := client.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String("print"), EventSourceArn: aws.String(orders), StartingPosition: types.EventSourcePositionLatest,
	})
	conflict, ok := errors.AsType[*types.ResourceConflictException](err)
	require.True(t, ok, "%v", err)
	assert.Contains(t, *conflict.Message, uuid)
	_, err = client.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String("nobody"), EventSourceArn: aws.String(orders), StartingPosition: types.EventSourcePositionLatest,
	})
	invalid, ok := errors.AsType[*types.InvalidParameterValueException](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, "Function does not exist", *invalid.Message)

	updated, err := client.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: &uuid, BatchSize: aws.Int32(2)})
	require.NoError(t, err)
	assert.Equal(t, "Updating", *updated.State)
	_, err = client.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &uuid})
	_, ok = errors.AsType[*types.ResourceInUseException](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, int32(2), *settle(t, client, uuid, "Enabled").BatchSize)

	for range 3 {
		stream := "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
		alias := "print:" + string(rune('a'+listed(t, client)))
		create(t, client, alias, stream, false)
	}
	assert.Equal(t, 4, listed(t, client))

	_, err = client.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &uuid})
	require.NoError(t, err)
	p.eventually(func() bool {
		_, err = client.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
		_, ok := errors.AsType[*types.ResourceNotFoundException](err)
		return ok
	})
}

// listed pages through all mappings, and returns how many there are.
func listed(t *testing.T, client *lambda.Client) (n int) {
	t.Helper()
	pages := lambda.NewListEventSourceMappingsPaginator(client, &lambda.ListEventSourceMappingsInput{MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		n += len(page.EventSourceMappings)
	}
	return n
}

func TestOnlyWhoHasAKeyIsServed(t *testing.T) {
	t.Parallel()
	p := start(t, []string{"SHARDMILL_ACCESS_KEY_ID=AKIDOPERATOR", "SHARDMILL_SECRET_ACCESS_KEY=right"}, "-stream-listen", "127.0.0.1:0")
	settle(t, p.mappings("AKIDOPERATOR", "right"), create(t, p.mappings("AKIDOPERATOR", "right"), "print", orders, true), "Enabled")
	for want, client := range map[string]*lambda.Client{
		"InvalidSignatureException":   p.mappings("AKIDOPERATOR", "wrong"),
		"UnrecognizedClientException": p.mappings("AKIDNOBODY", "right"),
	} {
		_, err := client.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
		require.ErrorContains(t, err, want)
		refusal, ok := errors.AsType[*awshttp.ResponseError](err)
		require.True(t, ok)
		assert.Equal(t, http.StatusForbidden, refusal.HTTPStatusCode())
	}
	status, body := p.get("/2015-03-31/event-source-mappings/")
	assert.Equal(t, http.StatusForbidden, status)
	assert.JSONEq(t, `{"message":"Missing Authentication Token"}`, body)
	status, _ = p.get("/status")
	assert.Equal(t, http.StatusNotFound, status)
	assert.NotContains(t, p.out.String(), "AWS_ACCESS_KEY_ID=any", "no commands that would be refused")
}

func TestAPIOverTLS(t *testing.T) {
	t.Parallel()
	trusted := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate, and a client that trusts it
	defer trusted.Close()
	pair := trusted.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	certificate, key := filepath.Join(t.TempDir(), "server.pem"), filepath.Join(t.TempDir(), "server.key")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	p := launch(t, nil, "-config", file(t, `
tls: {certificate: "`+certificate+`", key: "`+key+`"}
keys: [{id: AKIDOPERATOR, secret: right}]
kinesis: {embedded: {listen: "127.0.0.1:0", streams: [{name: orders}]}}
functions: {print: {builtin: print}}`))
	require.Contains(t, p.api, "https://127.0.0.1:")
	p.client = trusted.Client()
	assert.Zero(t, listed(t, p.mappings("AKIDOPERATOR", "right")))
	_, err = p.mappings("AKIDOPERATOR", "wrong").ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	require.ErrorContains(t, err, "InvalidSignatureException")
	p.signal(os.Interrupt)
	assert.Zero(t, p.wait())
}

// The SDKs for Java and JavaScript begin HTTP/2 with Kinesis unasked, on an endpoint without TLS too.
func TestEmbeddedStreamsSpeakHTTP2Unasked(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "-config", file(t, `
kinesis: {embedded: {listen: "127.0.0.1:0", streams: [{name: orders}]}}
functions: {print: {builtin: print}}`))
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	client := kinesis.New(p.kinesis().Options(), func(o *kinesis.Options) { o.HTTPClient = &http.Client{Transport: transport} })
	put(t, client, 1, 3)
	put(t, p.kinesis(), 4, 6) // and HTTP/1.1 on the same port
	p.signal(os.Interrupt)
	assert.Zero(t, p.wait())
}
