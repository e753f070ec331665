package lambdaapi

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// sdk returns Amazon's own client of a server over ops.
func sdk(t *testing.T, ops Operations) *lambda.Client {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	server := httptest.NewServer(NewHandler(ops, nil, slog.New(slog.DiscardHandler)))
	transport := &http.Transport{}
	t.Cleanup(server.Close)
	t.Cleanup(transport.CloseIdleConnections)
	return lambda.New(lambda.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), Retryer: aws.NopRetryer{},
	})
}

func TestTheSDKCreatesWithEveryField(t *testing.T) {
	ops := &spy{configuration: full()}
	out, err := sdk(t, ops).CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		EventSourceArn:                 aws.String(testStream),
		FunctionName:                   aws.String("ship-orders:prod"),
		StartingPosition:               types.EventSourcePositionAtTimestamp,
		StartingPositionTimestamp:      aws.Time(time.UnixMilli(1789811731085)),
		Tags:                           map[string]string{"team": "orders", "": "é"},
		Enabled:                        aws.Bool(false),
		BatchSize:                      aws.Int32(500),
		MaximumBatchingWindowInSeconds: aws.Int32(5),
		ParallelizationFactor:          aws.Int32(2),
		MaximumRecordAgeInSeconds:      aws.Int32(3600),
		MaximumRetryAttempts:           aws.Int32(3),
		BisectBatchOnFunctionError:     aws.Bool(true),
		TumblingWindowInSeconds:        aws.Int32(30),
		FunctionResponseTypes:          []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
		DestinationConfig: &types.DestinationConfig{
			OnFailure: &types.OnFailure{Destination: aws.String("f")}, OnSuccess: &types.OnSuccess{Destination: aws.String("s")},
		},
		FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"data":["<"]}`)}, {}}},
		KMSKeyArn:      aws.String("k"),
		MetricsConfig:  &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{"EventCount"}},

		ScalingConfig:                       &types.ScalingConfig{MaximumConcurrency: aws.Int32(2)},
		LoggingConfig:                       &types.EventSourceMappingLoggingConfig{SystemLogLevel: "INFO"},
		ProvisionedPollerConfig:             &types.ProvisionedPollerConfig{MinimumPollers: aws.Int32(1)},
		SourceAccessConfigurations:          []types.SourceAccessConfiguration{{URI: aws.String("u")}},
		SelfManagedEventSource:              &types.SelfManagedEventSource{Endpoints: map[string][]string{"k": {"v"}}},
		AmazonManagedKafkaEventSourceConfig: &types.AmazonManagedKafkaEventSourceConfig{ConsumerGroupId: aws.String("g")},
		SelfManagedKafkaEventSourceConfig:   &types.SelfManagedKafkaEventSourceConfig{ConsumerGroupId: aws.String("g")},
		DocumentDBEventSourceConfig:         &types.DocumentDBEventSourceConfig{DatabaseName: aws.String("d")},
		Topics:                              []string{"t"},
		Queues:                              []string{"q"},
	})
	require.NoError(t, err)

	require.Len(t, ops.calls, 1)
	in := ops.calls[0].in.(CreateInput)
	assert.ElementsMatch(t, []string{
		"ScalingConfig", "LoggingConfig", "ProvisionedPollerConfig", "SourceAccessConfigurations",
		"SelfManagedEventSource", "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig",
		"DocumentDBEventSourceConfig", "Topics", "Queues",
	}, in.Unsupported)
	in.Unsupported = nil
	assert.Equal(t, CreateInput{
		EventSourceARN: testStream, FunctionName: "ship-orders:prod", StartingPosition: "AT_TIMESTAMP",
		StartingPositionTimestamp: time.UnixMilli(1789811731085).UTC(), Tags: map[string]string{"team": "orders", "": "é"},
		Settings: everySetting(),
	}, in)
	same(t, out)
}

// everySetting is what both requests of these tests ask for.
func everySetting() Settings {
	return Settings{
		Enabled: new(false), BatchSize: new(500), MaximumBatchingWindowInSeconds: new(5), ParallelizationFactor: new(2),
		MaximumRecordAgeInSeconds: new(3600), MaximumRetryAttempts: new(3), BisectBatchOnFunctionError: new(true),
		TumblingWindowInSeconds: new(30), FunctionResponseTypes: []string{"ReportBatchItemFailures"},
		DestinationConfig: &DestinationConfig{OnFailure: OnFailure{"f"}, OnSuccess: true},
		FilterCriteria:    &FilterCriteria{Filters: []Filter{{Pattern: `{"data":["<"]}`}, {}}},
		KMSKeyARN:         new("k"),
		MetricsConfig:     &MetricsConfig{Metrics: []string{"EventCount"}},
	}
}

// same asserts that the SDK read full out of an answer. All four operations have the same output, under names of their own.
func same(t *testing.T, out *lambda.CreateEventSourceMappingOutput) {
	t.Helper()
	want := full()
	out.ResultMetadata = lambda.CreateEventSourceMappingOutput{}.ResultMetadata
	assert.Equal(t, &lambda.CreateEventSourceMappingOutput{
		UUID: &want.UUID, StartingPosition: types.EventSourcePosition(want.StartingPosition),
		StartingPositionTimestamp: &want.StartingPositionTimestamp, BatchSize: aws.Int32(500),
		MaximumBatchingWindowInSeconds: aws.Int32(5), ParallelizationFactor: aws.Int32(2), EventSourceArn: &want.EventSourceARN,
		FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: &want.FilterCriteria.Filters[0].Pattern}}},
		FunctionArn:    &want.FunctionARN, LastModified: &want.LastModified, LastProcessingResult: &want.LastProcessingResult,
		State: aws.String("Creating"), StateTransitionReason: aws.String("User action"),
		DestinationConfig: &types.DestinationConfig{
			OnFailure: &types.OnFailure{Destination: &want.DestinationConfig.OnFailure.Destination},
		},
		MaximumRecordAgeInSeconds: aws.Int32(3600), BisectBatchOnFunctionError: aws.Bool(true), MaximumRetryAttempts: aws.Int32(3),
		TumblingWindowInSeconds: aws.Int32(30), EventSourceMappingArn: &want.EventSourceMappingARN,
		FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
		MetricsConfig:         &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{"EventCount"}},
	}, out)
}

func TestTheSDKUpdatesEveryField(t *testing.T) {
	ops := &spy{configuration: full()}
	client := sdk(t, ops)
	out, err := client.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{
		UUID:                           aws.String(testUUID),
		FunctionName:                   aws.String("ship-orders:prod"),
		Enabled:                        aws.Bool(false),
		BatchSize:                      aws.Int32(500),
		MaximumBatchingWindowInSeconds: aws.Int32(5),
		ParallelizationFactor:          aws.Int32(2),
		MaximumRecordAgeInSeconds:      aws.Int32(3600),
		MaximumRetryAttempts:           aws.Int32(3),
		BisectBatchOnFunctionError:     aws.Bool(true),
		TumblingWindowInSeconds:        aws.Int32(30),
		FunctionResponseTypes:          []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
		DestinationConfig: &types.DestinationConfig{
			OnFailure: &types.OnFailure{Destination: aws.String("f")}, OnSuccess: &types.OnSuccess{Destination: aws.String("s")},
		},
		FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"data":["<"]}`)}, {}}},
		KMSKeyArn:      aws.String("k"),
		MetricsConfig:  &types.EventSourceMappingMetricsConfig{Metrics: []types.EventSourceMappingMetric{"EventCount"}},
	})
	require.NoError(t, err)
	same(t, (*lambda.CreateEventSourceMappingOutput)(out))

	_, err = client.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: aws.String(testUUID)})
	require.NoError(t, err)
	_, err = client.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{
		UUID: aws.String(testUUID), FilterCriteria: &types.FilterCriteria{}, FunctionResponseTypes: []types.FunctionResponseType{},
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("")}},
		MetricsConfig:     &types.EventSourceMappingMetricsConfig{},
	})
	require.NoError(t, err)
	assert.Equal(t, []call{
		{"Update", testUUID, UpdateInput{FunctionName: new("ship-orders:prod"), Settings: everySetting()}},
		{"Update", testUUID, UpdateInput{}},
		{"Update", testUUID, UpdateInput{Settings: Settings{
			FilterCriteria: &FilterCriteria{}, FunctionResponseTypes: []string{},
			DestinationConfig: &DestinationConfig{}, MetricsConfig: &MetricsConfig{},
		}}},
	}, ops.calls)
}

