package boltstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
)

// Anchor implements driver.Store.
func (s *Store) Anchor(ctx context.Context, name string, proposed time.Time) (time.Time, error) {
	return s.anchor(ctx, name, func(a anchor, ok bool) anchor {
		if ok {
			return a
		}
		return anchor{at: proposed}
	})
}

// SettleAnchor implements driver.Store.
func (s *Store) SettleAnchor(ctx context.Context, name string, at time.Time) (time.Time, error) {
	return s.anchor(ctx, name, func(a anchor, ok bool) anchor {
		if ok && (a.settled || a.at.Before(at)) {
			at = a.at
		}
		return anchor{at: at, settled: true}
	})
}

// anchor stores the result of change for an anchor; ok is false while none is stored.
func (s *Store) anchor(ctx context.Context, name string, change func(a anchor, ok bool) anchor) (time.Time, error) {
	k := key{mapping: name}
	if name == "" {
		return time.Time{}, s.wrap(errors.New("anchor: the mapping's name is empty"))
	}
	var a anchor
	var changed bool
	err := s.do(ctx, func(t *txn) error {
		c, err := t.get(k)
		if err != nil {
			return err
		}
		var old anchor
		if c.stored {
			if old, err = decodeAnchor(k, c.body); err != nil {
				return err
			}
		}
		a = change(old, c.stored)
		a.at = a.at.Round(0).UTC()
		if changed = !c.stored || a != old; !changed {
			return nil
		}
		return t.put(k, c, encodeAnchor(a))
	})
	if err != nil || !changed {
		return a.at, err
	}
	// A second write, so that both of bbolt's header pages have the anchor. If the latest page is damaged, bbolt goes
	// one write back. That costs some records twice, but here it would resolve LATEST a second time and skip some.
	if err := s.do(context.WithoutCancel(ctx), (*txn).touch); err != nil {
		return time.Time{}, err
	}
	return a.at, nil
}

// Progress implements driver.Store.
func (s *Store) Progress(ctx context.Context, name string) (map[string]driver.Progress, error) {
	all := map[string]driver.Progress{}
	err := s.do(ctx, func(t *txn) error {
		return eachRow(t.tx, name, func(shard string, r row, _ uint64) {
			if r.written > 0 {
				all[shard] = r.progress
			}
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Acquire implements driver.Store.
func (s *Store) Acquire(ctx context.Context, name, shard, owner string) (driver.Lease, driver.Progress, error) {
	k := key{name, shard}
	if name == "" || shard == "" {
		return driver.Lease{}, driver.Progress{}, s.wrap(fmt.Errorf("acquire %s: a name is empty", k))
	}
	var lease driver.Lease
	var p driver.Progress
	err := s.do(ctx, func(t *txn) error {
		if l, ok := s.leases.holder(k); ok {
			return fmt.Errorf("%s, by %s: %w", k, l.Owner, driver.ErrLeaseHeld)
		}
		r, old, err := t.row(k)
		if err != nil {
			return err
		}
		r.epoch = max(r.epoch, s.leases.last(k)) + 1
		if err := t.put(k, old, encodeRow(r)); err != nil {
			return err
		}
		p = r.progress
		lease = driver.Lease{Mapping: name, Shard: shard, Owner: owner, Epoch: r.epoch}
		s.leases.grant(lease)
		return nil
	})
	if err != nil {
		s.leases.drop(lease) // granted above, but the transaction failed
		return driver.Lease{}, driver.Progress{}, err
	}
	return lease, p, nil
}

// Commit implements driver.Store.
func (s *Store) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	k := keyOf(lease)
	return s.do(ctx, func(t *txn) error {
		if l, ok := s.leases.holder(k); !ok || l != lease {
			return fmt.Errorf("%s, epoch %d: %w", k, lease.Epoch, driver.ErrLeaseLost)
		}
		r, old, err := t.row(k)
		if err != nil {
			return err
		}
		if r.epoch != lease.Epoch {
			return fmt.Errorf("%s, epoch %d: %w", k, lease.Epoch, driver.ErrLeaseLost)
		}
		if r.written == lease.Epoch {
			if p.Version <= r.progress.Version {
				return nil
			}
			if p.Position.Compare(r.progress.Position) < 0 {
				return fmt.Errorf("%s: position %s is before %s, which is stored: positions never fall under one lease",
					k, p.Position, r.progress.Position)
			}
		}
		r.written, r.progress = lease.Epoch, p
		return t.put(k, old, encodeRow(r))
	})
}

// Release implements driver.Store.
func (s *Store) Release(ctx context.Context, lease driver.Lease) error {
	if err := ctx.Err(); err != nil {
		return s.wrap(err)
	}
	if s.group.isClosed() {
		return s.wrap(errClosed)
	}
	s.leases.drop(lease)
	return nil
}

// Delete implements driver.Store.
func (s *Store) Delete(ctx context.Context, name, shard string) error {
	k := key{name, shard}
	if name == "" || shard == "" {
		return s.wrap(fmt.Errorf("delete %s: a name is empty", k))
	}
	return s.do(ctx, func(t *txn) error {
		if l, ok := s.leases.holder(k); ok {
			return fmt.Errorf("%s, by %s: %w", k, l.Owner, driver.ErrLeaseHeld)
		}
		r, old, err := t.row(k)
		switch {
		case err != nil || !old.stored || r.written == 0:
			return err
		case !r.progress.End:
			return fmt.Errorf("%s is not at its end: it is not deleted", k)
		}
		s.leases.forget(k, r.epoch)
		return t.remove(k, old)
	})
}

// row reads the row of a shard, the zero row when there is none.
func (t *txn) row(k key) (row, cell, error) {
	c, err := t.get(k)
	if err != nil || !c.stored {
		return row{}, c, err
	}
	r, err := decodeRow(k, c.body)
	return r, c, err
}
