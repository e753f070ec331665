package registry

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch/filter"
	"github.com/shardmill/shardmill/mapping"
)

// define returns the definition of a Create, without its UUID, or its violations. It makes no call.
func define(in *CreateInput, now time.Time) (definition, error) {
	if err := in.constraints().error(); err != nil {
		return definition{}, err
	}
	d := newDefinition()
	d.EventSourceARN, d.StartingPosition, d.Tags = in.EventSourceARN, in.StartingPosition, in.Tags
	d.set(&in.Settings)
	d.LastModified = now.UnixMilli()
	function, err := functionOf(in.FunctionName, in.EventSourceARN)
	if err != nil {
		return definition{}, err
	}
	d.FunctionARN = function
	if err := in.start(&d, now); err != nil {
		return definition{}, err
	}
	if err := checkTags(in.Tags); err != nil {
		return definition{}, err
	}
	return d.clone(), d.check(&in.Settings)
}

func (in *CreateInput) constraints() constraints {
	var c constraints
	if in.FunctionName == "" {
		c.null("functionName")
	} else {
		c.functionName(in.FunctionName)
	}
	if in.StartingPosition != "" || in.emptyPosition {
		c.oneOf(in.StartingPosition, "startingPosition", "LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")
	}
	if in.EventSourceARN != "" || in.emptySource {
		c.source(in.EventSourceARN)
	}
	c.settings(&in.Settings)
	c.tags(in.Tags)
	return c
}

// start sets the starting position.
func (in *CreateInput) start(d *definition, now time.Time) error {
	at := in.StartingPositionTimestamp.Truncate(time.Second)
	switch {
	case in.StartingPosition == "":
		return invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	case in.StartingPosition != string(mapping.AtTimestamp) && !in.StartingPositionTimestamp.IsZero():
		return invalid("Timestamp only valid with StartingPosition AT_TIMESTAMP")
	case in.StartingPosition == string(mapping.AtTimestamp) && in.StartingPositionTimestamp.IsZero():
		return invalid("Need to specify a timestamp")
	case in.StartingPosition != string(mapping.AtTimestamp):
		return nil
	case at.Before(time.Unix(0, 0)): // recorded of AWS, which puts the class of its own number before the type
		return invalid("Received Exception while reading from provided stream. class java.lang.Long can not be converted to a Timestamp")
	case at.After(now):
		return invalid("Received Exception while reading from provided stream. The timestampInMillis parameter cannot be greater "+
			"than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d", at.UnixMilli(), now.UnixMilli())
	}
	d.StartingPositionTimestamp = at.Unix()
	return nil
}

// functionOf returns the ARN of a function, or what is wrong with its name or its source.
func functionOf(name, source string) (string, error) {
	if _, err := mapping.FunctionARN("any", source); err != nil {
		e := invalid("Unrecognized event source.")
		e.Err = err
		return "", e
	}
	arn, err := mapping.FunctionARN(name, source)
	if err != nil {
		return "", invalid("Function does not exist") // The model accepts names that no function can have.
	}
	return arn, nil
}

// redefine returns the result of an Update of d, or its violations. It makes no call.
func (d *definition) redefine(in *UpdateInput, now time.Time) (definition, error) {
	var c constraints
	if in.FunctionName != nil {
		c.functionName(*in.FunctionName)
	}
	c.settings(&in.Settings)
	if err := c.error(); err != nil {
		return definition{}, err
	}
	if d.State != Enabled && d.State != Disabled {
		return definition{}, inUse("update")
	}
	n := d.clone()
	n.set(&in.Settings)
	n.LastModified = now.UnixMilli()
	if in.FunctionName != nil {
		function, err := functionOf(*in.FunctionName, d.EventSourceARN)
		if err != nil {
			return definition{}, err
		}
		n.FunctionARN = function
	}
	switch {
	case n.Enabled == d.Enabled:
		n.State = Updating
	case n.Enabled:
		n.State = Enabling
	default:
		n.State = Disabling
	}
	return n, n.check(&in.Settings)
}

