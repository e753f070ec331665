package mapping

import (
	"sync"
	"time"

	"github.com/shardmill/shardmill/poller"
)

const (
	// clockTolerance is the difference between this host's clock and the service's that is not logged. The service's
	// answers carry whole seconds, and take a while.
	clockTolerance = 5 * time.Second

	// clockPatience is how long a difference must last to be reported, except at the start: after the host was
	// suspended, the known time of the service is too old for a moment.
	clockPatience = 2 * time.Second

	// clockPause is the least time between two looks at the source's clock while nothing is read.
	clockPause = time.Second
)

// clocks are the times of our clock and the service's at one moment.
type clocks struct {
	ours, service time.Time
	known         bool // without it service is ours
}

// clocks reads both clocks; now is by ours.
func (m *Mapping) clocks(now time.Time) clocks {
	ours := now.Round(0)
	if c, ok := m.source.(poller.Clock); ok {
		if t, ok := c.Now(); ok {
			return clocks{ours: ours, service: t, known: true}
		}
	}
	return clocks{ours: ours, service: ours}
}

// ahead returns how far our clock is ahead of the service's, if that is known.
func (c clocks) ahead() time.Duration { return c.ours.Sub(c.service) }

// sourceClock is the clock of the records of a Run. It is safe for concurrent use.
type sourceClock struct {
	m     *Mapping
	began time.Time // the Run, by our clock

	mu    sync.Mutex
	watch clockWatch
}

// at returns what the source's clock shows at now. If the source does not know, our own clock is used, but no more of
// it than has passed since the Run began: when it is set forward, no record grows older.
func (c *sourceClock) at(now time.Time) time.Time {
	both := c.m.clocks(now)
	if !both.known {
		return steady(both.ours, c.began.Round(0), now.Sub(c.began))
	}
	c.report(now, both.ahead())
	return both.service
}

// steady returns the time of a clock that showed began a time passed ago; if it was set forward since, it returns the
// time that it would otherwise show.
func steady(now, began time.Time, passed time.Duration) time.Time {
	return earlier(now, began.Add(passed))
}

// report logs how far our clock is ahead if that is news.
func (c *sourceClock) report(now time.Time, ahead time.Duration) {
	c.mu.Lock()
	news := c.watch.look(now, ahead)
	c.mu.Unlock()
	switch news {
	case clocksDiffer:
		c.m.log.Warn("this host's clock differs from the stream's: the age of records goes by the stream's clock",
			"ahead", ahead.Round(time.Millisecond).String())
	case clocksAgree:
		c.m.log.Info("this host's clock agrees with the stream's again")
	case noNews:
	}
}

// clockWatch decides when the difference between our clock and the service's is news. The zero clockWatch has reported
// none.
type clockWatch struct {
	said    time.Duration // the difference that was reported last, 0 while the clocks agree
	looked  bool          // at least once
	changed time.Time     // since when said is no longer right, zero while it is
}

// clockNews is what there is to report.
type clockNews uint8

const (
	noNews clockNews = iota
	clocksDiffer
	clocksAgree
)

// look records how far our clock is ahead at now.
func (w *clockWatch) look(now time.Time, ahead time.Duration) clockNews {
	first := !w.looked
	w.looked = true
	switch {
	case w.isRight(ahead):
		w.changed = time.Time{}
		return noNews
	case !first && w.changed.IsZero():
		w.changed = now
		return noNews
	case !first && now.Sub(w.changed) < clockPatience:
		return noNews
	}
	w.changed = time.Time{}
	if ahead.Abs() <= clockTolerance {
		w.said = 0
		return clocksAgree
	}
	w.said = ahead
	return clocksDiffer
}

// isRight reports whether the last reported difference still describes the current one: within the tolerance, or a
// tenth.
func (w *clockWatch) isRight(ahead time.Duration) bool {
	if w.said == 0 || ahead.Abs() <= clockTolerance {
		return w.said == 0 && ahead.Abs() <= clockTolerance
	}
	return (ahead - w.said).Abs() <= max(clockTolerance, w.said.Abs()/10)
}
