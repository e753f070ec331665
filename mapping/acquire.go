package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardmill/shardmill/mapping/driver"
)

// acquire acquires the shard's lease, however long that takes. A lease that was passed to it may be lost before its
// progress could be read.
func (s *shard) acquire() (driver.Progress, error) {
	reported := ""
	for {
		lease, progress, err := s.tryAcquire()
		if err == nil {
			if s.lease != lease { // otherwise the lease was passed to it, and the worker of the fleet watches it
				s.lease = lease
			}
			s.view.set(func(v *shardView) {
				v.status.Owner, v.status.Stored, v.status.Waiting = lease.Owner, progress.Position, ""
			})
			return progress, nil
		}
		if s.wasLost() {
			return driver.Progress{}, driver.ErrLeaseLost
		}
		if isFinal(err) && !s.tenure.mends(err) || s.left && errors.Is(err, driver.ErrLeaseHeld) { // the owner of a lost shard ends it
			return driver.Progress{}, fmt.Errorf("mapping: shard %s: %w", s.info.ID, err)
		}
		if reported != message(err) && s.stopCtx.Err() == nil {
			reported = message(err)
			s.waitForLease(err, reported)
		}
		if !sleep(s.stopCtx, leaseRetry) {
			return driver.Progress{}, s.stopCtx.Err()
		}
	}
}

// waitForLease reports why the shard cannot be processed yet; acquire retries.
func (s *shard) waitForLease(err error, text string) {
	if s.tenure.mends(err) {
		s.view.set(func(v *shardView) { v.status.Waiting = "its progress cannot be read: " + text })
		s.log.Error("the shard's stored progress cannot be read: the shard waits until it is mended", "error", err)
		return
	}
	s.view.set(func(v *shardView) { v.status.Waiting = "no lease: " + text })
	s.log.Warn("cannot acquire the shard's lease, retrying", "error", err)
}

func (s *shard) tryAcquire() (driver.Lease, driver.Progress, error) {
	ctx, cancel := context.WithTimeout(s.stopCtx, storeTimeout)
	defer cancel()
	return s.tenure.acquire(ctx)
}
