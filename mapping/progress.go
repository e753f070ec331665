package mapping

import (
	"errors"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
)

// progressOf returns the Progress of a Commit.
func progressOf(c *batch.Commit) driver.Progress {
	return driver.Progress{
		Version: c.Version, Position: c.Position, End: c.End, ResolvedUpTo: c.ResolvedUpTo, Window: c.Window, ClosedUpTo: c.ClosedUpTo,
	}
}

// resumeAfter returns the Commit after which a Scheduler resumes.
func resumeAfter(p *driver.Progress) batch.Commit {
	return batch.Commit{Position: p.Position, ResolvedUpTo: p.ResolvedUpTo, Window: p.Window, ClosedUpTo: p.ClosedUpTo}
}

// isFinal reports whether a retry cannot help against an error of a Store.
func isFinal(err error) bool {
	return errors.Is(err, driver.ErrUnreadable) || errors.Is(err, driver.ErrForeignFleet) || isGone(err)
}

// isGone reports whether an error says that a Store accepts no more calls.
func isGone(err error) bool {
	return errors.Is(err, driver.ErrStoreClosed) || errors.Is(err, driver.ErrStoreBroken)
}
