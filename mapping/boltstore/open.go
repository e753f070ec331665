package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/shardmill/shardmill/mapping/driver"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrLocked says that the file is open in another process, or a second time in this one. Test for it with errors.Is.
var ErrLocked = errors.New("in use by another process, or opened twice in this one")

// lockTimeout is how long Open waits for another process to release the file, for example one that is being replaced.
const lockTimeout = time.Second

// Store is a driver.Store in one file. It belongs to the caller of Open. It is safe for concurrent use.
type Store struct {
	path   string
	group  group
	leases leases
	close  func() error // idempotent

	// The following fields belong to the leader of the group. One goroutine at a time uses bbolt, even for reads, so
	// that no goroutine waits for ever for a lock that a panic in bbolt left locked.

	db      *bbolt.DB
	file    *os.File // db's
	broken  error    // why no transaction can begin any more; it wraps driver.ErrStoreBroken
	crashed bool     // bbolt panicked, and may hold its locks
}

// Open opens the store in the file at path, and creates the file if it does not exist; its folder must exist. The whole
// file is checked: a damaged one, an empty one, one of an unknown format or one that is not a store is an error, and is
// left unchanged. While the file is open elsewhere, Open returns ErrLocked after a second.
func Open(path string) (*Store, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("boltstore: %s: %w", path, err)
	}
	return s, nil
}

func open(path string) (*Store, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = create(path)
	}
	if err != nil {
		return nil, err
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	db, file, err := openFile(path, false)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, db: db, file: file}
	s.leases.held = map[key]driver.Lease{}
	s.group.run = s.run
	s.close = sync.OnceValue(s.shut)
	_ = tidy(path) // a folder that cannot be listed, or written to, is no reason to fail
	return s, nil
}

// inspect checks the file without changing it. Other processes may inspect it concurrently, but it is not open
// anywhere.
func inspect(path string) error {
	if info, err := os.Stat(path); err != nil {
		return err
	} else if info.Size() == 0 {
		return damagef("the file is empty")
	}
	db, file, err := openFile(path, true)
	if err != nil {
		return err
	}
	defer db.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := checkPages(file, info.Size()); err != nil {
		return err
	}
	_, err = guard(func() error { return db.View(checkValues) })
	return err
}

// openFile opens the bbolt database at path, which exists, and returns the file below it too. With readOnly, bbolt
// locks the file against writers and reads nothing but the header.
func openFile(path string, readOnly bool) (*bbolt.DB, *os.File, error) {
	var file *os.File
	var db *bbolt.DB
	crashed, err := guard(func() (err error) {
		db, err = bbolt.Open(path, 0, &bbolt.Options{
			ReadOnly:     readOnly,
			Timeout:      lockTimeout,
			FreelistType: bbolt.FreelistMapType,
			NoStatistics: true,
			OpenFile: func(path string, flag int, perm os.FileMode) (_ *os.File, err error) {
				file, err = os.OpenFile(path, flag&^os.O_CREATE, perm)
				return file, err
			},
		})
		return err
	})
	if crashed && file != nil {
		_ = release(file) // the panic is the error to report
	}
	var system syscall.Errno
	switch {
	case err == nil:
		return db, file, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, nil, ErrLocked
	case crashed, errors.As(err, &system):
		return nil, nil, err
	}
	return nil, nil, damagef("no readable header: %w", err)
}

// Close waits for running calls, closes the file and releases its lock. Later calls return an error that wraps
// driver.ErrStoreClosed and os.ErrClosed, except for Close, which may be called again. A mapping that still runs ends
// with it: close the store when Run has returned.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	s.group.close()
	if s.crashed {
		// bbolt's own Close might wait for ever. The file's pages stay mapped until the process ends.
		return s.wrap(release(s.file))
	}
	return s.wrap(s.db.Close())
}

// release closes a file that bbolt has open, without bbolt. A mapping of the file keeps it open for the system, with
// its lock, so the lock must be released explicitly.
func release(file *os.File) error { return errors.Join(unlock(file), file.Close()) }
