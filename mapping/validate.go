package mapping

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/google/uuid"

	"github.com/shardmill/shardmill/batch/filter"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/poller"
)

// maxStoreName is the maximum length of Config.StoreName, which is a key in DynamoDB, in bytes.
const maxStoreName = 1024

// validate returns all violations of c, joined, or nil. It stores in p what it has parsed.
func (c *Config) validate(p *parsed, now time.Time) error {
	var v violations
	c.validateRequired(&v, p)
	c.validateStart(&v, now)

	v.atMost("BatchSize", "batchSize", c.BatchSize, 10_000)
	v.atLeast("BatchSize", "batchSize", c.BatchSize, 0)
	v.seconds("MaximumBatchingWindow", "maximumBatchingWindowInSeconds", c.MaximumBatchingWindow, 0, 300)

	c.validateFailures(&v, p)
	c.validateShape(&v, p)
	c.validateWorker(&v)

	v.within("FunctionTimeout", c.FunctionTimeout, 0, 24*time.Hour)
	v.within("Read.PollInterval", c.Read.PollInterval, 200*time.Millisecond, 4*time.Minute) // an iterator lives 5 minutes
	if c.FailoverTime != 0 {
		v.within("FailoverTime", c.FailoverTime, time.Second, time.Hour)
	}
	v.within("ShardRefreshInterval", c.ShardRefreshInterval, time.Second, 24*time.Hour)
	v.bytes("PayloadLimit", c.PayloadLimit)
	v.bytes("BufferBytes", c.BufferBytes)
	return v.join()
}

func (c *Config) validateRequired(v *violations, p *parsed) {
	from, err := parseSourceARN(c.EventSourceARN)
	p.from = from
	if err != nil {
		v.add("EventSourceARN", err.Error())
	} else {
		c.validateFunction(v, p)
	}
	if c.FunctionName == "" && c.EventSourceARN == "" {
		v.add("FunctionName", "must be set")
	}
	switch {
	case isNil(c.Client) && c.Source == nil:
		v.add("Client", "must be set, or Source")
	case c.Client != nil && c.Source != nil:
		v.add("Source", "must not be set together with Client")
	case c.Source != nil && c.Read.PollInterval != 0:
		v.add("Read.PollInterval", fmt.Sprintf("is %s, but goes with Client only: a Source has its own cadence", c.Read.PollInterval))
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"Read.Deaggregate", c.Read.Deaggregate},
		{"Read.KeepMembersOutsideShard", c.Read.KeepMembersOutsideShard},
		{"Read.FallBackToPolling", c.Read.FallBackToPolling},
		{"Read.SDKDecoding", c.Read.SDKDecoding},
		{"Read.CBOR", c.Read.CBOR},
		{"Budget", c.Budget != nil},
		{"Role", c.Role != nil},
	} {
		if c.Source != nil && f.set {
			v.add(f.name, "is set, but goes with Client only: a Source reads in its own way")
		}
	}
	if region := clientRegion(c.Client); err == nil && region != "" && region != from.region {
		v.add("Client", fmt.Sprintf("is for the region %q, and EventSourceARN is in %q", region, from.region))
	}
	polled := err == nil && from.consumer == ""
	if c.Read.FallBackToPolling && polled {
		v.add("Read.FallBackToPolling", "is set, but goes with the ARN of a consumer in EventSourceARN only")
	}
	if c.Read.KeepMembersOutsideShard && !c.Read.Deaggregate && c.Source == nil && polled {
		v.add("Read.KeepMembersOutsideShard", "is set, but goes with Read.Deaggregate, or the ARN of a consumer in EventSourceARN, only")
	}
	if isNil(c.Function) {
		v.add("Function", "must be set")
	}
	if len(c.StoreName) > maxStoreName || !utf8.ValidString(c.StoreName) {
		v.add("StoreName", fmt.Sprintf("is %.100q, of %d bytes, must be at most %d bytes of UTF-8", c.StoreName, len(c.StoreName), maxStoreName))
	}
	if c.UUID != "" && (len(c.UUID) != 36 || uuid.Validate(c.UUID) != nil) {
		v.add("UUID", fmt.Sprintf("is %q, must be a UUID of 36 characters", c.UUID))
	}
}

// clientRegion returns the region that a client signs for and calls; empty if it does not say. A custom endpoint makes
// no difference: it serves one region too, and refuses signatures for another.
func clientRegion(client poller.Client) string {
	if c, ok := client.(interface{ Options() kinesis.Options }); ok && !isNil(client) {
		return c.Options().Region
	}
	return ""
}

// validateFunction checks the function's name, and whether the Function can invoke it.
func (c *Config) validateFunction(v *violations, p *parsed) {
	var err error
	if p.functionARN, err = functionARN(c.FunctionName, &p.from); err != nil {
		v.add("FunctionName", err.Error())
		return
	}
	if f, ok := c.Function.(invoke.FunctionChecker); ok && !isNil(c.Function) {
		if err := f.CheckFunction(p.functionARN); err != nil {
			v.add("Function", err.Error())
		}
	}
}