// remove returns the result of a Delete of d, or why it cannot be deleted now.
func (d *definition) remove(now time.Time) (definition, error) {
	if !d.State.settled() {
		return definition{}, inUse("delete")
	}
	n := d.clone()
	n.State, n.LastModified = Deleting, now.UnixMilli()
	return n, nil
}

// check returns the violations of a definition as a whole, after s was set.
func (d *definition) check(s *Settings) error {
	switch {
	case len(s.unsupported) > 0:
		return invalid("Unsupported %s parameter for given event source mapping type.", s.unsupported[0])
	case s.DestinationConfig != nil && s.DestinationConfig.onSuccess:
		return invalid("OnSuccess configuration is not supported for event source mappings.")
	case d.MaximumRecordAgeInSeconds >= 0 && d.MaximumRecordAgeInSeconds < 60:
		return invalid("MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)")
	case d.TumblingWindowInSeconds > 0 && d.ParallelizationFactor > 1:
		return invalid("Parallelization factor must be equal to 1 when tumbling window period is configured")
	case d.TumblingWindowInSeconds > 0 && len(d.Filters) > 0:
		return invalid("FilterCriteria must be empty when tumbling window period is configured") // ours: AWS's text is not known
	case s.KMSKeyARN != nil && *s.KMSKeyARN != "":
		return invalid("KMSKeyArn is not supported: definitions are not encrypted with a key of their own") // ours
	}
	if err := d.checkFilters(); err != nil {
		return err
	}
	return d.fits()
}

// maxFilters is AWS's quota of filters.
const maxFilters = 5

func (d *definition) checkFilters() error {
	if len(d.Filters) > maxFilters {
		return invalid("FilterCriteria has %d filters, the limit is %d", len(d.Filters), maxFilters) // ours
	}
	patterns := make([]string, len(d.Filters))
	for i, f := range d.Filters {
		patterns[i] = f.Pattern
	}
	if _, err := filter.Compile(patterns, 0); len(patterns) > 0 && err != nil {
		return &Error{Code: CodeInvalidParameterValue, Status: 400, Type: user, Message: "Invalid filter pattern definition.", Err: err}
	}
	return nil
}

// maxTags is AWS's quota of tags.
const maxTags = 50

// checkTags returns the violations of a mapping's tags. The text of reserved keys is ours.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Number of tags exceeds resource tag limit.")
	}
	for _, key := range sortedKeys(tags) {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys must not begin with aws: - %s", key)
		}
	}
	return nil
}

// shortName is a function's name with its qualifier, if it has one.
func shortName(functionARN string) string {
	p := strings.SplitN(functionARN, ":", 7)
	return cmp.Or(p[len(p)-1], functionARN)
}

// check validates the input of a List.
func (in *ListInput) check() error {
	var c constraints
	c.within(in.MaxItems, "maxItems", 1, 10_000)
	if in.FunctionName != "" {
		c.functionName(in.FunctionName)
	}
	if in.EventSourceARN != "" {
		c.source(in.EventSourceARN)
	}
	if err := c.error(); err != nil {
		return err
	}
	if in.Marker != "" && !isUUID(in.Marker) {
		return invalid("Invalid value for Marker: %s", fmt.Sprintf("%.100q", in.Marker)) // ours
	}
	return nil
}

// pageSize is how many mappings a page of List has at most.
const pageSize = 100

// shows reports whether a List selects a mapping: its filters are exact, that by function including the qualifier.
func (in *ListInput) shows(d *definition) bool {
	if in.EventSourceARN != "" && in.EventSourceARN != d.EventSourceARN {
		return false
	}
	if in.FunctionName == "" {
		return true
	}
	arn, err := mapping.FunctionARN(in.FunctionName, d.EventSourceARN)
	return err == nil && arn == d.FunctionARN
}
