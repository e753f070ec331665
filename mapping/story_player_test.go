package mapping_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
)

// player is one process of a story. Its Invoke is the function.
type player struct {
	stage   *stage
	name    string
	setup   setup
	mapping *mapping.Mapping
	gate    *gate
	alone   *gatedStore // nil in a fleet
	cancel  context.CancelFunc
	crashed chan struct{}     // closed when it crashes
	done    chan struct{}     // closed when Run has returned
	epochs  map[string]uint64 // of its leases; the journal's lock protects it, and lost
	lost    map[lease]bool    // leases that were lost, as the Observer says

	// The journal's lock protects these, too.
	started, stopped, died, returned moment
	err                              error // of Run
	after                            mapping.Status
}

func (p *player) journal() *journal { return p.stage.journal }

// start starts a process.
func (s *stage) start(set setup) {
	p := &player{
		stage: s, name: fmt.Sprintf("p%d", len(s.journal.players)), setup: set,
		crashed: make(chan struct{}), done: make(chan struct{}), epochs: map[string]uint64{}, lost: map[lease]bool{},
	}
	p.gate = newGate(p, s.plot.seed<<8+uint64(len(s.journal.players)))
	cfg := set.config()
	cfg.Client, cfg.Function = s.client, invoke.Invoker(p)
	if cfg.EventSourceARN = s.arn; s.fanOut {
		cfg.Read.Deaggregate = false // which is on
	}
	cfg.Logger = slog.New(slog.NewTextHandler(&s.logs, nil)).With("process", p.name)
	cfg.Observer.ShardOpened = func(o observe.ShardOpened) { s.journal.open(p, o) }
	cfg.Observer.Trimmed = s.journal.trim
	cfg.Observer.ShardClosed = func(c observe.ShardClosed) { s.journal.close(p, c) }
	if s.shared != nil {
		cfg.Store = gatedFleet{&view{sharedStore: s.shared}, p.gate}
	} else {
		p.alone = &gatedStore{Store: s.memory, gate: p.gate}
		cfg.Store = p.alone
	}
	if s.report == noDestination {
		cfg.Observer.Discarded = func(e observe.Discarded) { s.journal.dropUnseen(p, e) }
	} else {
		cfg.DestinationConfig.OnFailure = mapping.OnFailure{Target: invoke.DestinationFunc(p.deliver), Block: s.report == blocking}
	}
	s.tamper.with(&cfg)
	p.run(cfg)
	s.crew = append(s.crew, p)
}

// run runs the mapping in a goroutine of its own.
func (p *player) run(cfg mapping.Config) {
	m, err := mapping.New(cfg)
	if err != nil {
		p.stage.t.Fatalf("%s\n%v", p.stage.plot, err)
	}
	p.mapping = m
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	j := p.journal()
	j.mu.Lock()
	p.started = j.now()
	j.players = append(j.players, p)
	j.mu.Unlock()
	run := p.stage.tamper.run(m.Run)
	go func() {
		defer close(p.done)
		err := run(ctx)
		status := m.Status()
		j.mu.Lock()
		defer j.mu.Unlock()
		p.returned, p.err, p.after = j.now(), err, status
		p.exit()
	}()
}

// exit ends a process whose Run has returned, unless a function of it runs. The caller holds the journal's lock.
func (p *player) exit() {
	if j := p.journal(); p.alone != nil && !j.runs(p) {
		if kept := p.alone.giveBack(); len(kept) > 0 && !p.died.came() {
			j.faults = append(j.faults, fmt.Sprintf("released: %s keeps %v", p.name, kept))
		}
	}
}

// stop asks the process to end.
func (p *player) stop() {
	j := p.journal()
	j.mu.Lock()
	if !p.stopped.came() {
		p.stopped = j.now()
	}
	j.mu.Unlock()
	p.cancel()
}

// crash ends the process: nothing of it reaches the store any more, and its functions are gone. What is left of it in this
// program ends soon.
func (p *player) crash() {
	j := p.journal()
	j.mu.Lock()
	first := !p.died.came()
	if first {
		p.died = j.now()
	}
	j.mu.Unlock()
	if !first {
		return
	}
	p.gate.die()
	if p.alone != nil {
		p.alone.giveBack()
	}
	close(p.crashed)
	p.cancel()
}

func (p *player) isDead() bool {
	select {
	case <-p.crashed:
		return true
	default:
		return false
	}
}

// hasReturned reports whether Run has returned.
func (p *player) hasReturned() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// tally is the state of a window: the records that were counted. Its serial is that of the invocation that returned it.
type tally struct {
	Serial  int      `json:"serial"`
	Records []string `json:"records"`
}

var errUnlucky = errors.New("not now")

// Invoke implements invoke.Invoker: it is the function.
func (p *player) Invoke(ctx context.Context, in *invoke.Invocation) (*invoke.Result, error) {
	if p.isDead() {
		return nil, errGone
	}
	j := p.journal()
	c := j.begin(p, in)
	cue, relent := p.stage.cue(c)
	c.cue = cue.what
	if err := p.take(ctx, &cue, relent); err != nil {
		if p.isDead() {
			return nil, err // nobody hears how it ended
		}
		defer j.end(c)
		c.late = ctx.Err() != nil
		return nil, err
	}
	defer j.end(c)
	c.late = ctx.Err() != nil
	return p.answer(c, &cue, in)
}

