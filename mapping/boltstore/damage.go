package boltstore

import (
	"fmt"
	"runtime/debug"

	"github.com/shardmill/shardmill/mapping/driver"
)

// wrap names the file in an error.
func (s *Store) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("boltstore: %s: %w", s.path, err)
}

// guard turns a panic in fn, and a memory fault, into an error: bbolt reads the file as memory, so truncating the open
// file would end the process.
func guard(fn func() error) (crashed bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			crashed, err = true, damagef("%v", r)
		}
	}()
	return false, fn()
}

// damage is an unreadable part of a file.
type damage struct{ err error }

func damagef(format string, args ...any) error { return &damage{fmt.Errorf(format, args...)} }

// Error says what is wrong and what to do.
func (d *damage) Error() string {
	return fmt.Sprintf("damaged, or not a store: %v; put a copy of the file in its place, "+
		"or move it away to have all its mappings start again at their starting positions", d.err)
}

func (d *damage) Unwrap() error { return d.err }

// Is makes damage match driver.ErrUnreadable, which ends a mapping.
func (d *damage) Is(target error) bool { return target == driver.ErrUnreadable }
