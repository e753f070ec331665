package poller

import (
	"errors"
	"time"

	"github.com/aws/smithy-go"
)

// A shard grants 5 reads a second to all its consumers together, and the service does not say how many others there are: a
// reader learns only that a read was refused. The rule here makes of it that the readers of a shard come to about equal
// parts, that none waits for long, and that nearly all reads of the shard are used. TestConsumersShareAShard measures that, and
// docs/architecture.md says how the numbers were found.
//
// A read that is refused is retried soon, until it is granted: a reader that waits has precedence over one that was just served.
// What adapts is the interval from one granted read to the next, by how often a read is refused before it is granted. A reader
// with a longer interval bears more refusals, so that of two readers the one with the longer interval gains: that makes
// the parts equal.
const (
	// borneAlways and bornePerSecond say how many refusals a granted read may cost: borneAlways, and bornePerSecond more
	// for each second of the interval. With fewer, reads of the shard stay unused.
	borneAlways    = 0.2
	bornePerSecond = 1.1

	// adaptation is the part by which each refusal more or less than that changes the interval.
	adaptation = 0.03

	// maxShared is the longest interval that sharing leads to, that of 25 consumers. More of them wait for longer.
	maxShared = 5 * time.Second

	// metFor is how long after a refusal the shard counts as shared.
	metFor = 30 * time.Second

	// slack is the part by which the interval is longer than wanted while the shard is shared, and leastShared what it is at
	// least then: a reader that came back at the very moment at which the shard can grant its read again would leave no other
	// a chance, and one that wants all five reads of a second leaves one.
	slack       = 0.05
	leastShared = 270 * time.Millisecond

	// jitter is the part by which an interval is shorter or longer at random while the shard is shared.
	jitter = 0.1
)

// A read that was refused is retried after retryPause on average.
const (
	retryPause = 80 * time.Millisecond

	// largePause takes the place of retryPause after a largePage: then it is most likely the shard's 2 MiB a second that are
	// used up, for seconds on end, and a consumer waits for the pages of all others.
	largePause = 500 * time.Millisecond
	largePage  = 1 << 20

	// hopeless is how long a read must have been refused to be retried once an interval only, or once a second. Consumers that
	// share five reads a second do not let one another wait for that long.
	hopeless = 30 * time.Second
)

// Five readers that each come back after a second to the millisecond would use up a shard without ever being refused, and so
// without learning of a sixth, which never gets in. So one that was not refused lately lets a gap open: of courtesyReads
// reads one is late by courtesy, which is long enough for a reader that waits to notice. The read after is on schedule again.
// Readers that want more than 5 reads in 2 seconds leave gaps by meteredSecond.
const (
	courtesyReads = 5
	courtesy      = 200 * time.Millisecond
	leastCourtesy = 400 * time.Millisecond
)

// sharing is what a pace knows of the other consumers of its shard. It is pure, as the pace is.
type sharing struct {
	// interval is the time between two polls: the one that is wanted, or longer, up to maxShared.
	interval time.Duration

	// refusals counts how often the poll at hand was refused.
	refusals int

	// met is when a read was last refused; zero if none was.
	met time.Time

	// punctual counts the reads since the last courtesy.
	punctual int

	// large is set while the last page was large.
	large bool
}

// adapt changes the interval after a read that was granted, which waited from when it was due to when it was sent.
func (s *sharing) adapt(wanted, waited time.Duration, now time.Time) {
	if s.refusals > 0 && waited > s.interval {
		s.interval = (s.interval + waited) / 2 // far too short
	} else { // without a refusal it shrinks
		borne := borneAlways + bornePerSecond*min(s.interval, maxShared).Seconds()
		s.interval += time.Duration(float64(s.interval) * adaptation * (float64(s.refusals) - borne))
	}
	s.refusals = 0
	least := wanted
	if !s.met.IsZero() && now.Sub(s.met) < metFor {
		least = max(least+time.Duration(slack*float64(least)), leastShared)
	}
	s.interval = max(least, min(s.interval, maxShared))
}

// jittered returns the interval with its jitter, for a chance of [0, 1).
func (s *sharing) jittered(wanted time.Duration, chance float64) time.Duration {
	return max(wanted, time.Duration(float64(s.interval)*(1+jitter*(2*chance-1))))
}

// least returns the shortest time from one read to the next while the shard is shared. A read that had to wait counts from when it
// was due, so that the next may come sooner than an interval after it.
func (s *sharing) least() time.Duration {
	return max(minInterval, s.interval/4)
}

// late returns by how much the next poll is late, so that another consumer can get in.
func (s *sharing) late(wanted time.Duration) time.Duration {
	s.punctual++
	if wanted < leastCourtesy || s.punctual < courtesyReads {
		return 0
	}
	s.punctual = 0
	return courtesy
}

// pause returns the average time from one try to the next of a poll that has waited for so long. It is half as long once the
// poll waits for longer than an interval, so that who waits longest is most likely to be next.
func (s *sharing) pause(waited time.Duration) time.Duration {
	pause := retryPause
	switch {
	case s.large:
		pause = largePause
	case waited > hopeless:
		return max(s.interval, time.Second)
	}
	if waited > s.interval {
		return pause / 2
	}
	return pause
}

// refusesShare reports whether an error says that the shard's consumers together ask too much of it. Of the limits of the
// service that is the only one of a shard: the others are those of an account, a key or an endpoint, which all shards share,
// and which take a back-off.
func refusesShare(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorCode() == "ProvisionedThroughputExceededException"
}
