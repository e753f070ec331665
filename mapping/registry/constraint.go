package registry

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// constraints collects the values out of range, in the words of Lambda's model.
type constraints []string

// error returns a ValidationException that names all of them, or nil.
func (c constraints) error() error {
	switch len(c) {
	case 0:
		return nil
	case 1:
		return &Error{Code: CodeValidation, Status: http.StatusBadRequest, Message: "1 validation error detected: " + c[0]}
	}
	return &Error{
		Code: CodeValidation, Status: http.StatusBadRequest,
		Message: fmt.Sprintf("%d validation errors detected: %s", len(c), strings.Join(c, "; ")),
	}
}

func (c *constraints) add(value any, member, constraint string) {
	*c = append(*c, fmt.Sprintf("Value '%v' at '%s' failed to satisfy constraint: %s", value, member, constraint))
}

func (c *constraints) null(member string) {
	*c = append(*c, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", member))
}

// within checks a number that may be absent.
func (c *constraints) within(value *int, member string, low, high int) {
	switch {
	case value == nil:
	case *value < low:
		c.add(*value, member, fmt.Sprintf("Member must have value greater than or equal to %d", low))
	case *value > high:
		c.add(*value, member, fmt.Sprintf("Member must have value less than or equal to %d", high))
	}
}

// length checks the length of a text in characters.
func (c *constraints) length(value, member string, low, high int) {
	switch n := utf8.RuneCountInString(value); {
	case n < low:
		c.add(value, member, fmt.Sprintf("Member must have length greater than or equal to %d", low))
	case n > high:
		c.add(value, member, fmt.Sprintf("Member must have length less than or equal to %d", high))
	}
}

// oneOf checks a text against an enumeration, which is reported in the given order.
func (c *constraints) oneOf(value, member string, all ...string) {
	if !slices.Contains(all, value) {
		c.add(value, member, enum(all))
	}
}

// eachOf checks a list of texts against an enumeration.
func (c *constraints) eachOf(values []string, member string, most int, all ...string) {
	if slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(all, v) }) {
		c.add(list(values), member, "Member must satisfy constraint: ["+enum(all)+", Member must not be null]")
	}
	if len(values) > most {
		c.add(list(values), member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

func enum(all []string) string {
	return "Member must satisfy enum value set: " + list(all)
}

// list is a list as Java prints it.
func list(values []string) string { return "[" + strings.Join(values, ", ") + "]" }

// settings checks the common settings of Create and Update.
func (c *constraints) settings(s *Settings) {
	c.within(s.BatchSize, "batchSize", 1, 10_000)
	c.within(s.MaximumBatchingWindowInSeconds, "maximumBatchingWindowInSeconds", 0, 300)
	c.within(s.ParallelizationFactor, "parallelizationFactor", 1, 10)
	c.within(s.MaximumRecordAgeInSeconds, "maximumRecordAgeInSeconds", -1, 604_800)
	c.within(s.MaximumRetryAttempts, "maximumRetryAttempts", -1, 10_000)
	c.within(s.TumblingWindowInSeconds, "tumblingWindowInSeconds", 0, 900)
	c.eachOf(s.FunctionResponseTypes, "functionResponseTypes", 1, "ReportBatchItemFailures")
	if s.DestinationConfig != nil {
		c.text(s.DestinationConfig.OnFailure.Destination, "destinationConfig.onFailure.destination", 0, 350, destinationARN)
	}
	if s.FilterCriteria != nil {
		for i, f := range s.FilterCriteria.Filters {
			c.length(f.Pattern, fmt.Sprintf("filterCriteria.filters.%d.member.pattern", i+1), 0, 4096)
		}
	}
	if s.KMSKeyARN != nil {
		c.text(*s.KMSKeyARN, "kMSKeyArn", 0, 10_000, keyARN)
	}
	if s.MetricsConfig != nil {
		c.eachOf(s.MetricsConfig.Metrics, "metricsConfig.metrics", 3, "EventCount", "ErrorCount", "KafkaMetrics")
	}
}

// functionName checks the model's constraints of a function's name.
func (c *constraints) functionName(name string) {
	c.text(name, "functionName", 1, 256, functionName)
}

// source checks the model's constraints of the ARN of an event source.
func (c *constraints) source(arn string) { c.text(arn, "eventSourceArn", 0, 10_000, anyARN) }

// resource checks the model's constraints of the ARN of a tagged resource.
func (c *constraints) resource(arn string) { c.text(arn, "resource", 1, 10_000, taggable) }

// text checks the length of a text and, if that is valid, its pattern.
func (c *constraints) text(value, member string, low, high int, p pattern) {
	before := len(*c)
	c.length(value, member, low, high)
	if len(*c) == before && !p.match.MatchString(value) {
		c.add(value, member, "Member must satisfy regular expression pattern: "+p.said)
	}
}

// pattern is a pattern of Lambda's model, version 2015-03-31, which the whole of a text must match.
type pattern struct {
	said  string
	match *regexp.Regexp
}

func newPattern(said string) pattern {
	return pattern{said, regexp.MustCompile(`\A(?:` + said + `)\z`)}
}

var (
	anyARN         = newPattern(arnPattern)
	destinationARN = newPattern(`$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|` + arnPattern)
	keyARN         = newPattern(`(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()`)
	functionName   = newPattern(functionPattern)
	taggable       = newPattern(taggablePattern)
	tagText        = newPattern(`([\p{L}\p{Z}\p{N}_.:/=+\-@]*)`) // keys and values
)

const arnPattern = `arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`

const functionPattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?` +
	`([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`

const taggablePattern = `arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:` +
	`(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}` +
	`|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}` +
	`|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})`

// identifier checks the UUID of a mapping in a request: the model limits its length and has no pattern.
func (c *constraints) identifier(uuid string) { c.length(uuid, "uUID", uuidLength, uuidLength) }

// uuidLength is the number of characters of a UUID.
const uuidLength = 36

// isUUID reports whether a text can be the Marker of a List, which is a mapping's UUID.
func isUUID(s string) bool { return len(s) == uuidLength && uuid.Validate(s) == nil }

// tagKeys checks the keys of an UntagResource. There must be at least one.
func (c *constraints) tagKeys(keys []string) {
	if len(keys) == 0 {
		c.null("tagKeys")
	}
	for _, key := range keys {
		var one constraints
		if one.text(key, "", 1, 128, tagText); len(one) > 0 {
			c.add(list(keys), "tagKeys", "Member must satisfy constraint: [Member must have length less than or equal to 128, "+
				"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: "+tagText.said+"]")
			return
		}
	}
}

// tags checks tags before they are stored. Source of the bounds: Lambda API reference, "TagResource", and AWS's rules
// for tags.
func (c *constraints) tags(tags map[string]string) {
	for _, key := range sortedKeys(tags) {
		c.text(key, "tags.key", 1, 128, tagText)
		c.text(tags[key], "tags."+key+".value", 0, 256, tagText)
	}
}
