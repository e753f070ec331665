package roletest

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shardmill/shardmill/internal/arns"
)

// The constraints of AssumeRole in STS's model, version 2011-06-15.
var (
	namePattern     = newText(2, 64, `[\w+=,.@-]*`)
	identityPattern = newText(2, 256, `[\w+=,.@-]*`)
	externalPattern = newText(2, 1224, `[\w+=,.@:\/-]*`)
	arnPattern      = newText(20, 2048, `[\x{9}\x{A}\x{D}\x{20}-\x{7E}\x{85}\x{A0}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+`)
	policyPattern   = newText(1, 2048, `[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+`)
	keyPattern      = newText(1, 128, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
	valuePattern    = newText(0, 256, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`)
)

// maxTags is the most tags of a session.
const maxTags = 50

// text is the model's constraint of a string.
type text struct {
	min, max int
	pattern  *regexp.Regexp // of the whole string
	said     string
}

func newText(low, high int, pattern string) text {
	return text{low, high, regexp.MustCompile(`\A(?:` + pattern + `)\z`), pattern}
}

// check returns the violations of the model's constraints, in the words of STS, and then other mistakes.
func (c *assumption) check(form url.Values) error {
	var wrong []string
	add := func(member, value string, t text) { wrong = append(wrong, t.wrong(member, value)...) }
	add("roleArn", c.roleARN, arnPattern)
	add("roleSessionName", c.name, namePattern)
	for member, t := range map[string]text{"ExternalId": externalPattern, "SourceIdentity": identityPattern, "Policy": policyPattern} {
		if form.Has(member) {
			add(strings.ToLower(member[:1])+member[1:], form.Get(member), t)
		}
	}
	if c.duration < leastDuration || c.duration > mostDuration {
		wrong = append(wrong, durationText(c.duration))
	}
	if len(c.tags) > maxTags {
		wrong = append(wrong, fmt.Sprintf("Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to %d", maxTags))
	}
	for i, key := range slices.Sorted(maps.Keys(c.tags)) {
		add(fmt.Sprintf("tags.%d.member.key", i+1), key, keyPattern)
		add(fmt.Sprintf("tags.%d.member.value", i+1), c.tags[key], valuePattern)
	}
	if len(wrong) > 0 {
		slices.Sort(wrong) // STS's order is not known
		noun := "error"
		if len(wrong) > 1 {
			noun = "errors"
		}
		return invalid("%d validation %s detected: %s", len(wrong), noun, strings.Join(wrong, "; "))
	}
	return c.beyond()
}

// beyond returns mistakes that the model does not cover. The text of reserved prefixes is ours.
func (c *assumption) beyond() error {
	if !arns.Role.Fits(c.roleARN) {
		return invalid("%s is invalid", c.roleARN)
	}
	seen := map[string]bool{}
	for key := range c.tags {
		lower := strings.ToLower(key)
		if seen[lower] {
			return invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if strings.HasPrefix(lower, "aws:") {
			return invalid("Tag keys must not begin with aws:")
		}
		seen[lower] = true
	}
	return nil
}

// wrong returns how a value violates the constraints.
func (t text) wrong(member, value string) []string {
	var all []string
	add := func(format string, args ...any) {
		all = append(all, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, member, fmt.Sprintf(format, args...)))
	}
	n := utf8.RuneCountInString(value)
	if n < t.min {
		add("Member must have length greater than or equal to %d", t.min)
	}
	if n > t.max {
		add("Member must have length less than or equal to %d", t.max)
	}
	if !t.pattern.MatchString(value) {
		add("Member must satisfy regular expression pattern: %s", t.said)
	}
	return all
}

func durationText(d time.Duration) string {
	bound := fmt.Sprintf("less than or equal to %.0f", mostDuration.Seconds())
	if d < leastDuration {
		bound = fmt.Sprintf("greater than or equal to %.0f", leastDuration.Seconds())
	}
	return fmt.Sprintf("Value '%.0f' at 'durationSeconds' failed to satisfy constraint: Member must have value %s", d.Seconds(), bound)
}
