package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardmill/shardmill/poller"
)

// callGrace is what functions are given to return after their ctx was cancelled at a stop.
const callGrace = 5 * time.Second

// listRetry is the pause after a listing that failed; it doubles up to the refresh interval.
const listRetry = time.Second

// run is one Run of a mapping. Its supervise method is the goroutine that owns it.
type run struct {
	m      *Mapping
	soft   context.Context // done: read nothing, start nothing
	halt   context.CancelCauseFunc
	hard   context.Context // done: cancel what runs
	cancel context.CancelCauseFunc

	anchor   time.Time
	shards   map[string]poller.Shard // all that are listed, and those that run though they are not listed any more
	finished map[string]bool         // wholly resolved
	running  map[string]bool
	ended    chan shardEnd
	wg       sync.WaitGroup
}

// shardEnd is how the processing of one shard came to its end.
type shardEnd struct {
	id       string
	finished bool
	err      error
}

func newRun(ctx context.Context, m *Mapping) *run {
	r := &run{
		m:      m,
		shards: map[string]poller.Shard{}, finished: map[string]bool{}, running: map[string]bool{},
		ended: make(chan shardEnd),
	}
	r.soft, r.halt = context.WithCancelCause(ctx)
	r.hard, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	return r
}

// supervise opens shards as they may be opened, until the soft ctx is done, then waits for them.
func (r *run) supervise() error {
	defer r.wg.Wait()
	defer r.cancel(nil)
	defer r.halt(nil)
	next, err := r.begin()
	if err != nil {
		if r.soft.Err() != nil {
			return nil
		}
		return err
	}
	r.m.log.Info("mapping runs", "shards", len(r.shards), "startingPosition", string(r.m.cfg.StartingPosition))
	timer := time.NewTimer(next)
	defer timer.Stop()
	for {
		r.open()
		select {
		case e := <-r.ended:
			r.end(e)
			if e.err != nil && !errors.Is(e.err, ErrLeaseLost) {
				r.halt(e.err)
				return errors.Join(e.err, r.stop())
			}
			if e.finished {
				timer.Reset(0) // its children may be new to us
			}
		case <-timer.C:
			timer.Reset(r.refresh())
		case <-r.soft.Done():
			return r.stop()
		}
	}
}

// begin lists the shards and reads the stored progress for the first time.
func (r *run) begin() (time.Duration, error) {
	var shards []poller.Shard
	for pause := listRetry; ; pause = min(2*pause, r.m.cfg.ShardRefreshInterval) {
		var err error
		shards, err = r.m.source.Shards(r.soft)
		if err == nil {
			break
		}
		if r.soft.Err() != nil {
			return 0, r.soft.Err()
		}
		switch poller.Classify(err) {
		case poller.StreamGone:
			return 0, fmt.Errorf("mapping: Stream not found: %s: %w", r.m.cfg.EventSourceARN, err)
		case poller.Denied, poller.Stop:
			return 0, fmt.Errorf("mapping: %s: %w", r.m.cfg.EventSourceARN, err)
		}
		r.problem(err)
		if !sleep(r.soft, pause) {
			return 0, r.soft.Err()
		}
	}
	r.list(shards)
	var err error
	if r.anchor, err = r.m.anchor(r.soft); err != nil {
		return 0, err
	}
	return r.m.cfg.ShardRefreshInterval, r.readProgress()
}

// readProgress learns from the store which shards are wholly resolved.
func (r *run) readProgress() error {
	progress, err := r.m.store.Progress(r.soft, r.m.name)
	if err != nil {
		return fmt.Errorf("mapping: read the stored progress: %w", err)
	}
	for id, p := range progress {
		if p.End {
			r.finished[id] = true
		}
	}
	return nil
}