func TestTheSDKGetsDeletesAndLists(t *testing.T) {
	ops := &spy{configuration: full(), page: ListOutput{EventSourceMappings: []Configuration{full(), bare()}, NextMarker: "m+/="}}
	client := sdk(t, ops)

	got, err := client.GetEventSourceMapping(t.Context(), &lambda.GetEventSourceMappingInput{UUID: aws.String(testUUID)})
	require.NoError(t, err)
	same(t, (*lambda.CreateEventSourceMappingOutput)(got))
	gone, err := client.DeleteEventSourceMapping(t.Context(), &lambda.DeleteEventSourceMappingInput{UUID: aws.String("a/b c")})
	require.NoError(t, err)
	same(t, (*lambda.CreateEventSourceMappingOutput)(gone))

	page, err := client.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{})
	require.NoError(t, err)
	assert.Equal(t, "m+/=", *page.NextMarker)
	require.Len(t, page.EventSourceMappings, 2)
	assert.Equal(t, "Creating", *page.EventSourceMappings[0].State)
	assert.Nil(t, page.EventSourceMappings[1].FilterCriteria)
	assert.Nil(t, page.EventSourceMappings[1].DestinationConfig.OnFailure.Destination)
	assert.Equal(t, []types.FunctionResponseType{}, page.EventSourceMappings[1].FunctionResponseTypes)

	ops.page = ListOutput{}
	page, err = client.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{
		EventSourceArn: aws.String(testStream), FunctionName: aws.String("f:prod"), Marker: page.NextMarker, MaxItems: aws.Int32(7),
	})
	require.NoError(t, err)
	assert.Nil(t, page.NextMarker)
	assert.Empty(t, page.EventSourceMappings)

	assert.Equal(t, []call{
		{"Get", testUUID, nil},
		{"Delete", "a/b c", nil},
		{"List", "", ListInput{}},
		{"List", "", ListInput{EventSourceARN: testStream, FunctionName: "f:prod", Marker: "m+/=", MaxItems: new(7)}},
	}, ops.calls)
}

