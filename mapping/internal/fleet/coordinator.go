package fleet

import (
	"fmt"
	"time"
)

// Coordinator decides for one worker of a mapping which leases it acquires, hands over and drops. It has no clock and
// starts nothing: it receives results, Next returns what to do, and Wake when to ask again.
//
// A Coordinator is used by one goroutine. Each now is of the worker's monotonic clock, at or after the one before. The
// result of an action is reported once, after Next returned the action.
type Coordinator struct {
	given  Config // without defaults
	cfg    Config // of this worker itself: heartbeats, readings, its fence
	common Config // of what it expects of others: cfg with the longest Failover of all living workers

	incarnation string
	self        member  // this incarnation
	life        int     // the number of incarnations so far
	retired     []*past // earlier ones whose rows are not closed yet

	joined     bool // the row of this incarnation exists
	counter    uint64
	generation uint64
	asks       map[string]*wish // by shard
	news       bool             // the row as last written is out of date
	sent       *Heartbeat       // under way
	beat       call
	beatStart  time.Time // of the last good heartbeat; zero before the first
	settled    time.Time // no lease is taken earlier: workers that start at the same time need to be seen

	watching  call
	readStart time.Time // of the last good reading of the workers' rows in this incarnation; zero before the first
	peers     map[string]*peer
	peerOrder []*peer   // by incarnation; without this one
	quiet     time.Time // until then no peer need be closed or removed
	peerSet   uint64    // grows when peers come or go; never zero

	surveying   call
	stale       bool      // lease rows changed, or may have
	surveyStart time.Time // of the last good reading of the lease rows; zero before the first
	surveyEnd   time.Time
	foreign     bool // then programs outside the fleet had leases
	surveys     uint64
	lists       uint64

	shards map[string]*shard
	order  []*shard // by ID

	queue    []queued  // to be acquired, in this order
	again    []*shard  // with a Take whose result is unknown
	taking   int       // shards with a Take under way
	took     bool      // a lease was acquired after the latest look at the asks of all others
	active   int       // shards that are processed, or have a Take under way
	dirty    bool      // the plan is out of date
	balanced time.Time // when moves were last chosen
	planned  time.Time // when the latest plan was made
	planNext time.Time // when the next plan is due, or somewhat later, even if nothing is out of date; zero: not at all
	plans    uint64    // the number of plans so far
	alive    []*peer   // the fresh ones in the latest plan
	askedFor []*shard  // whose asker is set
	waiting  bool      // something is about to become free: read often
	stolen   time.Time // when a lease was last taken from a program outside the fleet
	swapped  time.Time // when a move for the sake of bytes was asked for last
	stopping bool
	gone     bool // stopped, and the row is closed

	actions []Action
}

// queued is a shard whose lease this worker acquires if its row is still as it was at the decision.
type queued struct {
	shard *shard
	epoch uint64
}

func (c *Coordinator) enqueue(s *shard) {
	c.queue = append(c.queue, queued{shard: s, epoch: s.lease.Epoch})
}

// call is one kind of call that repeats.
type call struct {
	busy  bool
	began time.Time
	due   time.Time
	life  int // the incarnation that began it
}

// past is an earlier incarnation.
type past struct {
	name string
	left int // shards that have not ended
	call call
}

func (c *call) start(now time.Time, life int) { c.busy, c.began, c.life = true, now, life }

func (c *call) end(due time.Time) { c.busy, c.due = false, due }

func (c *call) ready(now time.Time) bool { return !c.busy && !now.Before(c.due) }

// New returns the Coordinator of a worker that has just started. The error names all invalid fields.
func New(cfg Config) (*Coordinator, error) {
	given := cfg
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Coordinator{given: given, cfg: cfg, common: cfg, peers: map[string]*peer{}, peerSet: 1, shards: map[string]*shard{}}
	c.begin()
	return c, nil
}

// begin starts the next incarnation.
func (c *Coordinator) begin() {
	c.life++
	c.incarnation = fmt.Sprintf("%s#%d", c.cfg.Worker, c.life)
	c.self.name, c.self.hash = c.incarnation, hash(c.incarnation)
	c.joined, c.counter, c.generation = false, 0, 0
	c.asks = map[string]*wish{}
	c.sent, c.beat, c.beatStart = nil, call{}, time.Time{}
	c.watching.due, c.readStart = time.Time{}, time.Time{}
	c.surveying.due, c.surveyStart = time.Time{}, time.Time{}
	c.queue, c.again, c.stale, c.dirty, c.news = nil, nil, true, true, false
}