// refresh lists the shards again and returns when to do it next.
func (r *run) refresh() time.Duration {
	shards, err := r.m.source.Shards(r.soft)
	if err != nil {
		if r.soft.Err() == nil {
			r.problem(err)
		}
		return min(listRetry*5, r.m.cfg.ShardRefreshInterval)
	}
	r.list(shards)
	return r.m.cfg.ShardRefreshInterval
}

// problem tells of a listing that failed, once for each new reason.
func (r *run) problem(err error) {
	news := false
	r.m.view.set(func(v *view) {
		news = v.problem != err.Error()
		v.problem = err.Error()
	})
	r.m.result("PROBLEM: " + message(err))
	if news {
		r.m.log.Error("listing the stream's shards failed, will be tried again", "error", err)
	}
}

// list takes over a list of shards. One that is still processed stays, listed or not: its children must wait for it.
func (r *run) list(shards []poller.Shard) {
	recovered := false
	r.m.view.set(func(v *view) {
		recovered = v.problem != ""
		v.problem = ""
	})
	if recovered {
		r.m.log.Info("the stream's shards are listed again")
	}
	before := r.shards
	r.shards = make(map[string]poller.Shard, len(shards))
	for _, s := range shards {
		r.shards[s.ID] = s
	}
	for id := range r.running {
		if _, ok := r.shards[id]; !ok {
			r.shards[id] = before[id]
		}
	}
	for id := range r.finished {
		if _, ok := r.shards[id]; !ok {
			delete(r.finished, id)
		}
	}
}

// open starts every shard that may be processed and is not, and publishes which ones wait for a parent.
func (r *run) open() {
	all := make([]poller.Shard, 0, len(r.shards))
	for _, s := range r.shards {
		all = append(all, s)
	}
	may := map[string]bool{}
	for _, s := range poller.Openable(all, func(id string) bool { return r.finished[id] }) {
		may[s.ID] = true
		if !r.running[s.ID] {
			r.start(s)
		}
	}
	var blocked []ShardStatus
	for _, s := range all {
		if !may[s.ID] && !r.finished[s.ID] {
			parents := strings.TrimSuffix(s.Parent+" and "+s.AdjacentParent, " and ")
			blocked = append(blocked, ShardStatus{ShardID: s.ID, Waiting: "waiting for its parents to be wholly processed: " + parents})
		}
	}
	slices.SortFunc(blocked, func(a, b ShardStatus) int { return strings.Compare(a.ShardID, b.ShardID) })
	r.m.view.set(func(v *view) { v.blocked = blocked })
}

// start processes one shard in a goroutine of its own, which ends by sending to ended.
func (r *run) start(s poller.Shard) {
	r.running[s.ID] = true
	sv := &shardView{}
	sv.status.ShardID = s.ID
	r.m.view.set(func(v *view) { v.shards[s.ID] = sv })
	r.wg.Go(func() {
		finished, err := newShard(r, s, sv).run()
		r.ended <- shardEnd{id: s.ID, finished: finished, err: err}
	})
}

// end takes note of a shard that ended.
func (r *run) end(e shardEnd) {
	delete(r.running, e.id)
	r.m.view.set(func(v *view) { delete(v.shards, e.id) })
	if e.finished {
		r.finished[e.id] = true
		r.m.log.Info("shard is wholly processed", "shard", e.id)
	}
}

// stop waits for the shards to drain, and cancels what still runs when the time is over.
func (r *run) stop() error {
	r.m.log.Info("mapping stops", "shards", len(r.running), "drainTimeout", r.m.cfg.DrainTimeout)
	drain := time.NewTimer(max(0, r.m.cfg.DrainTimeout))
	defer drain.Stop()
	var errs []error
	for len(r.running) > 0 {
		select {
		case e := <-r.ended:
			r.end(e)
			errs = append(errs, e.err)
		case <-drain.C:
			r.cancel(ErrDrainTimeout)
		}
	}
	err := errors.Join(errs...)
	r.m.log.Info("mapping stopped", "error", err)
	return err
}

// sleep waits and reports whether ctx is still good.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