func TestTheSDKTags(t *testing.T) {
	ops := &spy{tags: map[string]string{"a": "b"}}
	client := sdk(t, ops)
	_, err := client.TagResource(t.Context(), &lambda.TagResourceInput{
		Resource: aws.String(testARN), Tags: map[string]string{"a": "b", "c d": ""},
	})
	require.NoError(t, err)
	out, err := client.ListTags(t.Context(), &lambda.ListTagsInput{Resource: aws.String(testARN)})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": "b"}, out.Tags)
	_, err = client.UntagResource(t.Context(), &lambda.UntagResourceInput{
		Resource: aws.String(testARN), TagKeys: []string{"a", "c d", "x&y=z"},
	})
	require.NoError(t, err)
	assert.Equal(t, []call{
		{"TagResource", testARN, map[string]string{"a": "b", "c d": ""}},
		{"ListTags", testARN, nil},
		{"UntagResource", testARN, []string{"a", "c d", "x&y=z"}},
	}, ops.calls)
}

func TestTheSDKsTypedErrorsCarryTypeAndMessage(t *testing.T) {
	ops := &spy{}
	client := sdk(t, ops)
	update := func(err error) error {
		ops.err = err
		_, got := client.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: aws.String(testUUID)})
		require.Error(t, got)
		return got
	}

	var invalidValue *types.InvalidParameterValueException
	require.ErrorAs(t, update(invalid("Stream not found: x")), &invalidValue)
	reported(t, "User", "Stream not found: x", invalidValue.Type, invalidValue.Message)

	var conflicts *types.ResourceConflictException
	require.ErrorAs(t, update(conflict()), &conflicts)
	reported(t, "User", conflict().Message, conflicts.Type, conflicts.Message)

	var used *types.ResourceInUseException
	require.ErrorAs(t, update(inUse()), &used)
	reported(t, "User", inUse().Message, used.Type, used.Message)

	var missing *types.ResourceNotFoundException
	require.ErrorAs(t, update(notFound()), &missing)
	reported(t, "User", "The resource you requested does not exist.", missing.Type, missing.Message)

	var throttled *types.TooManyRequestsException
	require.ErrorAs(t, update(contended()), &throttled)
	reported(t, "User", "Rate exceeded", throttled.Type, throttled.Message)

	var broke *types.ServiceException
	require.ErrorAs(t, update(errors.New("x")), &broke)
	reported(t, "Service", Failed(nil).Message, broke.Type, broke.Message)

	var api smithy.APIError
	require.ErrorAs(t, update(&Error{Code: "ValidationException", Status: 400, Message: "1 validation error detected: x"}), &api)
	assert.Equal(t, "ValidationException", api.ErrorCode())
	assert.Equal(t, "1 validation error detected: x", api.ErrorMessage())
}

func reported(t *testing.T, wantType, wantMessage string, gotType, gotMessage *string) {
	t.Helper()
	assert.Equal(t, wantType, aws.ToString(gotType))
	assert.Equal(t, wantMessage, aws.ToString(gotMessage))
}
