package kinesistest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// violations collects the violations of constraints of AWS's service model, in its words.
type violations []string

// maxViolations is how many of them the service reports.
const maxViolations = 10

// error returns a ValidationException that names all of them, or nil.
func (v violations) error() error {
	if len(v) == 0 {
		return nil
	}
	v = v[:min(len(v), maxViolations)]
	noun := "errors"
	if len(v) == 1 {
		noun = "error"
	}
	return &types.ValidationException{Message: new(fmt.Sprintf("%d validation %s detected: %s", len(v), noun, strings.Join(v, "; ")))}
}

// add records that a member violates a constraint. The value is quoted, unless it is too large.
func (v *violations) add(member, value, constraint string, args ...any) {
	*v = append(*v, "Value "+value+"at '"+member+"' failed to satisfy constraint: "+fmt.Sprintf(constraint, args...))
}

// notShown is the value of a member that the service does not repeat.
const notShown = ""

func quoted(value string) string { return "'" + value + "' " }

// present checks that a required member is there.
func (v *violations) present(member string, is bool) {
	if !is {
		v.add(member, "null ", "Member must not be null")
	}
}

// textRule is the model's constraint of a string. A length of 0 is unbounded.
type textRule struct {
	min, max int // in characters
	pattern  *regexp.Regexp
	said     string // the pattern, as the model has it
}

func newRule(low, high int, pattern string) textRule {
	return textRule{low, high, regexp.MustCompile("^(?:" + pattern + ")$"), pattern}
}

// The strings of AWS's model, version 2013-12-02.
var (
	nameRule        = newRule(1, 128, `[a-zA-Z0-9_.-]+`) // of a stream, a consumer, and a shard's ID
	streamARNRule   = newRule(1, 2048, `arn:aws.*:kinesis:.*:\d{12}:stream/\S+`)
	consumerARNRule = newRule(1, 2048, `^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+`)
	streamIDRule    = newRule(1, 24, `[a-z0-9]{20}-[a-z0-9]{3}`)
	sequenceRule    = newRule(0, 0, `^(0|([1-9]\d{0,128}))$`)
	hashKeyRule     = newRule(0, 0, `^(0|([1-9]\d{0,38}))$`)
	keyRule         = textRule{min: 1, max: 256}
	iteratorRule    = textRule{min: 1, max: 512}
	tokenRule       = textRule{min: 1, max: 1 << 20}
)

// text checks a string, which may be absent.
func (v *violations) text(member string, value *string, r textRule) {
	if value == nil {
		return
	}
	n := utf8.RuneCountInString(*value)
	if r.pattern != nil && !r.pattern.MatchString(*value) {
		v.add(member, quoted(*value), "Member must satisfy regular expression pattern: %s", r.said)
	}
	if n < r.min {
		v.add(member, quoted(*value), "Member must have length greater than or equal to %d", r.min)
	}
	if r.max > 0 && n > r.max {
		v.add(member, quoted(*value), "Member must have length less than or equal to %d", r.max)
	}
}

// required checks a string that must be there.
func (v *violations) required(member string, value *string, r textRule) {
	v.present(member, value != nil)
	v.text(member, value, r)
}

// within checks a number, which may be absent.
func (v *violations) within(member string, value *int32, low, high int32) {
	switch {
	case value == nil:
	case *value < low:
		v.add(member, quoted(fmt.Sprint(*value)), "Member must have value greater than or equal to %d", low)
	case *value > high:
		v.add(member, quoted(fmt.Sprint(*value)), "Member must have value less than or equal to %d", high)
	}
}

// among checks a string against an enumeration, which is reported in the given order. It may be absent, which is "".
func among[E ~string](v *violations, member string, value E, all ...E) {
	if value == "" || slices.Contains(all, value) {
		return
	}
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = string(e)
	}
	v.add(member, quoted(strings.TrimPrefix(string(value), wire.Blank)), "Member must satisfy enum value set: [%s]", strings.Join(names, ", "))
}

// length checks the number of a list's elements, of a map's entries or of a blob's bytes.
func (v *violations) length(member string, n, low, high int) {
	switch {
	case n < low:
		v.add(member, notShown, "Member must have length greater than or equal to %d", low)
	case n > high:
		v.add(member, notShown, "Member must have length less than or equal to %d", high)
	}
}

// stream checks what names a stream.
func (v *violations) stream(name, arn, id *string) {
	v.text("streamName", name, nameRule)
	v.text("streamARN", arn, streamARNRule)
	v.text("streamId", id, streamIDRule)
}

// tags checks the tags of something new.
func (v *violations) tags(tags map[string]string) {
	if tags == nil {
		return
	}
	v.length("tags", len(tags), 1, 200)
	if slices.ContainsFunc(slices.Collect(maps.Keys(tags)), func(key string) bool { return !hasLength(key, 1, 128) }) {
		v.add("tags", notShown, "Map keys must satisfy constraint: [Member must have length less than or equal to 128, "+
			"Member must have length greater than or equal to 1]")
	}
	if slices.ContainsFunc(slices.Collect(maps.Values(tags)), func(value string) bool { return !hasLength(value, 0, 256) }) {
		v.add("tags", notShown, "Map value must satisfy constraint: [Member must have length less than or equal to 256, "+
			"Member must have length greater than or equal to 0]")
	}
}

func hasLength(s string, low, high int) bool {
	n := utf8.RuneCountInString(s)
	return low <= n && n <= high
}
