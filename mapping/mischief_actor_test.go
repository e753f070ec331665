package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

// actor is one process of a trial: a mapping, alone or as a worker of a fleet.
type actor struct {
	*running
	name  string
	trial *trial
	crash chan struct{} // closed when the process dies: its functions are gone
	alone *mortal       // its way to the store; nil in a fleet
	view  *view         // nil without one
	over  bool          // Run has returned
	err   error         // what
}

// start starts a process with a configuration that is drawn for it.
func (t *trial) start() *actor {
	t.names++
	a := &actor{name: fmt.Sprintf("w%d", t.names), trial: t, crash: make(chan struct{})}
	cfg := t.config()
	cfg.Store = t.storeOf(a)
	cfg.Function = a.function(cfg.TumblingWindow > 0)
	cfg.Logger = slog.New(slog.NewTextHandler(&t.logs, nil)).With("worker", a.name)
	cfg.Observer.ShardOpened = func(o observe.ShardOpened) { t.witness.opened(a.name, o) }
	m, err := mapping.New(cfg)
	if err != nil {
		t.fail("New: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a.running = &running{Mapping: m, cancel: cancel, done: make(chan error, 1)}
	go func() { a.done <- m.Run(ctx) }()
	t.crew = append(t.crew, a)
	return a
}

// storeOf returns what a process sees of the store. All of them share what is stored.
func (t *trial) storeOf(a *actor) driver.Store {
	if t.shared == nil {
		a.alone = &mortal{Store: t.memory, slow: t.rng.IntN(4) == 0, rng: rand.New(rand.NewPCG(t.seed, uint64(t.names)))}
		return watchedStore{a.alone, t.witness}
	}
	a.view = &view{sharedStore: t.shared}
	return watchedFleet{a.view, t.witness}
}

// watchedStore shows a witness what is stored.
type watchedStore struct {
	driver.Store
	witness *witness
}

func (s watchedStore) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) error {
	s.witness.stores(lease.Shard, p)
	err := s.Store.Commit(ctx, lease, p)
	if err == nil {
		s.witness.stored(lease.Shard, p)
	}
	return err
}

// watchedFleet does the same with what a worker stores.
type watchedFleet struct {
	*view
	witness *witness
}

func (s watchedFleet) Fleet(name string) driver.FleetTable {
	return watchedTable{s.view.Fleet(name), s.witness}
}

type watchedTable struct {
	driver.FleetTable
	witness *witness
}

func (s watchedTable) Commit(ctx context.Context, lease driver.FleetLease, c driver.FleetCheckpoint) error {
	p, _ := c.Value.(driver.Progress)
	s.witness.stores(lease.Shard, p)
	err := s.FleetTable.Commit(ctx, lease, c)
	if err == nil {
		s.witness.stored(lease.Shard, p)
	}
	return err
}

// stop ends the process in good order, and returns what Run returned.
func (a *actor) stop() error {
	a.cancel()
	a.wait()
	return a.err
}

// kill ends the process as a crash does: nothing of it reaches the store, and its functions are gone.
func (a *actor) kill() {
	if a.alone != nil {
		a.alone.die()
	} else {
		a.view.cut.Store(true)
	}
	close(a.crash)
	_ = a.stop() // a dead process says nothing
}

// wait waits until Run has returned.
func (a *actor) wait() {
	if !a.over {
		a.over, a.err = true, <-a.done
	}
}

// look finds out whether Run has returned by itself.
func (a *actor) look() {
	select {
	case err := <-a.done:
		a.over, a.err = true, err
	default:
	}
}

// luck decides what functions come to. Its order depends on how goroutines interleave.
type luck struct {
	mu   sync.Mutex
	rng  *rand.Rand
	calm bool // nothing fails, nothing takes time
}

// setCalm ends, or begins, the time in which functions fail.
func (l *luck) setCalm(calm bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calm = calm
}

// draw returns how long an invocation takes, how it ends, and a number below n.
func (l *luck) draw(n int) (busy time.Duration, fails, i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calm {
		return 0, -1, 0
	}
	busy = []time.Duration{0, 0, 0, time.Millisecond, time.Second, 7 * time.Second, 20 * time.Second}[min(l.rng.IntN(7), l.rng.IntN(7))]
	return busy, l.rng.IntN(9) - 5, l.rng.IntN(max(1, n))
}

var errNotNow = errors.New("not now")

// function is what the process's mapping invokes.
func (a *actor) function(windows bool) invoke.Invoker {
	f := invoke.ResponseFunc(func(ctx context.Context, e *invoke.Event) (*invoke.Response, error) {
		in, items := a.trial.witness.begin(a.name, e)
		defer a.trial.witness.end(in)
		busy, fails, i := a.trial.luck.draw(len(items))
		if !a.busy(ctx, busy) {
			return nil, errNotNow
		}
		r := &invoke.Response{}
		if windows {
			r.State = []byte(`{"n":1}`)
		}
		switch {
		case fails == 0:
			return nil, errNotNow
		case fails == 1:
			panic("not now")
		case fails == 2 && len(items) > 0:
			a.trial.witness.succeeded(upTo(e, items, i)...)
			return r, &invoke.FailedItemsError{SequenceNumbers: []string{numberOf(e, i)}}
		}
		a.trial.witness.succeeded(items...)
		return r, nil
	})
	return f
}

// busy lets time pass within an invocation, and reports false if its process died, or wants it to end.
func (a *actor) busy(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-a.crash:
	}
	return false
}

// numberOf returns the sequence number of the ith record.
func numberOf(e *invoke.Event, i int) (number string) {
	for r := range e.Records() {
		if i--; i < 0 {
			return r.SequenceNumber
		}
	}
	return ""
}

// upTo returns the items before the first with the sequence number of the ith: members of an aggregate have one together.
func upTo(e *invoke.Event, items [][]*evidence, i int) [][]*evidence {
	failed, n := numberOf(e, i), 0
	for r := range e.Records() {
		if r.SequenceNumber == failed {
			return items[:n]
		}
		n++
	}
	return items
}

// state says in one line what a process does, for the report of a failure.
func (a *actor) state() string {
	if a.over {
		return fmt.Sprintf("%s: ended: %v", a.name, a.err)
	}
	st := a.Status()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", a.name, st.LastProcessingResult)
	for _, s := range st.Shards {
		fmt.Fprintf(&b, "\n    %s: read %s, stored %s, buffered %d, in flight %d: %s", s.ShardID, s.Read, s.Stored, s.BufferedRecords, s.InFlight, s.Waiting)
	}
	return b.String()
}
