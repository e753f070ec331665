package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/shardmill/shardmill/mapping/driver"
)

// DefinitionsToken implements driver.DefinitionStore.
func (s *Store) DefinitionsToken(ctx context.Context) (string, error) {
	var token string
	err := s.do(ctx, func(t *txn) error {
		token = t.token()
		return nil
	})
	return token, err
}

// token returns the number of writes to definitions. Readers get it in one transaction with the rows.
func (t *txn) token() string {
	b := t.tx.Bucket(definitionsBucket)
	if b == nil {
		return "0"
	}
	return strconv.FormatUint(b.Sequence(), 10)
}

// Definitions implements driver.DefinitionStore.
func (s *Store) Definitions(ctx context.Context) (rows []driver.Definition, token string, err error) {
	err = s.do(ctx, func(t *txn) error {
		token = t.token()
		return eachDefinition(t.tx, func(d driver.Definition, _ uint64) { rows = append(rows, d) })
	})
	if err != nil {
		return nil, "", err
	}
	return rows, token, nil
}

// PutDefinition implements driver.DefinitionStore.
func (s *Store) PutDefinition(ctx context.Context, row driver.Definition, expected string) error {
	k := definitionKey(row.Key)
	if err := row.Validate(); err != nil {
		return s.wrap(fmt.Errorf("put definition %.100q: %w", row.Key, err))
	}
	return s.define(ctx, func(t *txn) error {
		stored, old, err := t.definition(k)
		switch {
		case err != nil || stored.Version == row.Version:
			return err
		case stored.Version != expected:
			return fmt.Errorf("put %s: %w", k, driver.ErrDefinitionChanged)
		}
		if err := t.put(k, old, encodeDefinition(row)); err != nil {
			return err
		}
		return t.count()
	})
}

// DeleteDefinition implements driver.DefinitionStore.
func (s *Store) DeleteDefinition(ctx context.Context, name, expected string) error {
	k := definitionKey(name)
	if err := (driver.Definition{Key: name, Version: expected}).Validate(); err != nil {
		return s.wrap(fmt.Errorf("delete definition %.100q: %w", name, err))
	}
	return s.define(ctx, func(t *txn) error {
		stored, old, err := t.definition(k)
		if err != nil {
			return err
		}
		if stored.Version != expected {
			return fmt.Errorf("delete %s: %w", k, driver.ErrDefinitionChanged)
		}
		if err := t.remove(k, old); err != nil {
			return err
		}
		return t.count()
	})
}

// define writes a definition. A second write follows, as for an Anchor: damage to one header page must not restore a
// mapping that was deleted, or disabled.
func (s *Store) define(ctx context.Context, write func(*txn) error) error {
	var wrote bool
	err := s.do(ctx, func(t *txn) error {
		before := t.token()
		err := write(t)
		wrote = err == nil && t.token() != before
		return err
	})
	if err != nil || !wrote {
		return err
	}
	return s.do(context.WithoutCancel(ctx), (*txn).touch)
}

// count counts a write of a definition, and so creates the bucket for them. It has no error in a transaction that
// writes.
func (t *txn) count() error {
	_, err := t.tx.Bucket(definitionsBucket).NextSequence()
	return err
}

// definition reads a definition, the zero one if there is none.
func (t *txn) definition(k key) (driver.Definition, cell, error) {
	c, err := t.get(k)
	if err != nil || !c.stored {
		return driver.Definition{}, c, err
	}
	d, err := decodeDefinition(k, c.body)
	return d, c, err
}

func encodeDefinition(d driver.Definition) []byte {
	b := append(make([]byte, 0, 32+len(d.Version)+len(d.Data)), rowVersion)
	return appendBytes(appendBytes(b, d.Version), d.Data)
}

// decodeDefinition is the inverse of encodeDefinition. Its result shares no memory with body.
func decodeDefinition(k key, body []byte) (driver.Definition, error) {
	d := decoder{rest: body}
	if v := d.byte(); v != rowVersion && !d.bad {
		return driver.Definition{}, damagef("%s: value of unknown version %d", k, v)
	}
	row := driver.Definition{Key: k.shard, Version: string(d.bytes()), Data: bytes.Clone(d.bytes())}
	if d.bad || len(d.rest) > 0 || row.Version == "" {
		return driver.Definition{}, damagef("%s: value does not parse", k)
	}
	return row, nil
}

// Forget implements driver.DefinitionStore.
func (s *Store) Forget(ctx context.Context, name string) error {
	if name == "" {
		return s.wrap(errors.New("forget: the mapping's name is empty"))
	}
	return s.do(ctx, func(t *txn) error {
		epoch, err := t.removeMapping(name)
		if err != nil {
			return err
		}
		s.leases.forgetAll(name, epoch)
		return nil
	})
}

// removeMapping removes the rows and the anchor of a mapping, and returns the highest epoch of the rows. It reads
// everything that may be damaged before it changes anything.
func (t *txn) removeMapping(name string) (epoch uint64, err error) {
	k := key{mapping: name}
	anchor, err := t.get(k)
	if err != nil {
		return 0, err
	}
	var rows sum
	err = eachRow(t.tx, name, func(_ string, r row, checksum uint64) {
		epoch = max(epoch, r.epoch)
		rows.add(checksum)
	})
	if err != nil {
		return 0, err
	}
	if b := t.tx.Bucket(shardsBucket); b.Bucket([]byte(name)) != nil {
		if err := t.touch(); err != nil {
			return 0, err
		}
		if err := b.DeleteBucket([]byte(name)); err != nil {
			return 0, err
		}
		t.sum.subtract(rows)
	}
	if anchor.stored {
		err = t.remove(k, anchor)
	}
	return epoch, err
}
