package poller

import (
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// serviceClock is the service's clock, from the Date of its answers. The zero serviceClock knows nothing.
//
// A Date is the service's time cut to the second, and was written before its answer arrived: at the moment of reading
// the true time is the Date or later. So each answer gives a lower bound, never an upper one, and the highest recent
// bound is kept. A bound ages: after a minute the next one replaces it, even a lower one, so that neither a drift
// between the clocks nor a service's clock that was set back persists.
//
// A Date that is more than a minute from the expected time counts only when the next answer agrees with it: a proxy may
// have answered from its cache, and records that seem hours older are discarded. The first Date can only be compared with
// our own clock: it counts unless it is ahead of that. A Date that is behind only makes records seem younger.
type serviceClock struct {
	mu    sync.Mutex
	bound dated // zero before an answer counted
	odd   dated // the last answer, if it was far from bound
}

// dated is the Date of an answer, and the arrival of the answer on our monotonic clock.
type dated struct{ date, at time.Time }

// when returns the service's time at t according to this answer, or slightly less.
func (d dated) when(t time.Time) time.Time { return d.date.Add(t.Sub(d.at)) }

// isAhead reports whether the Date is far ahead of our own clock.
func (d dated) isAhead() bool { return d.date.Sub(d.at.Round(0)) > clockJump }

// isNear reports whether two answers could be of one clock.
func (d dated) isNear(other dated) bool {
	return !other.date.IsZero() && other.date.Sub(d.when(other.at)).Abs() <= clockJump
}

const (
	boundLife = time.Minute
	clockJump = time.Minute
)

// observe learns from the metadata of an answer, which contains no time if the Client speaks no HTTP.
func (c *serviceClock) observe(md middleware.Metadata) {
	date, ok := awsmiddleware.GetServerTime(md)
	if !ok {
		return
	}
	at, ok := awsmiddleware.GetResponseAt(md)
	if !ok {
		at = time.Now()
	}
	c.take(dated{date, at})
}

// take learns from an answer.
func (c *serviceClock) take(d dated) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.bound.date.IsZero() && !d.isAhead():
		c.bound, c.odd = d, dated{}
	case d.isNear(c.bound):
		c.odd = dated{}
		if d.at.Sub(c.bound.at) > boundLife || d.date.After(c.bound.when(d.at)) {
			c.bound = d
		}
	case d.isNear(c.odd):
		c.bound, c.odd = d, dated{}
	default:
		c.odd = d
	}
}

// when returns the service's time at t, or slightly less, and false while no answer counted.
func (c *serviceClock) when(t time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bound.date.IsZero() {
		return time.Time{}, false
	}
	return c.bound.when(t).UTC(), true
}
