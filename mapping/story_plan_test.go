package mapping_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// plot is the plan of a story: all that is done to a mapping, and in which order. It follows from the seed alone.
type plot struct {
	seed     uint64
	shards   int
	pageSize int  // the most records of a page, 0 for the service's own
	limits   bool // the service keeps its limits
	fleet    bool // the processes share the shards; else they follow, or wait for, each other
	fanOut   bool // the shards are read by enhanced fan-out
	report   reporting
	acts     []act
}

// act is one thing that is done. It prints as a line of the plan.
type act interface{ String() string }

// The acts.
type (
	// putAct puts records.
	putAct []putItem
	// reshardAct splits an open shard, or merges it with its neighbour. The shard is the nth of those that are open then.
	reshardAct struct {
		nth   int
		split bool
	}
	// startAct starts a process.
	startAct setup
	// endAct ends a process, the nth of those that run then.
	endAct struct {
		nth    int
		how    ending
		writes int // for a crash at a write: which one from now on
	}
	// moodAct changes how the functions, and the destination, behave. Calls that hang relent.
	moodAct mood
	// sourceAct makes calls of the service fail.
	sourceAct kinesistest.Fault
	// expireAct expires all iterators.
	expireAct struct{}
	// storeAct makes calls of a process's store fail for a while.
	storeAct struct {
		nth  int
		gate gateMode
		rate int // percent
		d    time.Duration
	}
	// passAct lets time pass.
	passAct time.Duration
)

// putItem is a record with a key, an aggregate if it has members.
type putItem struct{ key, members int }

// reporting is what becomes of discarded records.
type reporting string

const (
	noDestination reporting = "no destination"
	dropping      reporting = "a destination"
	blocking      reporting = "a destination that is waited for"
)

// ending is how a process ends.
type ending string

const (
	stops         ending = "stop"                       // and the story waits for it
	leaves        ending = "stop, unattended"           // the story goes on
	crashes       ending = "crash"                      // nothing of it reaches the store any more
	crashesBefore ending = "crash before a write lands" // of progress, or of a lease
	crashesAfter  ending = "crash after a write landed"
)

// gateMode is what a store does with the calls of a process.
type gateMode string

const (
	gateOpen    gateMode = "works"
	gateRefuses gateMode = "refuses"
	gateHangs   gateMode = "hangs"
	gateLoses   gateMode = "stores, and its answer is lost"
)

// setup are the settings of a process.
type setup struct {
	batchSize, factor, buffer       int
	gather, window, age             time.Duration // MaximumBatchingWindow, TumblingWindow, MaximumRecordAge
	retries                         int           // -1: without end
	bisect, items, whole            bool          // whole: aggregates are not taken apart
	filtered                        int           // the records of this key are; -1: none are
	poll, refresh, drain, every, to time.Duration // to: FunctionTimeout, every: CheckpointInterval
}

// mood is how often, in percent, calls come to what.
type mood struct{ slow, fail, panics, exits, items, notRun, hang, deaf, undelivered int }

func (a putAct) String() string {
	var b strings.Builder
	b.WriteString("put")
	for _, r := range a {
		fmt.Fprintf(&b, " k%d", r.key)
		if r.members > 0 {
			fmt.Fprintf(&b, "×%d", r.members)
		}
	}
	return b.String()
}

func (a reshardAct) String() string {
	if a.split {
		return fmt.Sprintf("split open shard %d", a.nth)
	}
	return fmt.Sprintf("merge open shard %d", a.nth)
}

func (a startAct) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "start: batch %d, factor %d", a.batchSize, a.factor)
	type named struct {
		name string
		d    time.Duration
	}
	for _, d := range []named{
		{"gather", a.gather},
		{"window", a.window},
		{"age", a.age},
		{"poll", a.poll},
		{"refresh", a.refresh},
		{"drain", a.drain},
		{"checkpoints", a.every},
		{"timeout", a.to},
	} {
		if d.d != 0 {
			fmt.Fprintf(&b, ", %s %s", d.name, d.d)
		}
	}
	for _, f := range []struct {
		name string
		on   bool
	}{{"bisect", a.bisect}, {"item failures", a.items}, {"whole aggregates", a.whole}, {"small buffer", a.buffer > 0}} {
		if f.on {
			b.WriteString(", " + f.name)
		}
	}
	if a.retries >= 0 {
		fmt.Fprintf(&b, ", retries %d", a.retries)
	}
	if a.filtered >= 0 {
		fmt.Fprintf(&b, ", without k%d", a.filtered)
	}
	return b.String()
}

func (a endAct) String() string {
	if a.writes > 0 {
		return fmt.Sprintf("process %d: %s, the %d. from now", a.nth, a.how, a.writes)
	}
	return fmt.Sprintf("process %d: %s", a.nth, a.how)
}

