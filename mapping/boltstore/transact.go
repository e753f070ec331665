package boltstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardmill/shardmill/mapping/driver"
)

// do runs fn in a transaction, together with others, and returns when it is durable.
func (s *Store) do(ctx context.Context, fn func(*txn) error) error {
	return s.wrap(s.group.do(ctx, fn))
}

// run does one transaction for all calls.
func (s *Store) run(calls []*call) {
	if s.broken == nil {
		crashed, err := guard(func() error { return s.transact(calls) })
		if crashed {
			s.crashed = true
			err = s.breaks(err)
		}
		if err != nil {
			failAll(calls, err)
		}
		return
	}
	failAll(calls, s.broken)
}

// breaks prevents further transactions, and returns the error of all later calls.
func (s *Store) breaks(cause error) error {
	s.broken = fmt.Errorf("%w: %w", driver.ErrStoreBroken, cause)
	return s.broken
}

// failAll sets err on all calls without an error of their own.
func failAll(calls []*call, err error) {
	for _, c := range calls {
		if c.err == nil {
			c.err = err
		}
	}
}

func (s *Store) transact(calls []*call) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	t := &txn{tx: tx}
	for _, c := range calls {
		c.err = c.do(t)
	}
	if !t.wrote {
		return tx.Rollback()
	}
	if err := t.finish(); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	id := tx.ID()
	if err := tx.Commit(); err != nil {
		return s.commitFailed(id, err)
	}
	return nil
}

// commitFailed determines the result of a failed commit. Before the header was written nothing happened, and a later
// commit may succeed, when there is room on the disk again. After that the state after a restart is not known, so the
// store must not continue.
func (s *Store) commitFailed(id int, cause error) error {
	tx, err := s.db.Begin(false)
	if err != nil {
		return s.breaks(errors.Join(cause, err))
	}
	if tx.ID() >= id {
		cause = s.breaks(cause)
	}
	return errors.Join(cause, tx.Rollback())
}
