package driver

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"
)

// DefinitionStore is a Store that keeps the definitions of mappings too, which package registry creates, and finds
// again after a restart. Several processes may share one on a network. It stores rows, and does not interpret them.
//
// All methods must be safe for concurrent use, and share no memory with the caller. When a write returns without an
// error it is durable. A write that returns an error other than ErrDefinitionChanged may have been carried out or not.
// Package storetest checks this contract.
type DefinitionStore interface {
	// DefinitionsToken returns an opaque token that changes after every write of any process that has returned, and is
	// unchanged otherwise. It must be cheap, because it is called every second.
	DefinitionsToken(ctx context.Context) (string, error)

	// Definitions returns all rows, in any order, and the token of a moment before they were read: a write that the
	// rows do not show changes the token. The read is consistent: it includes every write that returned before.
	Definitions(ctx context.Context) (rows []Definition, token string, err error)

	// PutDefinition writes a row, if the stored row of its key has the version expected; empty means that no row may be
	// stored. If the stored row has the new row's own version, the write was carried out before, and its answer was
	// lost: that is no error. Otherwise it returns ErrDefinitionChanged.
	PutDefinition(ctx context.Context, row Definition, expected string) error

	// DeleteDefinition removes the row of a key, if it has the version expected, which is not empty. Otherwise, and if there
	// is no such row, it returns ErrDefinitionChanged.
	DeleteDefinition(ctx context.Context, key, expected string) error

	// Forget removes everything that is stored for a mapping: its progress, leases and anchor. It is for mappings that
	// no process runs any more, nor will run again under this name. It ends held leases, which never become valid
	// again. Forgetting an unknown mapping is no error. After an error a part may be removed: it can be called again.
	Forget(ctx context.Context, mapping string) error
}

// Definition is one row of a DefinitionStore.
type Definition struct {
	// Key is a text of 1 to 1,000 bytes in UTF-8.
	Key string

	// Version is chosen by the writer, and never reused for the key, not even after the row was deleted. A text of 1 to
	// 100 bytes in UTF-8.
	Version string

	// Data is at most 100,000 bytes.
	Data []byte
}

// Bounds of a Definition, in bytes. A key and its row fit into a row of any database.
const (
	maxDefinitionKey     = 1000
	maxDefinitionVersion = 100
	maxDefinitionData    = 100_000
)

// Validate returns an error for each field that is out of its bounds, joined; a DefinitionStore refuses such a row.
func (d Definition) Validate() error {
	var errs []error
	size := func(field string, n, low, high int) {
		if n < low || n > high {
			errs = append(errs, fmt.Errorf("%s has %d bytes, must have %d to %d", field, n, low, high))
		}
	}
	text := func(field, value string, limit int) {
		size(field, len(value), 1, limit)
		if !utf8.ValidString(value) {
			errs = append(errs, fmt.Errorf("%s is %.100q, must be UTF-8", field, value))
		}
	}
	text("Key", d.Key, maxDefinitionKey)
	text("Version", d.Version, maxDefinitionVersion)
	size("Data", len(d.Data), 0, maxDefinitionData)
	return errors.Join(errs...)
}
