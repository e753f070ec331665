package registry_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// console is Amazon's client of a registry that runs, by the wall clock.
type console struct {
	*world
	*lambda.Client
}

// overHTTP runs a registry that reads by way of client, and serves its API.
func overHTTP(t *testing.T, change func(w *world, cfg *registry.Config)) *console {
	t.Helper()
	w := &world{t: t, service: kinesistest.New(modeltest.Watch(t, kinesistest.Config{})), store: mapping.NewMemoryStore()}
	var err error
	w.stream, err = w.service.CreateStream("orders", 1)
	require.NoError(t, err)
	cfg := w.config()
	cfg.AllowUnsigned, cfg.PollInterval = true, 100*time.Millisecond
	cfg.Logger = slog.New(slog.DiscardHandler)
	change(w, &cfg)
	r := w.start(cfg)
	t.Cleanup(func() { assert.NoError(t, r.stop()) })
	server, transport := httptest.NewServer(r.Handler()), &http.Transport{}
	t.Cleanup(server.Close)
	t.Cleanup(transport.CloseIdleConnections)
	return &console{w, lambda.New(lambda.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), Retryer: aws.NopRetryer{},
	})}
}

// create creates a mapping of a source, and waits until it is enabled.
func (c *console) create(source string, destination *types.DestinationConfig) (uuid string) {
	c.t.Helper()
	out, err := c.CreateEventSourceMapping(c.t.Context(), &lambda.CreateEventSourceMappingInput{
		EventSourceArn: &source, FunctionName: aws.String("ship-orders"), StartingPosition: types.EventSourcePositionTrimHorizon,
		DestinationConfig: destination,
	})
	require.NoError(c.t, err)
	c.settled(*out.UUID, "Enabled")
	return *out.UUID
}

// update changes a mapping, and waits until it has settled in a state.
func (c *console) update(in *lambda.UpdateEventSourceMappingInput, state string) *lambda.GetEventSourceMappingOutput {
	c.t.Helper()
	_, err := c.UpdateEventSourceMapping(c.t.Context(), in)
	require.NoError(c.t, err)
	return c.settled(*in.UUID, state)
}

func (c *console) settled(uuid, state string) (got *lambda.GetEventSourceMappingOutput) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		out, err := c.GetEventSourceMapping(c.t.Context(), &lambda.GetEventSourceMappingInput{UUID: &uuid})
		got = out
		return err == nil && *out.State == state
	}, 10*time.Second, 20*time.Millisecond)
	return got
}

func (c *console) delivers(want ...string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return len(c.delivered()) >= len(want) }, 10*time.Second, 20*time.Millisecond)
	require.Equal(c.t, want, c.delivered())
}

// Case 35, over the API, for a stream that is polled and for a consumer that is subscribed to.
func TestDisableAndEnableOverTheAPI(t *testing.T) {
	for name, fanOut := range map[string]bool{"stream": false, "consumer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := streamARN
			c := overHTTP(t, func(w *world, cfg *registry.Config) {
				if !fanOut {
					return
				}
				var err error
				source, err = w.stream.RegisterConsumer("shipping")
				require.NoError(t, err)
				server := kinesistest.NewServer(w.service)
				t.Cleanup(server.Close)
				cfg.Client = server.Client()
			})
			uuid := c.create(source, nil)
			c.put("1")
			c.delivers("ship 1")
			disabled := c.update(&lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: aws.Bool(false)}, "Disabled")
			assert.Equal(t, source, *disabled.EventSourceArn)
			assert.Equal(t, "OK", *disabled.LastProcessingResult)
			c.put("2")
			assert.Equal(t, []string{"ship 1"}, c.delivered())
			c.update(&lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: aws.Bool(true)}, "Enabled")
			c.delivers("ship 1", "ship 2")
			polled := 0
			for _, call := range c.service.Calls() {
				if call.Op == kinesistest.GetRecords {
					polled++
				}
			}
			assert.Equal(t, fanOut, polled <= 1, "a consumer is not polled, but for the check of the source: %d", polled)
			_, err := c.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: &uuid})
			require.NoError(t, err)
		})
	}
}

// Case 69: an empty destination removes the one that there is; one that is not there leaves it.
func TestDestinationIsRemovedOverTheAPI(t *testing.T) {
	const queue = "arn:aws:sqs:us-east-1:123456789012:failures"
	c := overHTTP(t, func(_ *world, cfg *registry.Config) {
		cfg.DestinationResolvers = []invoke.DestinationResolver{anywhere{}}
	})
	to := func(arn string) *types.DestinationConfig {
		return &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &arn}}
	}
	uuid := c.create(streamARN, to(queue))
	got := c.update(&lambda.UpdateEventSourceMappingInput{UUID: &uuid, BatchSize: aws.Int32(7)}, "Enabled")
	assert.Equal(t, to(queue), got.DestinationConfig)
	got = c.update(&lambda.UpdateEventSourceMappingInput{UUID: &uuid, DestinationConfig: to("")}, "Enabled")
	assert.Equal(t, &types.DestinationConfig{OnFailure: &types.OnFailure{}}, got.DestinationConfig)
	assert.Equal(t, int32(7), *got.BatchSize)
}
