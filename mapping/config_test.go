package mapping_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
)

// valid returns a Config that New accepts.
func valid(t *testing.T) mapping.Config {
	w := &world{t: t, store: mapping.NewMemoryStore()}
	cfg := w.config()
	cfg.Source = source{}
	return cfg
}

// mostBytes is the largest size: 1 TiB, and 1 GiB on systems of 32 bits.
const mostBytes = 1 << (strconv.IntSize/32*10 + 20)

func TestSizesAreBoundedByWhatAnIntHolds(t *testing.T) {
	cfg := valid(t)
	cfg.PayloadLimit, cfg.BufferBytes = mostBytes, mostBytes
	_, err := mapping.New(cfg)
	require.NoError(t, err)
	cfg.PayloadLimit++
	_, err = mapping.New(cfg)
	require.ErrorContains(t, err, "PayloadLimit: is ")
}

func TestConfigViolationsNameFieldValueAndBound(t *testing.T) {
	_, err := mapping.New(valid(t))
	require.NoError(t, err)
	for want, change := range map[string]func(*mapping.Config){
		"EventSourceARN: must be set":                                                        func(c *mapping.Config) { c.EventSourceARN = "" },
		`EventSourceARN: Unrecognized event source. "arn:aws:sqs:us-east-1:1:q"`:             func(c *mapping.Config) { c.EventSourceARN = "arn:aws:sqs:us-east-1:1:q" },
		`EventSourceARN: Unrecognized event source. "` + streamARN + `/consumer/c" does not`: func(c *mapping.Config) { c.EventSourceARN += "/consumer/c" },
		"Read.FallBackToPolling: is set, but goes with Client only":                          func(c *mapping.Config) { c.Read.FallBackToPolling = true },
		"FunctionName: must be set":                                                          func(c *mapping.Config) { c.FunctionName = "" },
		`FunctionName: "a b": the function name is "a b", must be 1 to 64 letters`:           func(c *mapping.Config) { c.FunctionName = "a b" },
		"Client: must be set, or Source":                                                     func(c *mapping.Config) { c.Source = nil },
		"Function: must be set":                                                              func(c *mapping.Config) { c.Function = nil },
		"PayloadLimit: is -1, must be between 1024 and " + strconv.Itoa(mostBytes):           func(c *mapping.Config) { c.PayloadLimit = -1 },
		"BufferBytes: is -5, must be between 1024 and " + strconv.Itoa(mostBytes):            func(c *mapping.Config) { c.BufferBytes = -5 },
		"FunctionTimeout: is -1s, must be between 0s and 24h0m0s":                            func(c *mapping.Config) { c.FunctionTimeout = -time.Second },
		"ShardRefreshInterval: is 1ms, must be between 1s and 24h0m0s":                       func(c *mapping.Config) { c.ShardRefreshInterval = time.Millisecond },
		"Read.Deaggregate: is set, but goes with Client only":                                func(c *mapping.Config) { c.Read.Deaggregate = true },
		"Read.KeepMembersOutsideShard: is set, but goes with Client only":                    func(c *mapping.Config) { c.Read.KeepMembersOutsideShard = true },
		"Read.PollInterval: is 1s, but goes with Client only":                                func(c *mapping.Config) { c.Read.PollInterval = time.Second },
		"MaximumBatchingWindow: is 1.5s, must be whole seconds":                              func(c *mapping.Config) { c.MaximumBatchingWindow = 1500 * time.Millisecond },
		"StartingPositionTimestamp: Timestamp only valid with StartingPosition AT_TIMESTAMP": func(c *mapping.Config) { c.StartingPositionTimestamp = time.Unix(1, 0) },
		"StartingPositionTimestamp: Need to specify a timestamp":                             func(c *mapping.Config) { c.StartingPosition = mapping.AtTimestamp },
		"BatchSize: 1 validation error detected: Value '10001' at 'batchSize' failed to satisfy constraint: Member must have value less than or equal to 10000":                                           func(c *mapping.Config) { c.BatchSize = 10001 },
		"BatchSize: 1 validation error detected: Value '-1' at 'batchSize' failed to satisfy constraint: Member must have value greater than or equal to 1":                                               func(c *mapping.Config) { c.BatchSize = -1 },
		"Value '301' at 'maximumBatchingWindowInSeconds' failed to satisfy constraint: Member must have value less than or equal to 300":                                                                  func(c *mapping.Config) { c.MaximumBatchingWindow = 301 * time.Second },
		"Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.":                                                                                                         func(c *mapping.Config) { c.StartingPosition = "" },
		"Value 'BOGUS' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]":                                                      func(c *mapping.Config) { c.StartingPosition = "BOGUS" },
		"Value '10001' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 10000":                                                                        func(c *mapping.Config) { c.MaximumRetryAttempts = new(10001) },
		"Value '-2' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value greater than or equal to -1":                                                                           func(c *mapping.Config) { c.MaximumRetryAttempts = new(-2) },
		"MaximumRecordAge: is 59s: MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)":                                                                            func(c *mapping.Config) { c.MaximumRecordAge = 59 * time.Second },
		"Value '[Bad]' at 'functionResponseTypes' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures], Member must not be null]": func(c *mapping.Config) { c.FunctionResponseTypes = []mapping.FunctionResponseType{"Bad"} },
		"DestinationConfig.OnFailure: invoke: destination arn:aws:sqs:us-east-1:123456789012:q: no resolver serves it: add sqs.Resolver": func(c *mapping.Config) {
			c.DestinationConfig.OnFailure.Destination = "arn:aws:sqs:us-east-1:123456789012:q"
		},
		"DestinationConfig.OnFailure: its fields Destination and Target must not be set together": func(c *mapping.Config) {
			c.DestinationConfig.OnFailure.Destination, c.DestinationConfig.OnFailure.Target = "arn:aws:sqs:us-east-1:123456789012:q", &documents{}
		},
		"Value '11' at 'parallelizationFactor' failed to satisfy constraint: Member must have value less than or equal to 10":     func(c *mapping.Config) { c.ParallelizationFactor = 11 },
		"Value '901' at 'tumblingWindowInSeconds' failed to satisfy constraint: Member must have value less than or equal to 900": func(c *mapping.Config) { c.TumblingWindow = 901 * time.Second },
		"ParallelizationFactor: Parallelization factor must be equal to 1 when tumbling window period is configured": func(c *mapping.Config) {
			c.ParallelizationFactor, c.TumblingWindow = 2, 10*time.Second
		},
		"FilterCriteria: must be empty when a tumbling window is configured": func(c *mapping.Config) {
			c.FilterCriteria.Filters, c.TumblingWindow = []mapping.Filter{{Pattern: `{"data":{"a":[1]}}`}}, 10*time.Second
		},
		"FilterCriteria: Invalid filter pattern definition.": func(c *mapping.Config) {
			c.FilterCriteria.Filters = []mapping.Filter{{Pattern: "single-string"}}
		},
		"TumblingWindowGrace: is 3m0s, must be between 0s and 2m0s":                 func(c *mapping.Config) { c.TumblingWindowGrace = 3 * time.Minute },
		"DestinationConfig.OnFailure: its field Block is set without a destination": func(c *mapping.Config) { c.DestinationConfig.OnFailure.Block = true },
	} {
		cfg := valid(t)
		change(&cfg)
		_, err := mapping.New(cfg)
		require.ErrorContains(t, err, want)
		_, ok := errors.AsType[*mapping.ConfigError](err)
		assert.True(t, ok)
	}
}