func (a moodAct) String() string {
	rates := strings.Fields(strings.Trim(fmt.Sprintf("%+v", mood(a)), "{}"))
	rates = slices.DeleteFunc(rates, func(s string) bool { return strings.HasSuffix(s, ":0") })
	if len(rates) == 0 {
		return "functions: all well"
	}
	return "functions, in percent: " + strings.Join(rates, " ")
}

func (a sourceAct) String() string {
	f := kinesistest.Fault(a)
	return fmt.Sprintf("source: the next %d of %s: throttle %v, hang %v, delay %s, empty %v, end %v, error %v", f.Times, f.Op,
		f.Throttle, f.Hang, f.Delay, f.Empty, f.End, f.Err)
}

func (expireAct) String() string { return "source: all iterators expire" }

func (a storeAct) String() string {
	return fmt.Sprintf("the store of process %d %s, %d%% of calls, for %s", a.nth, a.gate, a.rate, a.d)
}

func (a passAct) String() string { return time.Duration(a).String() + " pass" }

// String prints the plan.
func (p *plot) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d shards, pages of %d, limits %v, fleet %v, fan-out %v, %s\n", p.seed, p.shards, p.pageSize, p.limits, p.fleet, p.fanOut, p.report)
	for _, a := range p.acts {
		fmt.Fprintf(&b, "  %s\n", a)
	}
	return b.String()
}

// planner draws a plan.
type planner struct {
	*plot
	rng     *rand.Rand
	keys    int
	windows bool // the story is one of windows
	rests   bool // all may stop for longer than the stream keeps records
	running int
}

// planStory returns the plan that a seed stands for.
func planStory(seed uint64) *plot {
	rng := rand.New(rand.NewPCG(seed, 3))
	p := &planner{rng: rng, keys: 1 + rng.IntN(6), windows: rng.IntN(5) < 2, rests: rng.IntN(5) == 0, plot: &plot{
		fanOut: rng.IntN(6) == 0, seed: seed, shards: 1 + rng.IntN(3), pageSize: pick(rng, 0, 0, 2, 5), limits: rng.IntN(2) == 0, fleet: rng.IntN(3) == 0,
		report: pick(rng, noDestination, dropping, dropping, blocking),
	}}
	p.prologue()
	for range 8 + rng.IntN(16) {
		p.next()
	}
	return p.plot
}

func (p *planner) add(acts ...act) { p.acts = append(p.acts, acts...) }

func (p *planner) oneIn(n int) bool { return p.rng.IntN(n) == 0 }

func (p *planner) prologue() {
	if p.oneIn(2) {
		p.add(p.put())
	}
	p.add(p.mood())
	p.start()
	for p.fleet && p.running < 3 && p.oneIn(2) {
		p.start()
	}
}

// next plans what happens next.
func (p *planner) next() {
	switch p.rng.IntN(13) {
	case 0, 1, 2, 3:
		p.add(p.put())
	case 4:
		p.add(reshardAct{nth: p.rng.IntN(4), split: p.oneIn(2)})
	case 5:
		p.add(p.mood())
	case 6:
		p.add(p.sourceTrouble())
	case 7:
		p.add(storeAct{
			nth: p.rng.IntN(3), gate: pick(p.rng, gateRefuses, gateHangs, gateLoses), rate: pick(p.rng, 30, 70, 100),
			d: pick(p.rng, 2*time.Second, 8*time.Second, 25*time.Second, 70*time.Second),
		})
	case 8, 9:
		p.turnOver()
	default:
	}
	p.add(passAct(pick(p.rng, time.Millisecond, 300*time.Millisecond, time.Second, time.Second, 4*time.Second, 4*time.Second, 15*time.Second, 50*time.Second)))
}

func (p *planner) put() act {
	items := make(putAct, 1+p.rng.IntN(8))
	for i := range items {
		items[i].key = p.rng.IntN(p.keys)
		if p.oneIn(4) {
			items[i].members = 2 + p.rng.IntN(4)
		}
	}
	return items
}

func (p *planner) mood() act {
	return moodAct(pick(p.rng,
		mood{}, mood{slow: 60}, mood{fail: 40}, mood{slow: 30, fail: 30, undelivered: 40}, mood{items: 60, slow: 10},
		mood{panics: 20, exits: 20, fail: 10, undelivered: 20}, mood{hang: 15, slow: 20}, mood{deaf: 15, slow: 20},
		mood{fail: 100, undelivered: 50}, mood{notRun: 40, fail: 10},
		mood{slow: 15, fail: 10, panics: 5, exits: 5, items: 15, notRun: 5, hang: 4, deaf: 4, undelivered: 20},
	))
}

