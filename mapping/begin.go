package mapping

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/role"
)

// begin lists the shards and reads the stored progress for the first time. It retries until both succeed, or an error
// is permanent.
func (r *run) begin() error {
	if err := r.stopCtx.Err(); err != nil {
		return err
	}
	watched := r.watchStart()
	err := r.tryToBegin()
	if slow := watched(); slow.said && err == nil {
		r.m.log.With(slow.times(time.Now())...).Info("the mapping starts after a wait")
	}
	return err
}

func (r *run) tryToBegin() error {
	for pause := startRetry; ; pause = min(2*pause, r.m.cfg.ShardRefreshInterval) {
		err := r.prepare()
		if err == nil || r.stopCtx.Err() != nil {
			return err
		}
		r.starting.failed(err)
		if fatal := r.fatal(err); fatal != nil {
			return fatal
		}
		r.problem("starting the mapping failed, retrying", err)
		if !sleep(r.stopCtx, pause) {
			return r.stopCtx.Err()
		}
	}
}

// prepare is one attempt to begin.
func (r *run) prepare() error {
	r.tryLatest("storing the start of LATEST")
	if err := r.latest.keep(r.stopCtx); err != nil { // first: whatever hangs or fails later, LATEST is as of now
		return err
	}
	if err := r.admit(); err != nil {
		return err
	}
	progress, isWhole, err := r.stored() // before the listing, which says of each shard stored as ended that it is closed
	if err != nil {
		return err
	}
	r.fresh = len(progress) == 0 && isWhole
	if err := r.askDestination(r.fresh); err != nil {
		return err
	}
	r.described = time.Now()
	r.starting.try("listing the shards", r.m.sourceHost)
	v, err := r.m.look(r.stopCtx, false)
	if err != nil {
		return err
	}
	r.starting.try("describing the stream", r.m.sourceHost)
	r.m.describe(r.stopCtx, v)
	r.lineage.Read(progress)
	if err := r.weigh(v, true); err != nil {
		return err
	}
	r.list(v)
	r.tryLatest("settling the start of LATEST")
	if err := r.latest.settle(r.stopCtx, len(progress) > 0 || !isWhole); err != nil {
		return err
	}
	for _, id := range r.lineage.Resume(progress) {
		r.m.log.Info("the shard has no checkpoint, but a later shard has: it counts as complete", "shard", id)
	}
	r.rows = progress
	return nil
}

// stored reads the stored progress, if the store accepts the mapping. isWhole is false if unreadable rows are left out.
func (r *run) stored() (progress map[string]driver.Progress, isWhole bool, err error) {
	ctx, cancel := context.WithTimeout(r.stopCtx, storeTimeout)
	defer cancel()
	r.starting.try("checking the store", r.m.storeHost)
	if err := r.m.store.Check(ctx, r.m.cfg.storeKey); err != nil {
		return nil, false, fmt.Errorf("mapping: check the store: %w", err)
	}
	r.starting.try("reading the stored progress", r.m.storeHost)
	progress, err = r.m.progress(ctx)
	if err != nil && progress == nil {
		return nil, false, fmt.Errorf("mapping: read the stored progress: %w", err)
	}
	return progress, err == nil, nil
}

// fatal returns the error with which Run ends, or nil if a retry may succeed.
func (r *run) fatal(err error) error {
	if isFinal(err) || errors.Is(err, ErrStreamReplaced) || errors.Is(err, invoke.ErrDestinationMissing) {
		return err
	}
	if missing, ok := errors.AsType[*role.AccessError](err); ok {
		return fmt.Errorf("mapping: %w", missing)
	}
	switch poller.Classify(err) {
	case poller.StreamGone:
		return fmt.Errorf("mapping: Stream not found: %s: %w", r.m.cfg.EventSourceARN, err)
	case poller.Denied, poller.Stop:
		return fmt.Errorf("mapping: %s: %w", r.m.cfg.EventSourceARN, err)
	default:
		return nil
	}
}

// problem reports a failure in the status, and logs it when it begins or changes its class. It does not compare the
// texts of errors, because they contain request IDs.
func (r *run) problem(what string, err error) {
	class := what + poller.Classify(err).String()
	r.m.view.set(func(v *view) { v.problem = message(err) })
	if class != r.problemClass {
		r.problemClass = class
		r.m.log.Error(what, "error", err)
	}
}
