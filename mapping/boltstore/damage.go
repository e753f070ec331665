package boltstore

import (
	"fmt"
	"runtime/debug"

	"github.com/shardmill/shardmill/mapping"
)

// wrap names the file in an error.
func (s *Store) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("boltstore: %s: %w", s.path, err)
}

// guard makes an error of a panic in fn, and of a fault: bbolt reads the file as memory, so a file that somebody
// cuts short while it is open would end the process.
func guard(fn func() error) (crashed bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			crashed, err = true, damagef("%v", r)
		}
	}()
	return false, fn()
}

// damage is what cannot be read in a file.
type damage struct{ err error }

func damagef(format string, args ...any) error { return &damage{fmt.Errorf(format, args...)} }

// Error tells what is wrong and what to do.
func (d *damage) Error() string {
	return fmt.Sprintf("damaged, or no store: %v; put a copy of the file in its place, "+
		"or move it away to have all its mappings begin anew at their starting positions", d.err)
}

func (d *damage) Unwrap() error { return d.err }

// Is makes damage a mapping.ErrUnreadable, which ends a mapping.
func (d *damage) Is(target error) bool { return target == mapping.ErrUnreadable }
