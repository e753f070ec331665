package mapping

import (
	"cmp"
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/lineage"
	"github.com/shardmill/shardmill/poller"
)

// refresh lists the shards again in a separate goroutine, and sets the timer for the next listing. A run that ends,
// also for an error, lists no more, because it starts no shards.
func (r *run) refresh() {
	if r.listing || r.stopCtx.Err() != nil {
		return
	}
	r.listing = true
	describe := r.wantsDescription()
	r.beside.wg.Go(func() {
		v, err := r.m.look(r.stopCtx, describe)
		r.beside.report(func(time.Time) { r.looked(v, err) })
	})
}

// looked handles the result of refresh.
func (r *run) looked(v *lineage.Look, err error) {
	r.listing = false
	if r.stopCtx.Err() != nil {
		return
	}
	next, err := r.refreshed(v, err)
	if err != nil {
		r.fail(err)
		return
	}
	if r.relist > 0 {
		next, r.relist = min(next, r.relist), 0
	}
	r.schedule(next)
	r.assignment.listed()
	r.sweep()
}

// refreshSoon schedules a listing soon after the last one. A running listing does not count, because it may be too old.
func (r *run) refreshSoon(soon time.Duration) {
	if r.listing {
		r.relist = min(cmp.Or(r.relist, soon), soon)
		return
	}
	r.listSoon(soon)
}

// schedule sets the timer for a listing after a time.
func (r *run) schedule(d time.Duration) {
	r.due = time.Now().Add(d)
	r.timer.Reset(d)
}

// listSoon sets the timer for a listing soon after the last one, unless it fires earlier.
func (r *run) listSoon(soon time.Duration) {
	if at := r.listed.Add(soon); at.Before(r.due) {
		r.schedule(max(0, time.Until(at)))
	}
}

// wantsDescription reports whether the next listing must include a description of the stream. That is so periodically,
// and when there is a doubt: shards are missing, or the stream itself was.
func (r *run) wantsDescription() bool {
	wanted := r.missing.Swap(false) || r.problemClass != "" || r.lineage.IsMissingSome() || time.Since(r.described) >= sweepInterval
	if wanted {
		r.described = time.Now()
	}
	return wanted
}

// refreshed handles the result of a look at the stream, and returns when to list next. An error ends the mapping.
func (r *run) refreshed(v *lineage.Look, err error) (time.Duration, error) {
	if err == nil {
		err = r.weigh(v, false)
	}
	switch {
	case errors.Is(err, ErrStreamReplaced):
		return 0, err
	case err != nil:
		if r.stopCtx.Err() == nil {
			r.problem(whatFailed(err), err)
		}
		return min(lineage.UnsettledRefresh, r.m.cfg.ShardRefreshInterval), nil
	}
	r.list(v)
	return r.next(), nil
}

// whatFailed returns the log message for a failed listing.
func whatFailed(err error) string {
	if errors.Is(err, lineage.ErrDoubt) {
		return "the listing seems to be of another stream: it is not used before a second look"
	}
	return "listing the stream's shards failed, retrying"
}

// next returns when to list again after a listing.
func (r *run) next() time.Duration {
	every := r.m.cfg.ShardRefreshInterval
	if soon := r.lineage.Unsettled(); soon > 0 {
		return min(soon, every)
	}
	for _, s := range r.running { // a processed shard that is missing in the newest listing
		if st := s.standing.Load(); !st.Listed && !st.Gone {
			return min(lineage.UnsettledRefresh, every)
		}
	}
	if r.lineage.IsLeaving() {
		return min(lineage.AbsentFor, every)
	}
	return every
}

// weigh returns an error if the stream seems to be another one than before, or than that of the rows: an
// ErrStreamReplaced if that is certain. Then no part of the listing may be used. first is set for the first look of the
// run.
func (r *run) weigh(v *lineage.Look, first bool) error {
	renumbered, err := r.lineage.Weigh(v, r.positions(), first)
	if renumbered != "" {
		r.m.log.Warn("the stream is the same, but its service changes the numbers at which shards begin: a recreated stream may not be noticed", "why", renumbered)
	}
	return err
}

// positions returns the sequence numbers up to which the processed shards are read, for shards without a starting
// number in any listing.
func (r *run) positions() map[string]string {
	read := map[string]string{}
	for id, s := range r.running {
		if !s.left && s.standing.Load().Info.StartingSequenceNumber == "" {
			status, _ := s.view.get()
			read[id] = status.Read.SequenceNumber
		}
	}
	return read
}

// list handles a look at the stream.
func (r *run) list(v *lineage.Look) {
	r.listed = time.Now()
	r.clock.at(r.listed)
	r.m.view.set(func(v *view) { v.problem = "" })
	if r.problemClass != "" {
		r.problemClass = ""
		r.m.log.Info("the stream's shards are listed again")
	}
	if v.Described {
		r.retention = v.Retention
		r.lineage.Describe(v.Created)
	}
	processed := make(map[string]poller.Shard, len(r.running))
	for id, s := range r.running {
		if !s.left { // otherwise it has left, whether it is processed or not
			processed[id] = s.standing.Load().Info
		}
	}
	for id, s := range r.stragglers {
		if !s.left {
			processed[id] = s.info
		}
	}
	gone := r.lineage.List(v.Shards, v.Began, processed)
	for id, s := range r.running {
		if !s.left {
			s.standing.Store(r.lineage.Standing(id, gone[id], r.retention))
		}
	}
}
