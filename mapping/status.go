package mapping

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

// Values of Status.LastProcessingResult, in addition to "PROBLEM: " and the message of the stream's error. They are
// AWS's.
const (
	resultNone    = "No records processed"
	resultOK      = "OK"
	resultFailed  = "PROBLEM: Function call failed"
	resultBadItem = "PROBLEM: Sequence number in function response is invalid. Please check function implementation."
)

// Status is the state of a mapping.
type Status struct {
	// UUID identifies the mapping: it is in the keys of the objects for an S3 destination, and the same across
	// restarts. It is Config.UUID, or computed from the stream's and the function's ARN.
	UUID string

	// Worker is the name of this process in a fleet: the Owner of a shard that it processes begins with it. Empty without a
	// fleet.
	Worker string

	// Running is set while Run runs.
	Running bool

	// LastProcessingResult is the result of the last attempt to process, in AWS's words: "No records processed", "OK",
	// "PROBLEM: Function call failed", or, while the stream cannot be read, "PROBLEM: " and its answer. Throttling does
	// not show.
	LastProcessingResult string

	// Problem says why the stream's shards cannot be listed, or in a fleet why its table cannot be used; empty when both work.
	Problem string

	// ClockAhead is how far this host's clock is ahead of the stream's, negative if it is behind. The stream's answers
	// carry whole seconds, so equal clocks seem to differ by up to a second plus the time of an answer. It is zero
	// while the stream's clock is not known.
	ClockAhead time.Duration

	// Counts are the numbers of Lambda's metrics, since New.
	Counts Counts

	// Shards are the incomplete ones, by ID. In a fleet they include those of other workers.
	Shards []ShardStatus
}

// MarshalJSON writes ClockAhead as text, such as "2h0m0.5s". The other fields are written as by encoding/json.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status
	return json.Marshal(struct {
		plain
		ClockAhead string
	}{plain(s), s.ClockAhead.String()})
}

// ShardStatus is the state of one shard.
type ShardStatus struct {
	ShardID string

	// Owner is the owner of the lease, empty if it is free, as far as is known here. In a fleet it may be another
	// worker, or a program that shares the store: then only ShardID and Waiting are set too, as of the last reading of
	// the leases.
	Owner string

	// Read is after the last record that was read, Frontier after the last one at or below which everything is
	// resolved, and Stored is where a restart would resume.
	Read, Frontier, Stored batch.Position

	// Behind is how far the last read was behind the tip of the shard. While reads fail or are throttled, and if none
	// was answered for longer than 10 s and two poll intervals (of a Config.Source: only while they fail), the time
	// since the last answer is added, or since the shard was opened. Behind is then the maximum, because the stream
	// says nothing.
	Behind time.Duration

	// Shared is the share of the shard's reader, while that is clearly less than it wants because other consumers share
	// the shard's reads. It is nil otherwise.
	Shared *poller.Share `json:",omitempty"`

	// BufferedRecords and BufferedBytes count the records above the frontier; a page counts whole in bytes.
	BufferedRecords, BufferedBytes int

	// InFlight is the number of running invocations and deliveries.
	InFlight int

	// Lanes has the status of each lane.
	Lanes []LaneStatus

	// Waiting says why the shard is not progressing here; empty if it is.
	Waiting string
}

// LaneStatus is the status of one lane of a shard.
type LaneStatus struct {
	batch.LaneStatus

	// RequestID is that of the batch in hand, or of the last one; empty before the first invocation.
	RequestID string

	// LastError is the text of the last failure of the batch in hand, at most 1,024 bytes of it: of its invocation, or
	// of the delivery of its document. It is empty before a failure, and once the batch is resolved.
	LastError string
}

// MarshalJSON writes Behind as text, such as "1.5s". The other fields are written as by encoding/json.
func (s ShardStatus) MarshalJSON() ([]byte, error) {
	type plain ShardStatus
	return json.Marshal(struct {
		plain
		Behind string
	}{plain(s), s.Behind.String()})
}

// view is what Status reads. The goroutines of a Run write to it.
type view struct {
	mu      sync.Mutex
	running bool
	problem string
	table   string          // the problem of a fleet's table
	blocked []ShardStatus   // shards that waited for a parent when the shards were listed; in a fleet all, as of the last reading
	done    map[string]bool // shards that were finished since then
	shards  map[string]*shardView
}

// shardView is what Status reads of one shard.
type shardView struct {
	mu     sync.Mutex
	status ShardStatus
	noRoom bool

	account *poller.Account // in the Budget; nil without one

	answered time.Time     // the time of the last answer; before the first, of the opening of the shard; zero when nothing is left to read
	patience time.Duration // how long a read may be unanswered before Behind shows it; 0: as long as none fails

	read  condition // with the stream
	store condition // with the store
	stall stall     // of the stream
}

// sharedReads is the text of Status and the log for a shard whose reader gets clearly less than it wants because of
// other consumers.
const sharedReads = "the shard's reads are shared with other consumers"

// answerPatience is how long a read may be due, beyond two poll intervals, before ShardStatus.Behind grows. An idle
// subscription gets an event every 5 s.
const answerPatience = 10 * time.Second

// stall describes a stream that claims a lag, returns no records, and makes no progress. The zero stall is none.
type stall struct {
	since  time.Time
	behind time.Duration
}

// condition is a problem, and since when it exists. The zero condition is none.
type condition struct {
	reason  string
	since   time.Time
	problem bool // it shows in LastProcessingResult
}