func TestAgesThatMeanForever(t *testing.T) {
	for _, age := range []time.Duration{0, -1, -time.Second, time.Minute, 604_800 * time.Second} {
		cfg := valid(t)
		cfg.MaximumRecordAge = age
		_, err := mapping.New(cfg)
		assert.NoError(t, err, age)
	}
}

func TestTimestampInTheFutureIsRefusedInAWSsWords(t *testing.T) {
	cfg := valid(t)
	cfg.StartingPosition = mapping.AtTimestamp
	cfg.StartingPositionTimestamp = time.Now().Add(time.Hour)
	_, err := mapping.New(cfg)
	require.ErrorContains(t, err, "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ")
}

func TestAllViolationsAreReportedAtOnce(t *testing.T) {
	_, err := mapping.New(mapping.Config{BatchSize: 20_000})
	for _, field := range []string{"EventSourceARN", "StartingPosition", "BatchSize", "Client", "Function"} {
		assert.ErrorContains(t, err, field+": ")
	}
}

func TestFunctionNamesInAllTheirForms(t *testing.T) {
	for _, name := range []string{
		"f", "f:1", "f:alias", "f:$LATEST", "function:f", "function:f:1",
		"123456789012:function:f", "123456789012:function:f:1",
		"arn:aws:lambda:us-east-1:123456789012:function:f", "arn:aws:lambda:us-east-1:123456789012:function:f:alias",
	} {
		cfg := valid(t)
		cfg.FunctionName = name
		_, err := mapping.New(cfg)
		assert.NoError(t, err, name)
	}
	arn, err := mapping.FunctionARN("function:f:1", streamARN)
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:lambda:us-east-1:123456789012:function:f:1", arn, "it is no function called function")
}

// TestAFilterThatCanMatchNoRecordIsWarnedOf: it is valid, as on AWS, and would drop everything in silence.
func TestAFilterThatCanMatchNoRecordIsWarnedOf(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.FilterCriteria.Filters = []mapping.Filter{
			{Pattern: `{"data":{"a":[1]}}`}, {Pattern: `{"kinesis":{"data":{"a":["secret"]}}}`}, {Pattern: `{"eventName":["x"]}`},
		}
		_, err := mapping.New(cfg)
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(w.logs.String()), "\n")
		require.Len(t, lines, 2)
		for i, want := range []string{"filter=2 field=kinesis.data.a", "filter=3 field=eventName"} {
			require.Contains(t, lines[i], "level=WARN")
			require.Contains(t, lines[i], "a pattern begins with data, partitionKey, sequenceNumber, approximateArrivalTimestamp or kinesisSchemaVersion")
			require.Contains(t, lines[i], want)
			require.NotContains(t, lines[i], "secret")
		}
	})
}
