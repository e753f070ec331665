package mapping

import (
	"context"
	"fmt"
	"time"
)

// anchorMargin is how far before the first start LATEST begins by our own clock, so that no small difference of clocks
// loses a record. serviceMargin is the same by the service's clock, whose answers carry whole seconds, rounded down.
const (
	anchorMargin  = 2 * time.Second
	serviceMargin = 1 * time.Second
)

// latest is the state of the anchor of LATEST in a Run. The run's goroutine owns it.
//
// The anchor is stored by our own clock before any other call, because a stream, or a store, that does not answer must
// not move it. When the stream answers, the service's clock settles it, if nothing was read under it so far.
type latest struct {
	m      *Mapping
	began  time.Time // of the Run, by our clock
	at     time.Time // as it is stored
	stored bool      // at is known
	tried  bool      // storing it was tried
}

// keep stores the anchor, unless that is done. After a failure it is called again, and proposes the same time.
func (l *latest) keep(ctx context.Context) error {
	if l.stored || l.m.cfg.StartingPosition != Latest {
		return nil
	}
	l.tried = true
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	at, err := l.m.store.Anchor(ctx, l.m.cfg.storeKey, l.began.Add(-anchorMargin).UTC())
	if err != nil {
		return fmt.Errorf("mapping: store the start of LATEST: %w", err)
	}
	l.at, l.stored = at, true
	return nil
}

// rescue stores the anchor of a Run that was stopped before it could: otherwise, the next start would be the first.
func (l *latest) rescue(ctx context.Context) error {
	if !l.tried || l.stored {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalCommit)
	defer cancel()
	if err := l.keep(ctx); err != nil {
		return fmt.Errorf("%w: %w: unless an earlier start stored it, LATEST is as of the next one", ErrNotStored, err)
	}
	return nil
}

// settle moves the anchor back, as far as the clocks require. read is set if progress is stored.
func (l *latest) settle(ctx context.Context, read bool) error {
	if l.m.cfg.StartingPosition != Latest {
		return nil
	}
	at, ok := settled(l.at, l.m.clocks(time.Now()), time.Since(l.began), read)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	at, err := l.m.store.SettleAnchor(ctx, l.m.cfg.storeKey, at.UTC())
	if err != nil {
		return fmt.Errorf("mapping: settle the start of LATEST: %w", err)
	}
	if !at.Equal(l.at) {
		l.m.log.Info("the start of LATEST goes by the stream's clock", "from", stamp(l.at), "to", stamp(at))
	}
	l.at = at
	return nil
}

// settled returns where to settle an anchor that a Run found, or stored, a time since after its beginning, and false if
// it must stay unchanged. read is set if progress is stored.
//
// The anchor is a time by the clock of this host, or of another one, at some first start. If our clock is ahead, we
// assume that the other was as far ahead, so the anchor goes back by as much, and at least to the beginning of this
// Run. A clock that was behind has put the anchor too early: it stays there, because delivering an old record does less
// harm than losing a record.
func settled(anchor time.Time, c clocks, since time.Duration, read bool) (time.Time, bool) {
	margin := serviceMargin
	if !c.known {
		margin = anchorMargin
	}
	ahead := anchor.After(c.service) // nothing can have been read under it
	if !ahead && (read || !c.known) {
		return time.Time{}, false
	}
	at := earlier(anchor, c.service.Add(-since-margin))
	if skew := c.ahead() - (anchorMargin - serviceMargin); skew > 0 {
		at = earlier(at, anchor.Add(-skew))
	}
	return at, true
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