func (p *planner) sourceTrouble() act {
	if p.oneIn(5) {
		return expireAct{}
	}
	f := kinesistest.Fault{Op: pick(p.rng, kinesistest.GetRecords, kinesistest.GetRecords, kinesistest.GetShardIterator, kinesistest.ListShards), Times: 1 + p.rng.IntN(6)}
	if p.fanOut {
		f.Op = pick(p.rng, kinesistest.SubscribeToShard, kinesistest.SubscribeToShard, kinesistest.ListShards)
	}
	switch p.rng.IntN(5) {
	case 0:
		f.Throttle = true
	case 1:
		f.Hang, f.Times = true, 1
	case 2:
		f.Delay = time.Duration(1+p.rng.IntN(10)) * time.Second
	case 3:
		if f.Empty = !p.fanOut; p.fanOut {
			f.End, f.After = true, p.rng.IntN(3)
		} else {
			f.Op = kinesistest.GetRecords
		}
	default:
		f.Err = errBroken
	}
	return sourceAct(f)
}

// turnOver ends processes, starts others, or does both at one time.
func (p *planner) turnOver() {
	if p.oneIn(4) && p.running < 3 { // the starts overlap
		p.start()
		return
	}
	end := endAct{nth: p.rng.IntN(3), how: pick(p.rng, stops, stops, leaves, crashes, crashes, crashesBefore, crashesAfter)}
	if slices.Contains([]ending{crashesBefore, crashesAfter}, end.how) {
		end.writes = 1 + p.rng.IntN(6)
	}
	p.add(end)
	p.running--
	for range p.rng.IntN(3) {
		p.add(p.put())
	}
	if p.oneIn(3) {
		p.add(passAct(pick(p.rng, time.Second, 20*time.Second, 2*time.Minute)))
	}
	if p.rests && p.running == 0 && p.oneIn(2) {
		p.add(passAct(time.Duration(20+p.rng.IntN(40))*time.Hour), p.put())
	}
	if p.running == 0 || p.oneIn(2) {
		p.start()
	}
}

func (p *planner) start() {
	p.running++
	rng := p.rng
	s := setup{
		batchSize: pick(rng, 1, 2, 3, 5, 100), factor: 1, filtered: -1, retries: pick(rng, -1, -1, -1, 0, 1, 3),
		gather: pick(rng, 0, 0, time.Second, 3*time.Second), age: pick(rng, 0, 0, 0, 0, time.Minute, 5*time.Minute),
		poll: pick(rng, 0, 0, 0, 200*time.Millisecond, 5*time.Second), refresh: pick(rng, 0, 3*time.Second, 10*time.Second),
		drain: pick(rng, 0, 0, 2*time.Second, -1), every: pick(rng, 0, 0, time.Second, -1, 10*time.Second),
		to: pick(rng, 0, 0, 3*time.Second, 20*time.Second), bisect: p.oneIn(2), items: p.oneIn(2), whole: p.oneIn(4), buffer: pick(rng, 0, 0, 1024),
	}
	if p.windows && !p.oneIn(10) {
		s.window = pick(rng, 5*time.Second, 5*time.Second, 20*time.Second, time.Minute)
	} else {
		s.factor = pick(rng, 1, 1, 2, 3, 7)
		if p.oneIn(4) {
			s.filtered = rng.IntN(p.keys)
		}
	}
	p.add(startAct(s))
}

// config returns what is configured of a setup.
func (s *setup) config() mapping.Config {
	cfg := mapping.Config{
		EventSourceARN: streamARN, FunctionName: "ship-orders", StartingPosition: mapping.TrimHorizon,
		BatchSize: s.batchSize, ParallelizationFactor: s.factor, BufferBytes: s.buffer, MaximumBatchingWindow: s.gather,
		TumblingWindow: s.window, MaximumRecordAge: s.age, BisectBatchOnFunctionError: s.bisect,
		Read: mapping.ReadOptions{Deaggregate: !s.whole, PollInterval: s.poll}, ShardRefreshInterval: s.refresh, DrainTimeout: s.drain, CheckpointInterval: s.every, FunctionTimeout: s.to,
	}
	if s.retries >= 0 {
		cfg.MaximumRetryAttempts = new(s.retries)
	}
	if s.items {
		cfg.FunctionResponseTypes = []mapping.FunctionResponseType{mapping.ReportBatchItemFailures}
	}
	if s.filtered >= 0 {
		cfg.FilterCriteria.Filters = []mapping.Filter{{Pattern: fmt.Sprintf(`{"partitionKey":[{"anything-but":["k%d"]}]}`, s.filtered)}}
	}
	return cfg
}
