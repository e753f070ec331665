package mapping

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

// destinationTimeout bounds how long a start waits for the check of a destination.
const destinationTimeout = 10 * time.Second

// CheckDestination checks whether the on-failure destination of c exists, as the first Run does. It returns an error
// that wraps invoke.ErrDestinationMissing if it does not exist, and another one if that is not known. A destination
// that cannot be checked is assumed to exist.
func (c Config) CheckDestination(ctx context.Context) error {
	d, err := c.destination()
	if err != nil {
		return err
	}
	return checkDestination(ctx, d)
}

func checkDestination(ctx context.Context, d invoke.Destination) error {
	c, ok := d.(invoke.DestinationChecker)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, destinationTimeout)
	defer cancel()
	return c.Check(ctx)
}

// askDestination checks once whether the on-failure destination exists. If it does not, a mapping without progress is
// refused, as Lambda refuses to create it; one with progress continues, as Lambda's does, and the log says what is
// missing.
func (r *run) askDestination(fresh bool) error {
	if r.askedDestination {
		return nil
	}
	if _, ok := r.m.cfg.destination.(invoke.DestinationChecker); ok {
		r.starting.try("asking whether the on-failure destination exists", "")
	}
	var err error
	if failed := r.m.guard.Do("Destination.Check", func() { err = checkDestination(r.stopCtx, r.m.cfg.destination) }); failed != nil {
		err = failed
	}
	missing := errors.Is(err, invoke.ErrDestinationMissing)
	switch {
	case missing && fresh:
		return fmt.Errorf("mapping: DestinationConfig.OnFailure: %w", err)
	case missing:
		r.m.log.Error("the on-failure destination does not exist: discarded records are dropped", "error", err)
	case err != nil && r.stopCtx.Err() == nil:
		r.m.log.Warn("unable to ask whether the on-failure destination exists: if it does not, discarded records are dropped", "error", err)
	}
	r.askedDestination = true
	return nil
}
