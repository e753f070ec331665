package mapping

import (
	"errors"
	"fmt"
	"time"
)

// violations collects the violations of a Config.
type violations struct{ errs []error }

func (v *violations) add(field, message string) {
	v.errs = append(v.errs, &ConfigError{Field: field, Message: message})
}

func (v *violations) join() error { return errors.Join(v.errs...) }

// atMost and atLeast check a number in the words of the Lambda API.
func (v *violations) atMost(field, member string, value, limit int) {
	if value > limit {
		v.constraint(field, member, value, "less", limit)
	}
}

func (v *violations) atLeast(field, member string, value, limit int) {
	if value < limit {
		v.constraint(field, member, value, "greater", max(limit, 1))
	}
}

func (v *violations) constraint(field, member string, value int, than string, limit int) {
	v.add(field, fmt.Sprintf("1 validation error detected: Value '%d' at '%s' failed to satisfy constraint: "+
		"Member must have value %s than or equal to %d", value, member, than, limit))
}

// seconds checks a duration that is in whole seconds on AWS.
func (v *violations) seconds(field, member string, d time.Duration, low, high int) {
	if d%time.Second != 0 {
		v.add(field, fmt.Sprintf("is %s, must be whole seconds", d))
		return
	}
	n := int(d / time.Second)
	v.atMost(field, member, n, high)
	if n < low {
		v.constraint(field, member, n, "greater", low)
	}
}

// within checks a duration of our own; 0 means its default.
func (v *violations) within(field string, d, low, high time.Duration) {
	if d != 0 && (d < low || d > high) {
		v.add(field, fmt.Sprintf("is %s, must be between %s and %s", d, low, high))
	}
}

// mostBytes bounds a size of our own: 1 TiB, or 1 GiB where an int has 32 bits. Sums of such a size and a page's stay
// within an int.
const mostBytes = 1 << (30 + 10*(^uint(0)>>63))

// bytes checks a size of our own; 0 means its default.
func (v *violations) bytes(field string, n int) {
	const least, most = 1 << 10, mostBytes
	if n != 0 && (n < least || n > most) {
		v.add(field, fmt.Sprintf("is %d, must be between %d and %d", n, least, most))
	}
}
