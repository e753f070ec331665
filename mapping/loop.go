package mapping

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// loop is the main loop of a shard. It reports events to the Scheduler and carries out the Scheduler's actions, until
// the shard is complete, or until the run stops and all calls have ended. An error describes the calls that did not
// end.
func (s *shard) loop() error {
	stopped, killed := s.stopCtx.Done(), s.ctx.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer s.rest()
	var grace <-chan time.Time
	for {
		now := time.Now()
		if now.Sub(s.clocked) >= clockPause {
			s.setClock(now)
		}
		if s.deps.isFenced() {
			s.lose(driver.ErrLeaseLost)
			s.stop()
		}
		s.hurry()
		for _, a := range s.sched.Next(now) {
			s.do(now, a)
		}
		if s.stopping && s.running == 0 {
			return nil
		}
		s.ask()
		s.publish()
		s.arm(timer, now)
		s.start() // last: a goroutine that starts just before this one waits runs next
		select {
		case e := <-s.ends.c:
			s.report(e)
		case r := <-s.pages:
			s.offer(r)
		case <-timer.C:
		case <-s.account.Pressure():
		case <-s.stored:
			return nil
		case <-stopped:
			stopped = nil
			s.stop()
		case <-killed:
			killed = nil
			s.stop()
			t := time.NewTimer(callGrace)
			defer t.Stop()
			grace = t.C
		case <-grace:
			for _, e := range s.ends.leave(s) {
				s.report(e)
			}
			if s.running > 0 {
				return s.abandon()
			}
		}
	}
}

// setClock advances ages to the time that the source's clock shows.
func (s *shard) setClock(now time.Time) {
	s.clocked = now
	s.sched.SetSourceTime(now, s.deps.clock(now))
}

// stop prevents further reads and invocations.
func (s *shard) stop() {
	s.stopping = true
	s.sched.Stop()
}

// ask lets the reader read one more page if there is room for it.
func (s *shard) ask() {
	if !s.reading && !s.stopping && s.sched.Room() > 0 {
		s.reading = true
		s.room <- struct{}{} // does not block: reading is false, so the last token was taken
	}
}

// arm sets the timer to when the Scheduler must be called again, or a running call must be logged. A timer that fires
// too early does no harm.
func (s *shard) arm(timer *time.Timer, now time.Time) {
	at, _ := s.sched.Wake(now) // the zero time if there is none
	if at = earliest(at, s.remind(now)); !at.IsZero() {
		timer.Reset(at.Sub(now))
	}
}

// offer handles the result of a read.
func (s *shard) offer(r *read) {
	s.reading = false
	s.share(r.shared)
	polled := observe.Polled{Shard: s.info.ID, Records: len(r.page.Records), Filtered: r.filtered, PassedOver: r.passedOver, Repeated: r.repeats, Behind: r.page.Behind, Err: r.err}
	if r.err != nil {
		call(s.deps.observer.Polled, polled)
		s.account.Received(0) // the bytes of a page that is not used
		s.readFailed(r.err)
		return
	}
	polled.Bytes = r.bytes
	if n := len(r.page.Records); n > 0 {
		polled.FirstSequenceNumber, polled.LastSequenceNumber = r.page.Records[0].SequenceNumber, r.page.Records[n-1].SequenceNumber
	}
	call(s.deps.observer.Polled, polled)
	s.deps.counts.polled.Add(int64(len(r.page.Records)))
	s.deps.counts.filtered.Add(int64(r.filtered))
	s.deps.counts.passedOver.Add(int64(r.passedOver))
	if r.repeats > 0 {
		s.repeated(r.repeats)
	}
	s.readWorked(r.page.Behind)
	s.noteRead(&r.page)
	if r.gap != nil {
		s.trimmed(r.gap)
	}
	if r.page.End {
		s.children = r.children
		s.reading = true // no further page is read
		s.view.set(func(v *shardView) { v.answered = time.Time{} })
	}
	s.rate.bytes.Add(int64(r.bytes))
	now := time.Now()
	s.setClock(now) // the answer with the page may be the first one with a time
	s.sched.Offer(now, r.page)
	s.settle(true)
}

// noteRead records the time up to which the shard is read.
func (s *shard) noteRead(page *batch.Page) {
	if n := len(page.Records); n > 0 {
		s.readTo = later(s.readTo, page.Records[n-1].ArrivalTime)
	}
	s.readTo = later(s.readTo, page.CaughtUpTo)
}

// repeated counts records that came twice in a page. It logs the first time, and then at most once an hour.
func (s *shard) repeated(n int) {
	s.deps.counts.repeated.Add(int64(n))
	s.repeats += n
	if now := time.Now(); s.repeatsLogged.IsZero() || now.Sub(s.repeatsLogged) >= repeatsPause {
		s.log.Warn("records came twice in a page, with the same data: they are processed once", "repeats", s.repeats)
		s.repeats, s.repeatsLogged = 0, now
	}
}

// settle reports to the Budget what the shard holds, and whether a page has just arrived.
func (s *shard) settle(arrived bool) {
	if _, held := s.sched.Held(); arrived || held != s.held {
		s.held = held
		s.account.Settle(held, arrived)
	}
}

// hurry ends the batching windows while reads wait for memory of the Budget that the shard holds.
func (s *shard) hurry() {
	if s.account == nil || s.deps.cfg.policy.MaximumBatchingWindow == 0 {
		return
	}
	on := s.held > 0 && s.account.Pressed()
	s.sched.Hurry(on)
	if on && !s.hurried {
		s.log.Debug("the Budget is short: batching windows end", "heldBytes", s.held)
	}
	s.hurried = on
}

