package boltstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardmill/shardmill/mapping"
)

// do has fn run in a transaction, together with others', and returns when it is durable.
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

// breaks lets no transaction begin any more, and returns the error that all calls get from now on.
func (s *Store) breaks(cause error) error {
	s.broken = fmt.Errorf("%w: %w", mapping.ErrStoreBroken, cause)
	return s.broken
}

// failAll gives err to all calls that have none of their own.
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

// commitFailed finds out what a failed commit came to. Before the header was written nothing happened, and a later one
// may succeed, when there is room on the disk again. After that nobody knows what a restart would find: the store
// must not go on as if it did.
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
