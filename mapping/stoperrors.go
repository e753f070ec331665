package mapping

import (
	"errors"
	"fmt"

	"github.com/shardmill/shardmill/mapping/driver"
)

// stopErrors collects how shards ended when stopping: the first of each kind, and their number.
type stopErrors struct {
	kinds []error
	first map[error]error
	count map[error]int
}

func (s *stopErrors) add(err error) {
	if err == nil || errors.Is(err, driver.ErrLeaseLost) { // another owner has the shard already, which is the purpose of a stop
		return
	}
	kind := err
	for _, k := range []error{ErrStillRunning, ErrDrainTimeout, ErrNotStored, driver.ErrUnreadable} {
		if errors.Is(err, k) {
			kind = k
			break
		}
	}
	if s.count == nil {
		s.first, s.count = map[error]error{}, map[error]int{}
	}
	if s.count[kind]++; s.count[kind] == 1 {
		s.kinds = append(s.kinds, kind)
		s.first[kind] = err
	}
}

func (s *stopErrors) join() error {
	var errs []error
	for _, kind := range s.kinds {
		err := s.first[kind]
		if n := s.count[kind]; n > 1 {
			err = fmt.Errorf("%w (and %d more shards)", err, n-1)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
