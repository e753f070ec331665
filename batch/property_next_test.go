package batch_test

import (
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// next asks the Scheduler what to do and holds that against the model and the watcher.
func (s *schedule) next() {
	if s.err != nil {
		return
	}
	early := s.calm && (s.wake.IsZero() || s.now.Before(s.wake))
	want := s.m.next(s.now)
	got := s.s.Next(s.now)
	if early && len(got) > 0 {
		s.failf("next: %s, though nothing happened and wake is at %s", got[0], s.wake.Sub(worldStart))
	}
	var commit *batch.Commit
	for i, a := range got {
		s.logf("%s", a)
		if c, ok := a.(*batch.Commit); ok && i == len(got)-1 {
			commit = c
			break
		}
		if i >= len(want) || !s.same(a, want[i]) {
			s.failf("next: action %d is %q, want %+v", i, a, want)
			return
		}
		s.begun(a)
	}
	if n := len(got); commit == nil && n != len(want) || commit != nil && n-1 != len(want) {
		s.failf("next: got %v, want %+v", got, want)
	}
	s.committed(commit)
	if again := s.s.Next(s.now); len(again) > 0 {
		s.failf("next: %s, though it was asked just before", again[0])
	}
	s.checkState()
}

// same compares an action with what the model wants.
func (s *schedule) same(a batch.Action, w wanted) bool {
	switch a := a.(type) {
	case *batch.Invoke:
		return w.invoke && a.ID == w.id && a.Lane == w.lane && a.Attempt == w.attempt && s.sameRecords(copied(a.Records), w.records) &&
			s.m.sameWindow(a.Window, w)
	case *batch.Discard:
		return !w.invoke && a.ID == w.id && a.Lane == w.lane && a.Condition == w.condition && a.Invocations == w.count &&
			a.Cause == w.cause && s.sameRecords(copied(a.Records), w.records) && s.m.sameWindow(a.Window, w)
	}
	return false
}

func (s *schedule) sameRecords(records []batch.Record, want []int) bool {
	return slices.EqualFunc(records, want, func(r batch.Record, i int) bool {
		x := &s.stream[i]
		return r.SequenceNumber == x.SequenceNumber && r.SubSequence == x.SubSequence && r.More == x.More &&
			r.PartitionKey == x.PartitionKey && len(r.Data) == len(x.Data) && r.ArrivalTime.Equal(x.ArrivalTime)
	})
}

// begun shows an action to the watcher and keeps it as running.
func (s *schedule) begun(a batch.Action) {
	var err error
	var r run
	switch a := a.(type) {
	case *batch.Invoke:
		r = run{id: a.ID, lane: a.Lane, records: copied(a.Records), window: a.Window}
		_, err = s.w.invoked(s.now, a)
	case *batch.Discard:
		r = run{id: a.ID, lane: a.Lane, records: copied(a.Records), discard: true}
		err = s.w.discarded(s.now, a)
	}
	if err != nil {
		s.failf("%s: %w", a, err)
	}
	s.running = append(s.running, r)
}

// committed holds a commit, or that there is none, against the model and the watcher.
func (s *schedule) committed(commit *batch.Commit) {
	done := s.m.done()
	if commit == nil {
		if done != s.m.committed {
			s.failf("no commit, though all before record %d is done with", done.front)
		}
		return
	}
	s.m.version++
	if done == s.m.committed || commit.End != done.end || commit.Version != s.m.version || commit.Position != s.position(done.front) || !s.m.sameOpen(commit.Window) ||
		!commit.ResolvedUpTo.Equal(s.m.upTo) || commit.ClosedUpTo.IsZero() != (s.m.closed == 0) || !commit.ClosedUpTo.IsZero() && commit.ClosedUpTo.Unix() != s.m.closed {
		s.failf("%s, want version=%d position=%s end=%t, before it %+v", commit, s.m.version, s.position(done.front), done.end, s.m.committed)
	}
	if err := s.w.committed(s.m.read, commit); err != nil {
		s.failf("%s: %w", commit, err)
	}
	s.m.committed, s.m.storedTo = done, s.m.upTo
	s.commits = append(s.commits, durable{*commit, done})
}

// position is that behind the first n records of the stream.
func (s *schedule) position(n int) batch.Position {
	if n == 0 {
		return batch.Position{}
	}
	return batch.PositionOf(&s.stream[n-1])
}

// checkState compares what the Scheduler tells about itself, and its Wake, with the model.
func (s *schedule) checkState() {
	wake, ok := s.s.Wake(s.now)
	want, wantOK := s.m.wake()
	if ok != wantOK || ok && !wake.Equal(want) {
		s.failf("wake is %s %t, want %s %t", wake.Sub(worldStart), ok, want.Sub(worldStart), wantOK)
	}
	if ok && !wake.After(s.now) {
		s.failf("wake is at once, though next was asked")
	}
	s.calm, s.wake = true, wake
	records, bytes := s.s.Held()
	if records != s.m.read-s.m.front() || bytes != s.m.held() || s.s.Room() != s.m.room() {
		s.failf("%d records and %d bytes are held, want %d and %d", records, bytes, s.m.read-s.m.front(), s.m.held())
	}
	if s.s.Frontier() != s.position(s.m.front()) || s.s.Read() != s.position(s.m.read) || s.s.Ended() != s.m.done().end {
		s.failf("frontier %s, read %s, ended %t; want %+v", s.s.Frontier(), s.s.Read(), s.s.Ended(), s.m.done())
	}
	s.checkLanes()
}

// checkLanes compares Lanes with the model, and with what runs: a lane is never idle with a full batch.
func (s *schedule) checkLanes() {
	for i, got := range s.s.Lanes(make([]batch.LaneStatus, 0, 10)) {
		l := &s.m.lanes[i]
		want := batch.Gathering
		switch {
		case len(l.queue)+len(l.subBatches) == 0:
			want = batch.Idle
		case l.busy && l.subBatches[0].condition != "":
			want = batch.Discarding
		case l.busy:
			want = batch.Invoking
		case len(l.subBatches) > 0 && !s.m.stopped:
			want = batch.Retrying
		case len(l.subBatches) > 0:
			want = got.State // it stands still, whatever it would do
		}
		records, until := 0, time.Time{}
		if len(l.subBatches) > 0 {
			records = l.subBatches[0].n
		}
		if want == batch.Retrying {
			until = l.subBatches[0].notBefore
		}
		if got.Lane != i || got.State != want || got.Records != records || got.Buffered != len(l.queue)-records ||
			want == batch.Retrying && !got.Until.Equal(until) {
			s.failf("lane is %+v, want %s with %d of %d records until %s", got, want, records, len(l.queue), until.Sub(worldStart))
		}
	}
}

// positions prints records as they are printed in actions.
func positions(records []batch.Record) string {
	var b strings.Builder
	for i := range records {
		b.WriteString(" " + recordName(&records[i]))
		if records[i].Filtered {
			b.WriteString("(filtered)")
		}
	}
	return b.String()
}