// Incarnation names the worker as an owner of leases, until the next DropAll.
func (c *Coordinator) Incarnation() string { return c.incarnation }

// Fence returns the time at which all leases of this worker end by themselves, unless a heartbeat and a reading of the
// workers' rows succeed earlier. It is the zero time while it has no lease. Compare the clock with it immediately
// before each invocation: a process that was suspended notices it there before any timer fires.
func (c *Coordinator) Fence() time.Time {
	if !c.member() {
		return time.Time{}
	}
	if c.readStart.Before(c.beatStart) {
		return c.readStart.Add(c.cfg.patience())
	}
	return c.beatStart.Add(c.cfg.patience())
}

// member reports whether the worker may have leases.
func (c *Coordinator) member() bool { return c.joined && !c.readStart.IsZero() }

// Stop makes the worker drain all its shards and leave. Done reports when it has left.
func (c *Coordinator) Stop(now time.Time) {
	c.fence(now)
	c.stopping, c.news, c.queue, c.dirty = true, true, nil, true
	clear(c.asks)
}

// Done reports whether the worker has left after Stop, so that others may be informed.
func (c *Coordinator) Done() bool { return c.gone }

// Next returns the actions that are due now, in order, each action once.
func (c *Coordinator) Next(now time.Time) []Action {
	c.fence(now)
	if !c.gone {
		c.retire(now)
		c.heartbeat(now)
		c.watch(now)
		c.survey(now)
		c.plan(now)
		c.take(now)
		c.leave(now)
	}
	actions := c.actions
	c.actions = nil
	return actions
}

func (c *Coordinator) do(a Action) { c.actions = append(c.actions, a) }

// fence drops all leases when the last good heartbeat, or the last good reading, is too old.
func (c *Coordinator) fence(now time.Time) {
	if c.member() && !now.Before(c.Fence()) {
		c.dropAll(now, "no heartbeat or no reading succeeded in time")
	}
}

// dropAll drops all leases and ends the incarnation. The worker continues with the next one.
func (c *Coordinator) dropAll(now time.Time, why string) {
	c.do(&DropAll{Incarnation: c.incarnation, Why: why})
	p := &past{name: c.incarnation}
	for _, s := range c.order {
		switch s.hold {
		case dropped:
			if s.mine.Owner == c.incarnation {
				p.left++
			}
		case held, draining:
			p.left++
			c.set(s, dropped, now)
		case taking:
			c.set(s, none, now)
		default:
		}
	}
	c.retired = append(c.retired, p)
	c.begin()
}

// retire closes the rows of earlier incarnations that have nothing running any more, so that other workers need not
// wait for them to expire.
func (c *Coordinator) retire(now time.Time) {
	for _, p := range c.retired {
		if p.left == 0 && p.call.ready(now) {
			p.call.start(now, c.life)
			c.do(&RetireWorker{Incarnation: p.name, Timeout: c.cfg.timeout()})
		}
	}
}

// leave ends this incarnation when a stopping worker has no shards left.
func (c *Coordinator) leave(now time.Time) {
	if !c.stopping || len(c.retired) > 0 || c.active > 0 || now.Before(c.answered()) {
		return
	}
	c.sayLosses(now) // it reads no lease rows any more
	if c.joined || c.sent != nil {
		c.retired = append(c.retired, &past{name: c.incarnation})
		c.begin()
		return
	}
	c.gone = true
}

// Wake returns when to call Next even if nothing is reported before. It returns false if there is no such time.
func (c *Coordinator) Wake(now time.Time) (time.Time, bool) {
	var at time.Time
	sooner := func(t time.Time) {
		if t.Before(now) {
			t = now
		}
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if c.gone {
		return at, false
	}
	if c.member() {
		sooner(c.Fence())
	}
	for _, p := range c.retired {
		if p.left == 0 && !p.call.busy {
			sooner(p.call.due)
		}
	}
	c.wakeBeat(sooner)
	c.wakeWatch(now, sooner)
	c.wakeSurvey(sooner)
	c.wakeTakes(sooner)
	c.wakePlan(sooner)
	if until := c.answered(); c.stopping && c.active == 0 && now.Before(until) {
		sooner(until)
	}
	return at, !at.IsZero()
}
