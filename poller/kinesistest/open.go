package kinesistest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Open returns a Service whose streams are kept in a file. Open creates a missing file, readable by its owner only.
// After the process has ended in any way, a later Open of it has the same streams with the same sequence numbers.
// Iterators, faults and the log of calls are not kept, and nothing is ever removed from the file. On systems with
// flock, Open returns an error while another Service has the file open. Close the Service when done.
//
// A change is synced to the disk before its call returns and before any reader, subscription or Stream can see it: put
// many records with one PutRecords, which costs one sync. If a write or a sync fails, for example on a full disk, the
// change is refused as a whole and the Service stops: every later call, and every subscription, ends with an
// InternalFailureException that names the file and wraps the cause (see Err). Close it and Open the file again:
// acknowledged changes are there, and refused ones are not.
func Open(path string, config Config) (*Service, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("kinesistest: %w", err)
	}
	if err := lock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("kinesistest: %s: another Service has it: %w", path, err), file.Close())
	}
	s, err := resume(file, path, config)
	if err == nil && s.journal.end == 0 {
		err = syncFolder(filepath.Dir(path)) // the file may be new
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kinesistest: %s: %w", path, err), file.Close())
	}
	return s, nil
}

// resume returns a Service with the content of a file.
func resume(file storage, name string, config Config) (*Service, error) {
	s := New(config)
	end, err := s.replay(file)
	if err == nil {
		err = file.Truncate(end) // a line that was cut short was never acknowledged
	}
	if err != nil {
		return nil, err
	}
	s.journal = &journal{file: file, name: name, end: end}
	return s, nil
}

// syncFolder makes a new name in a folder durable.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Close closes the file of a Service that Open made. It ends the Service's subscriptions, and later calls fail. If the
// journal has failed, Close returns that error. It does nothing the second time, and nothing to a Service that New made.
func (s *Service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wakeAll()
	return s.journal.close()
}

// Err returns why the file of a Service that Open made cannot be written any more; nil while it can. After Close it wraps
// os.ErrClosed.
func (s *Service) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.failed()
}

// exclusively runs one call. No reader sees its changes before they are durable.
func exclusively[I, O any](s *Service, do func(*Service, I, *request) (O, error), in I, fault Fault) (O, error) {
	var none O
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.journal.failed(); err != nil {
		return none, err
	}
	out, err := do(s, in, &request{now: s.config.Now(), fault: fault})
	if failure := s.journal.flush(); failure != nil {
		s.wakeAll()
		return none, failure
	}
	return out, err
}

// wakeAll makes all subscriptions check the state of the Service.
func (s *Service) wakeAll() {
	for _, st := range s.streams {
		for _, sh := range st.shards {
			sh.wake()
		}
	}
}