// take lets an invocation take its time. It returns an error where its process died, or its ctx was done and it minds that.
func (p *player) take(ctx context.Context, cue *cue, relent <-chan struct{}) error {
	timer := time.NewTimer(cue.busy)
	defer timer.Stop()
	ended := ctx.Done()
	if cue.deaf {
		ended = nil
	}
	select {
	case <-timer.C:
	case <-relent:
	case <-p.crashed:
		return errGone
	case <-ended:
		if !cue.goesOn {
			return ctx.Err()
		}
	}
	// What ends in the moment of its timeout is late or in time by chance, and the mapping may see it differently. A little later it
	// is late for both.
	timer.Reset(7 * time.Microsecond)
	select {
	case <-timer.C:
	case <-p.crashed:
		return errGone
	}
	return nil
}

// answer ends an invocation as it was drawn.
func (p *player) answer(c *played, cue *cue, in *invoke.Invocation) (*invoke.Result, error) {
	switch cue.what {
	case "panic":
		panic(errUnlucky)
	case "exit":
		runtime.Goexit()
	case "fail":
		return nil, errUnlucky
	case "not run":
		c.notRun = true
		return nil, invoke.ErrThrottled
	}
	c.ok, c.done = true, len(c.items)
	response := &invoke.Response{}
	if cue.what == "items" && len(c.items) > 0 && p.setup.items {
		failed := in.Event.At(cue.item % len(c.items)).SequenceNumber
		response.FailedItems = []string{failed}
		c.done = slices.IndexFunc(c.items, func(item []*told) bool { return item[0].position.SequenceNumber == failed })
	}
	if c.window != nil {
		response.State = p.count(c)
		c.state = string(response.State)
	}
	return &invoke.Result{Response: response}, nil
}

// count returns the state with the records that were processed.
func (p *player) count(c *played) []byte {
	var t tally
	if err := json.Unmarshal(c.window.State, &t); err != nil {
		p.journal().wrong("%s has a state that is none: %v", c, err)
	}
	t.Serial = c.began.n
	for _, item := range c.items[:c.done] {
		for _, r := range item {
			t.Records = append(t.Records, r.data)
		}
	}
	state, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return state
}

// deliver is the destination.
func (p *player) deliver(ctx context.Context, f *invoke.Failure) error {
	if p.isDead() {
		return errGone
	}
	d := p.journal().drop(p, f)
	err := p.stage.delivery(ctx, d)
	if p.isDead() {
		return errGone
	}
	p.journal().dropEnds(d, err == nil || p.stage.report != blocking && context.Cause(ctx) == nil)
	return err
}

// cue is how a call goes.
type cue struct {
	busy   time.Duration
	what   string
	item   int
	deaf   bool // it does not mind its ctx
	goesOn bool // it succeeds though its ctx is done
}

// director decides how calls go.
type director struct {
	seed uint64

	mu     sync.Mutex
	mood   mood
	relent chan struct{} // closed when the mood changes
	times  map[uint64]uint64
}

func newDirector(seed uint64) *director {
	return &director{seed: seed, relent: make(chan struct{}), times: map[uint64]uint64{}}
}

func (d *director) set(m mood) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mood = m
	close(d.relent)
	d.relent = make(chan struct{})
}

// draw returns numbers that depend on what a call is about, and how often there was one like it: not on its goroutine.
func (d *director) draw(about string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(about))
	sum := h.Sum64()
	d.times[sum]++
	return rand.New(rand.NewPCG(d.seed^sum, d.times[sum]))
}

// cue returns how an invocation goes, and a channel that ends its waiting.
func (d *director) cue(c *played) (cue, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rng := d.draw(c.about())
	m, q := d.mood, cue{item: rng.IntN(10), goesOn: rng.IntN(4) == 0}
	if rng.IntN(100) < m.slow {
		q.busy = pick(rng, time.Millisecond, 50*time.Millisecond, time.Second, 3*time.Second, 10*time.Second, 25*time.Second)
	}
	n := rng.IntN(100)
	for _, o := range []struct {
		rate int
		what string
	}{{m.fail, "fail"}, {m.panics, "panic"}, {m.exits, "exit"}, {m.items, "items"}, {m.notRun, "not run"}, {m.hang, "hang"}, {m.deaf, "deaf"}} {
		if n -= o.rate; n < 0 {
			q.what = o.what
			break
		}
	}
	switch q.what {
	case "hang":
		q.busy = time.Hour
	case "deaf":
		q.busy, q.deaf = pick(rng, 4*time.Second, 20*time.Second, 45*time.Second, 2*time.Minute), true
		q.what = pick(rng, "", "fail", "exit")
	}
	return q, d.relent
}

// about names what an invocation is about.
func (c *played) about() string {
	if len(c.items) > 0 {
		return c.items[0][0].data
	}
	return "final " + c.shard + c.window.Start.String()
}

// delivery returns what becomes of a document.
func (d *director) delivery(ctx context.Context, about *dropped) error {
	d.mu.Lock()
	rate := d.mood.undelivered
	name := "final"
	if len(about.records) > 0 {
		name = about.records[0].data
	}
	rng := d.draw("document of " + name + about.shard)
	d.mu.Unlock()
	timer := time.NewTimer(time.Duration(rng.IntN(3)) * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if rng.IntN(100) < rate {
		return errUnlucky
	}
	return nil
}

// has reports whether a discard is of a record.
func (d *dropped) has(r *told) bool { return slices.Contains(d.records, r) }

// isFinal reports whether an invocation is the final one of a window.
func (c *played) isFinal() bool { return c.window != nil && c.window.Final }

// tallyOf returns the tally that is a window's state.
func tallyOf(w *batch.Window) (t tally) {
	_ = json.Unmarshal(w.State, &t) // count has judged it
	return t
}
