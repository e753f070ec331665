package poller

import "time"

const (
	// chasePatience is how many empty pages in a row may be followed soon although none came closer to the tip.
	chasePatience = 5

	// chaseBreak is the absence of a reader after which the earlier lag says nothing about the current one. It is
	// longer than any PollInterval.
	chaseBreak = 5 * time.Minute
)

// chase decides whether an empty page that is behind the tip is followed soon: while the claimed lag shrinks, or
// records arrive. A service may claim a lag for ever. The zero chase has seen nothing.
type chase struct {
	least time.Duration // the least lag claimed since a page was not empty, or caught up; 0 when there was none
	last  time.Time     // the last page
	idle  int           // empty pages in a row that did not reduce least
}

// soon records a page that was read at now, and reports whether the next read should follow soon.
func (c *chase) soon(now time.Time, records int, lag time.Duration) bool {
	away := now.Sub(c.last) > chaseBreak
	c.last = now
	switch {
	case records > 0 || lag <= 0:
		c.least, c.idle = 0, 0
		return false
	case c.least == 0 || away || lag < c.least:
		c.least, c.idle = lag, 0
	default:
		c.idle++
	}
	return c.idle < chasePatience
}