// set records the current problem, and reports whether it is new.
func (t *condition) set(reason string, problem bool) (news bool) {
	news = t.reason == ""
	if news {
		t.since = time.Now()
	}
	t.reason, t.problem = reason, problem
	return news
}

func (v *view) set(change func(*view)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(v)
}

func (v *shardView) set(change func(*shardView)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(v)
}

// Status returns the state of the mapping. It may be called at any time, by any goroutine; the result is the caller's.
func (m *Mapping) Status() Status {
	v := &m.view
	v.mu.Lock()
	s := Status{UUID: m.cfg.uuid, Running: v.running, LastProcessingResult: *m.lastResult.Load(), Problem: v.problem, Counts: m.counts.get()}
	if m.fleet != nil {
		s.Worker = m.worker
	}
	for _, b := range v.blocked {
		if v.shards[b.ShardID] == nil && !v.done[b.ShardID] { // it may have been opened since the listing
			s.Shards = append(s.Shards, b)
		}
	}
	table := v.table
	shards := make([]*shardView, 0, len(v.shards))
	for _, sv := range v.shards {
		shards = append(shards, sv)
	}
	v.mu.Unlock()

	s.ClockAhead = m.clocks(time.Now()).ahead()
	problem := s.Problem
	s.Problem = cmp.Or(problem, table)
	for _, sv := range shards {
		status, read := sv.get()
		s.Shards = append(s.Shards, status)
		if read.problem {
			problem = read.reason
		}
	}
	if problem != "" {
		s.LastProcessingResult = "PROBLEM: " + problem
	}
	slices.SortFunc(s.Shards, func(a, b ShardStatus) int { return strings.Compare(a.ShardID, b.ShardID) })
	return s
}

func (v *shardView) get() (ShardStatus, condition) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.status
	s.Lanes = slices.Clone(s.Lanes)
	s.Behind += v.unanswered(time.Now())
	if s.Shared != nil {
		s.Shared = new(*s.Shared)
	}
	if s.Waiting == "" {
		s.Waiting = v.waiting()
	}
	return s, v.read
}

// unanswered returns how much longer than Behind the shard may be behind by now.
func (v *shardView) unanswered(now time.Time) time.Duration {
	if v.answered.IsZero() {
		return 0
	}
	since := max(0, now.Sub(v.answered))
	if v.read.reason != "" || v.patience > 0 && since > v.patience {
		return since
	}
	return 0
}

// waiting says why the shard is not progressing, the most informative reason first.
func (v *shardView) waiting() string {
	if v.noRoom {
		return "no room to read because of " + v.blocker()
	}
	for i := range v.status.Lanes {
		if l := &v.status.Lanes[i].LaneStatus; l.State == batch.Retrying || l.State == batch.Discarding {
			return describe(l)
		}
	}
	if w, ok := v.account.Waiting(); ok {
		return describeWait(&w)
	}
	if v.status.Shared != nil && !v.read.problem {
		return v.sharing()
	}
	if v.read.reason != "" {
		return fmt.Sprintf("reading fails since %s: %s", stamp(v.read.since), v.read.reason)
	}
	if v.store.reason != "" {
		return fmt.Sprintf("progress cannot be stored since %s: %s", stamp(v.store.since), v.store.reason)
	}
	if !v.stall.since.IsZero() {
		return fmt.Sprintf("the stream says that the shard is %s behind, but has returned no records and made no progress since %s",
			v.stall.behind, stamp(v.stall.since))
	}
	for i := range v.status.Lanes {
		if l := &v.status.Lanes[i].LaneStatus; l.State == batch.Invoking {
			return describe(l)
		}
	}
	return ""
}

// sharing describes the reader's share, and since when the stream has refused the current read, if it has.
func (v *shardView) sharing() string {
	s := sharedReads + ": it gets " + v.status.Shared.String()
	if v.read.reason != "" {
		s += ", throttled since " + stamp(v.read.since)
	}
	return s
}

// blocker describes the lane whose first unresolved record is the oldest.
func (v *shardView) blocker() string {
	var oldest *batch.LaneStatus
	for i := range v.status.Lanes {
		l := &v.status.Lanes[i].LaneStatus
		if !l.First.IsZero() && (oldest == nil || l.First.Compare(oldest.First) < 0) {
			oldest = l
		}
	}
	if oldest == nil {
		return "its buffer"
	}
	return fmt.Sprintf("lane %d: %s", oldest.Lane, describe(oldest))
}

// describeWait says what a read is waiting for, and which shard holds most of that.
func describeWait(w *poller.Wait) string {
	const mib = 1 << 20
	s := fmt.Sprintf("waiting for the Budget: %.1f of %.1f MiB are in use", float64(w.Used)/mib, float64(w.Total)/mib)
	if w.Held > 0 {
		s += fmt.Sprintf(", %.1f of them by %s", float64(w.Held)/mib, w.Holder)
	}
	return s + ", since " + stamp(w.Since)
}

func describe(l *batch.LaneStatus) string {
	switch l.State {
	case batch.Invoking:
		return "function running since " + stamp(l.Since)
	case batch.Retrying:
		return fmt.Sprintf("retrying after %d failures (%s), next attempt at %s", l.Failures, l.Cause, stamp(l.Until))
	case batch.Discarding:
		return "delivering to the on-failure destination since " + stamp(l.Since)
	case batch.Gathering:
		return "gathering a batch since " + stamp(l.Since)
	default:
		return string(l.State)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
