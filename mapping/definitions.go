package mapping

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"
)

// DefinitionStore is a Store that keeps the definitions of mappings too: what package registry creates, and finds again
// after a restart. Several processes may share one that is on a network. It knows rows, and nothing of what is in them.
//
// All methods may be called at the same time; what they are given and return is not shared. When a write returns without
// an error it is durable. One that returns another error than ErrDefinitionChanged may have written or not. Package
// storetest checks all that is said here.
type DefinitionStore interface {
	// DefinitionsToken returns a text that is another one after each write of anybody's that has returned, and the same one
	// while nobody writes. It costs little, for it is asked for every second.
	DefinitionsToken(ctx context.Context) (string, error)

	// Definitions returns all rows, in no order, and the token of a moment before they were read: a write that the rows
	// do not show changes the token. The read is consistent: a write that returned before is in it.
	Definitions(ctx context.Context) (rows []Definition, token string, err error)

	// PutDefinition writes a row, if what is stored under its key has the version expected; empty means that nothing may
	// be stored. If what is stored has the row's own version, the write was carried out before, and its answer was lost:
	// that is no error. Otherwise it returns ErrDefinitionChanged.
	PutDefinition(ctx context.Context, row Definition, expected string) error

	// DeleteDefinition removes the row of a key, if it has the version expected, which is not empty. Otherwise, and if there
	// is no such row, it returns ErrDefinitionChanged.
	DeleteDefinition(ctx context.Context, key, expected string) error

	// Forget removes everything that is stored for a mapping: its progress, leases and anchor. It is for mappings that
	// nobody runs any more, and never will again under this name. A lease that is still held is lost by it, and never in
	// force again. Forgetting what is not there is no error. After an error some of it may be gone: it can be called again.
	Forget(ctx context.Context, mapping string) error
}

// Definition is one row of a DefinitionStore.
type Definition struct {
	// Key is a text of 1 to 1,000 bytes in UTF-8.
	Key string

	// Version is made by the writer, and never used again for the key, not even after the row was deleted. A text of 1 to
	// 100 bytes in UTF-8.
	Version string

	// Data is at most 100,000 bytes.
	Data []byte
}

// ErrDefinitionChanged tells that a row is not in the version that a write was made for: nothing was stored. Test for it
// with errors.Is.
var ErrDefinitionChanged = errors.New("mapping: the definition was changed meanwhile")

// Bounds of a Definition, in bytes. A key and its row fit into what any database takes for one.
const (
	maxDefinitionKey     = 1000
	maxDefinitionVersion = 100
	maxDefinitionData    = 100_000
)

// Validate returns an error for each field that is out of its bounds, joined; a DefinitionStore stores no such row.
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
