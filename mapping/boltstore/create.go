package boltstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"go.etcd.io/bbolt"
)

// create creates an empty store at path, whole or not at all. It is created under another name and then linked, so that
// a crash does not leave half a file, which would look like a damaged one. If another process is faster, that is not an
// error.
func create(path string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.new")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := initialize(tmp.Name()); err != nil {
		return err
	}
	if err := publish(tmp.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// tidy removes files of processes that were killed while they created this store. Its caller has the store open: a file
// that another process is creating now is not needed, and publish does not miss it.
func tidy(path string) error {
	folder := filepath.Dir(path)
	names, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		if isLeftOver(name.Name(), filepath.Base(path)) {
			err = errors.Join(err, os.Remove(filepath.Join(folder, name.Name())))
		}
	}
	return err
}

// isLeftOver reports whether create named a file, for a store of that name.
func isLeftOver(name, store string) bool {
	number, ok := strings.CutPrefix(name, "."+store+".")
	number, isNew := strings.CutSuffix(number, ".new")
	return ok && isNew && number != "" && strings.Trim(number, "0123456789") == ""
}

// initialize writes a store without any values to the empty file at path.
func initialize(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoStatistics: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{metaBucket, anchorsBucket, shardsBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(metaBucket)
		return errors.Join(meta.Put(formatKey, []byte(format)), meta.Put(sumKey, (&sum{}).encode()))
	})
	return errors.Join(err, db.Close())
}

// publish renames the file at tmp to path, unless that exists.
func publish(tmp, path string) error {
	err := os.Link(tmp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	// A file system without hard links. Two processes that both start for the first time, within microseconds, could
	// replace each other's file here; there is no better way.
	if _, statErr := os.Lstat(path); statErr == nil {
		return nil
	}
	if renameErr := os.Rename(tmp, path); renameErr != nil {
		return errors.Join(err, renameErr)
	}
	return nil
}

// syncFolder makes a new name in a folder durable.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there; NTFS has its journal
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