// readFailed records a failed read: in the status, and for each new reason in the log. Throttling is routine where
// consumers share a shard, so it is logged at Debug until it has lasted. A shard that the service does not know, and
// that the stream does not list any more, is at its end.
func (s *shard) readFailed(err error) {
	class := poller.Classify(err)
	if class == poller.ShardGone {
		s.deps.missing.Store(true)
	}
	if class == poller.ShardGone && s.hasLeft() {
		s.throttle = throttle{}
		s.log.Debug("reading the shard failed for good", "error", err)
		s.toEnd()
		return
	}
	s.view.set(func(v *shardView) { v.read.set(message(err), class != poller.Throttled) })
	if class == poller.Throttled {
		s.throttle.hit(time.Now(), err)
		s.log.Debug("reading the shard was throttled", "error", err)
		return
	}
	s.throttle.err = nil
	if class != s.failure || !s.failing {
		s.failing, s.failure = true, class
		s.log.Warn("reading the shard failed, retrying", "class", class.String(), "error", err)
	}
}

// toEnd ends a shard that has left the stream without a last page. An open window gets its final invocation.
func (s *shard) toEnd() {
	s.unread = true
	s.reading = true // no further page is read
	s.sched.Offer(time.Now(), batch.Page{End: true})
}

// trimmed reports records that the stream may have trimmed unread. Reading resumes after them.
func (s *shard) trimmed(g *poller.Gap) {
	s.deps.counts.gaps.Add(1)
	s.log.Error("retention has passed the position to resume from: records that arrived in between, if any, are lost",
		"position", g.Position.String(), "from", stamp(g.From), "to", stamp(g.To), "gap", g.To.Sub(g.From).String())
	call(s.deps.observer.Trimmed, observe.Trimmed{Shard: s.info.ID, Position: g.Position, From: g.From, To: g.To})
}

func (s *shard) readWorked(behind time.Duration) {
	s.view.set(func(v *shardView) {
		v.status.Behind, v.answered = behind, time.Now()
		v.read = condition{}
	})
	s.throttle.over(s)
	if s.failing {
		s.failing = false
		s.log.Info("the shard is read again")
	}
}

// share publishes the reader's part of the shard's reads. It logs when others begin to leave it clearly less than it
// needs, and when that is over.
func (s *shard) share(share *poller.Share) {
	news := (share != nil) != s.shared
	s.shared = share != nil
	s.view.set(func(v *shardView) { v.status.Shared = share })
	switch {
	case !news:
	case s.shared:
		s.log.Warn(sharedReads+": enhanced fan-out would give the mapping its own", "readsPerSecond", rounded(share.Granted),
			"wanted", rounded(share.Wanted), "share", share.String())
	default:
		s.log.Info("the shard's reads are no longer shared with other consumers, or leave enough")
	}
}

// rounded returns a rate as logs show it.
func rounded(perSecond float64) float64 { return math.Round(perSecond*100) / 100 }

// publish updates the shard's status.
func (s *shard) publish() {
	s.lanes = s.sched.Lanes(s.lanes[:0])
	for i := range s.lanes {
		s.checkSize(&s.lanes[i])
	}
	s.settle(false)
	records, bytes := s.sched.Held()
	noRoom := s.sched.Room() <= 0
	stall := s.stall()
	v := s.view
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status.Read, v.status.Frontier = s.sched.Read(), s.sched.Frontier()
	v.status.BufferedRecords, v.status.BufferedBytes = records, bytes
	v.status.InFlight = s.running
	v.status.Lanes = v.status.Lanes[:0]
	for i := range s.lanes {
		c := &s.calls[i]
		v.status.Lanes = append(v.status.Lanes, LaneStatus{LaneStatus: s.lanes[i], RequestID: c.requestID, LastError: c.lastError})
	}
	v.noRoom, v.stall = noRoom, stall
}

// stall returns the stall of the stream, and logs its beginning and its end.
func (s *shard) stall() stall {
	since, behind, stalled := s.sched.Stalled()
	if stalled != s.stalled {
		s.stalled = stalled
		if stalled {
			s.log.Warn("the stream says that the shard is behind, but brings nothing and gets no further: tumbling windows close as if it were caught up",
				"behind", behind.String(), "since", stamp(since))
		} else {
			s.log.Info("the shard makes progress again")
		}
	}
	return stall{since: since, behind: behind}
}

// stillRunning returns an error that names the calls that ignored the end of their ctx.
func (s *shard) stillRunning() error {
	var ids []string
	for i := range s.calls {
		if c := &s.calls[i]; c.running {
			ids = append(ids, fmt.Sprintf("request %s (since %s)", c.requestID, stamp(c.began)))
		}
	}
	return fmt.Errorf("mapping: shard %s: %w: %s", s.info.ID, ErrStillRunning, strings.Join(ids, ", "))
}

// do carries out an action of the Scheduler, except the start of an invocation, which it only prepares.
func (s *shard) do(now time.Time, a batch.Action) {
	switch a := a.(type) {
	case *batch.Invoke:
		s.invoke(now, a)
	case *batch.Discard:
		s.discard(now, a)
	case *batch.Commit:
		s.reportLoss(a)
		s.commits.offer(a)
	}
}
