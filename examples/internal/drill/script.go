package drill

import (
	"context"
	"fmt"
	"time"
)

const (
	pause   = 2 * time.Second        // before each event
	look    = 100 * time.Millisecond // the interval of checks for a condition
	balance = 20 * time.Second       // the longest time until the shards are spread evenly
	joining = 2                      // workers
)

// script is the sequence of events in the fleet.
type script struct {
	options Options
	crew    *crew
	ledger  *ledger
	stream  *stream
	say     func(format string, a ...any)

	killed string // the killed worker
	at     time.Time
	shards []string // its shards
}

// run starts the fleet, disturbs it, and returns when it has recovered.
func (s *script) run(ctx context.Context) error {
	s.say("start %d workers", s.options.workers)
	if err := s.crew.start(ctx, s.options.workers); err != nil {
		return err
	}
	if err := s.await(ctx, balance, "the shards are not spread evenly", func() bool { return s.crew.even(s.options.shards) }); err != nil {
		return err
	}
	for _, event := range []func(context.Context) error{s.kill, s.stop, s.join, s.split} {
		if err := s.await(ctx, pause, "", func() bool { return false }); err != nil {
			return err
		}
		if err := event(ctx); err != nil {
			return err
		}
	}
	recovered := func() bool { return s.crew.even(s.options.shards+1) && len(s.takeovers()) == len(s.shards) }
	return s.await(ctx, s.options.Failover+balance, "the fleet does not recover", recovered)
}

func (s *script) kill(context.Context) error {
	if !s.options.kill {
		return nil
	}
	w := s.crew.running[0]
	s.killed, s.shards, s.at = w.name, s.ledger.shards()[w.name], time.Now()
	s.say("kill -9 %s, which has %d shards", w.name, len(s.shards))
	return s.crew.kill(w)
}

func (s *script) stop(context.Context) error {
	w := s.crew.running[0]
	s.say("stop %s, which has %d shards", w.name, len(s.ledger.shards()[w.name]))
	s.crew.release(w)
	return nil
}

func (s *script) join(ctx context.Context) error {
	s.say("start %d more", joining)
	return s.crew.start(ctx, joining)
}

func (s *script) split(context.Context) error {
	said, err := s.stream.split(*s.stream.Shards()[0].ShardId)
	if err == nil {
		s.say("%s", said)
	}
	return err
}

// takeovers returns how long the killed worker's shards waited, without those that still wait.
func (s *script) takeovers() []time.Duration { return s.ledger.takeovers(s.killed, s.at, s.shards) }

// await returns when a condition holds, or with an error if it does not by the limit. If otherwise is empty, that is
// not an error.
func (s *script) await(ctx context.Context, limit time.Duration, otherwise string, done func() bool) error {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end.C:
			if otherwise == "" {
				return nil
			}
			return fmt.Errorf("%s after %s", otherwise, limit)
		}
	}
	return nil
}