// validateShape checks the settings that control how batches are cut: lanes, windows, filters.
func (c *Config) validateShape(v *violations, p *parsed) {
	v.atMost("ParallelizationFactor", "parallelizationFactor", c.ParallelizationFactor, 10)
	v.atLeast("ParallelizationFactor", "parallelizationFactor", c.ParallelizationFactor, 0)
	v.seconds("TumblingWindow", "tumblingWindowInSeconds", c.TumblingWindow, 0, 900)
	v.within("TumblingWindowGrace", c.TumblingWindowGrace, 0, 2*time.Minute)
	if c.TumblingWindow > 0 && c.ParallelizationFactor > 1 {
		v.add("ParallelizationFactor", "Parallelization factor must be equal to 1 when tumbling window period is configured")
	}
	if c.TumblingWindow > 0 && len(c.FilterCriteria.Filters) > 0 {
		v.add("FilterCriteria", "must be empty when a tumbling window is configured") // AWS's text is not known
	}
	if _, ok := c.Function.(invoke.Func); ok && c.TumblingWindow > 0 {
		v.add("Function", "is an invoke.Func, which returns no state, and a tumbling window needs one: use invoke.StateFunc or invoke.ResponseFunc")
	}
	var err error
	if p.filters, err = c.filters(); err != nil {
		v.add("FilterCriteria", err.Error())
	}
}

// filters returns the compiled filters, nil without any.
func (c *Config) filters() (*filter.Criteria, error) {
	if len(c.FilterCriteria.Filters) == 0 {
		return nil, nil
	}
	patterns := make([]string, len(c.FilterCriteria.Filters))
	for i, f := range c.FilterCriteria.Filters {
		patterns[i] = f.Pattern
	}
	return filter.Compile(patterns, c.FilterCriteria.Limit)
}

// validateFailures checks the settings for failed batches.
func (c *Config) validateFailures(v *violations, p *parsed) {
	if n := c.MaximumRetryAttempts; n != nil {
		v.atMost("MaximumRetryAttempts", "maximumRetryAttempts", *n, 10_000)
		if *n < -1 {
			v.constraint("MaximumRetryAttempts", "maximumRetryAttempts", *n, "greater", -1)
		}
	}
	if age := c.MaximumRecordAge; age != 0 && age != -1 && age != -time.Second &&
		(age < 60*time.Second || age > 604_800*time.Second || age%time.Second != 0) {
		v.add("MaximumRecordAge", fmt.Sprintf("is %s: MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)", age))
	}
	for _, t := range c.FunctionResponseTypes {
		if t != ReportBatchItemFailures || len(c.FunctionResponseTypes) > 1 {
			v.add("FunctionResponseTypes", fmt.Sprintf("1 validation error detected: Value '%v' at 'functionResponseTypes' failed to satisfy constraint: "+
				"Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures], Member must not be null]", c.FunctionResponseTypes))
			break
		}
	}
	var err error
	if p.destination, err = c.destination(); err != nil {
		v.add("DestinationConfig.OnFailure", err.Error())
	}
}

// destination returns the destination of discarded records, nil without one.
func (c *Config) destination() (invoke.Destination, error) {
	to, name := c.DestinationConfig.OnFailure.Target, c.DestinationConfig.OnFailure.Destination
	switch {
	case to != nil && isNil(to):
		return nil, errors.New("its field Target is a nil function")
	case to != nil && name != "":
		return nil, errors.New("its fields Destination and Target must not be set together")
	case to != nil:
		return to, nil
	case name == "" && c.DestinationConfig.OnFailure.Block:
		return nil, errors.New("its field Block is set without a destination")
	case name == "":
		return nil, nil
	}
	return invoke.ResolveDestination(name, c.DestinationResolvers...)
}

// isNil reports whether v is nil, or a nil of one of the usual types.
func isNil(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case invoke.Func:
		return v == nil
	case invoke.ResponseFunc:
		return v == nil
	case invoke.DestinationFunc:
		return v == nil
	case *kinesis.Client:
		return v == nil
	default:
		return false
	}
}

// validateStart checks the starting position as CreateEventSourceMapping does, with its texts.
func (c *Config) validateStart(v *violations, now time.Time) {
	at := c.StartingPositionTimestamp
	switch c.StartingPosition {
	case "":
		v.add("StartingPosition", "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "+
			"Member must not be null.")
	case TrimHorizon, Latest:
		if !at.IsZero() {
			v.add("StartingPositionTimestamp", "Timestamp only valid with StartingPosition AT_TIMESTAMP")
		}
	case AtTimestamp:
		switch {
		case at.IsZero():
			v.add("StartingPositionTimestamp", "Need to specify a timestamp")
		case at.Before(time.Unix(0, 0)): // recorded of AWS, which puts the class of its own number before the type
			v.add("StartingPositionTimestamp", "Received Exception while reading from provided stream. "+
				"class java.lang.Long can not be converted to a Timestamp")
		case at.Truncate(time.Second).After(now):
			v.add("StartingPositionTimestamp", fmt.Sprintf("Received Exception while reading from provided stream. "+
				"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "+
				"timestampInMillis: %d, currentTimestampInMillis: %d", at.Truncate(time.Second).UnixMilli(), now.UnixMilli()))
		}
	default:
		v.add("StartingPosition", fmt.Sprintf("1 validation error detected: Value '%s' at 'startingPosition' failed to satisfy "+
			"constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]", c.StartingPosition))
	}
}
