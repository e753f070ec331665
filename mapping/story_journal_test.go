package mapping_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

// moment is when something happened: its place in the order of all that happened, from 1 on. The zero moment has not come.
type moment struct {
	n  int
	at time.Time
}

func (m moment) came() bool { return m.n > 0 }

// before reports whether m came, and before o. Everything that came did so before what has not come.
func (m moment) before(o moment) bool { return m.came() && (!o.came() || m.n < o.n) }

// told is a record, or a member of an aggregate, that was put.
type told struct {
	data, key, shard string
	position         batch.Position // where it ends
	put              moment
	number           int
	before           *told // of the same key
}

// played is an invocation of the function.
type played struct {
	by           *player
	shard        string
	epoch        uint64
	request      string
	attempt      int
	items        [][]*told // by record: one, or all members of an aggregate that comes whole
	window       *batch.Window
	began, ended moment // the latter zero where its process crashed under it
	cue          string
	ok           bool   // it answered, perhaps with failed items
	notRun       bool   // it says that the function did not run
	state        string // that it answered
	done         int    // how many of the items it processed
	late         bool   // its ctx was done when it ended
}

// stored is a commit.
type stored struct {
	by           *player
	shard        string
	epoch        uint64
	progress     driver.Progress
	began, ended moment
	durable      moment // zero if nothing was stored
	err          error
}

// opened is when a process opened a shard under a lease.
type opened struct {
	by    *player
	shard string
	epoch uint64
	at    moment
}

// dropped is a discard: a document that the destination was given, or what the Observer says where there is none.
type dropped struct {
	by           *player
	shard        string
	epoch        uint64
	request      string
	condition    batch.Condition
	records      []*told
	final        *batch.Window // that was given up
	began, ended moment
	gone         bool // its records are resolved with it
}

// trimmed is what the Observer says of a gap.
type trimmed struct {
	shard string
	at    moment
	to    time.Time
}

// journal is all that happened in a story. Its pointers are to what the checks read once the story is over.
type journal struct {
	mu       sync.Mutex
	n        int
	records  []*told
	byData   map[string]*told
	byRaw    map[string][]*told
	last     map[string]*told // by key
	players  []*player
	calls    []*played
	commits  []*stored
	opens    []*opened
	drops    []*dropped
	trims    []trimmed
	parents  map[string][]string
	closed   map[string]moment // shards that were split or merged
	faults   []string          // that showed while it was written
	settling moment            // when all trouble ended
}

func newJournal() *journal {
	return &journal{
		byData: map[string]*told{}, byRaw: map[string][]*told{}, last: map[string]*told{}, parents: map[string][]string{},
		closed: map[string]moment{},
	}
}

// now returns the next moment. The caller holds the lock.
func (j *journal) now() moment {
	j.n++
	return moment{j.n, time.Now()}
}

// mark returns the next moment.
func (j *journal) mark() moment {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.now()
}

// wrong notes something that shows at the spot.
func (j *journal) wrong(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults = append(j.faults, fmt.Sprintf(format, args...))
}

// enter runs put, and enters the record's members, one unless it is an aggregate.
func (j *journal) enter(key string, raw []byte, members []string, put func() (shard, sequence string, err error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	shard, sequence, err := put()
	if err != nil {
		return err
	}
	at := j.now()
	for i, data := range members {
		r := &told{data: data, key: key, shard: shard, put: at, number: len(j.records), before: j.last[key], position: batch.Position{SequenceNumber: sequence}}
		if len(members) > 1 {
			r.position.SubSequence, r.position.Partial = int64(i), i < len(members)-1
			j.byRaw[string(raw)] = append(j.byRaw[string(raw)], r)
		}
		j.records = append(j.records, r)
		j.byData[data], j.last[key] = r, r
	}
	return nil
}

// items returns what was put as the records of an event.
func (j *journal) items(e *invoke.Event) (items [][]*told) {
	for r := range e.Records() {
		item := j.byRaw[string(r.Data)]
		if one := j.byData[string(r.Data)]; one != nil {
			item = []*told{one}
		}
		if item == nil {
			j.faults = append(j.faults, fmt.Sprintf("record %s was never put: %q", r.SequenceNumber, r.Data))
			continue
		}
		items = append(items, item)
	}
	return items
}

// begin enters an invocation.
func (j *journal) begin(p *player, in *invoke.Invocation) *played {
	j.mu.Lock()
	defer j.mu.Unlock()
	shard := in.Event.Origin.ShardID
	c := &played{by: p, shard: shard, epoch: p.epochs[shard], request: in.RequestID, attempt: in.Attempt, items: j.items(in.Event)}
	if w := in.Event.Window; w != nil {
		c.window = new(*w)
	}
	c.began = j.now()
	j.calls = append(j.calls, c)
	return c
}

// end enters the end of an invocation.
func (j *journal) end(c *played) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c.ended = j.now()
}

// open enters that a process opened a shard.
func (j *journal) open(p *player, o observe.ShardOpened) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p.epochs[o.Shard] = o.Epoch
	j.opens = append(j.opens, &opened{p, o.Shard, o.Epoch, j.now()})
}

// lease is a shard under one lease.
type lease struct {
	shard string
	epoch uint64
}

// close enters that a process closed a shard.
func (j *journal) close(p *player, c observe.ShardClosed) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if errors.Is(c.Err, driver.ErrLeaseLost) {
		p.lost[lease{c.Shard, p.epochs[c.Shard]}] = true
	}
}

// trim enters a gap.
func (j *journal) trim(t observe.Trimmed) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trims = append(j.trims, trimmed{t.Shard, j.now(), t.To})
}

// commit enters a commit that begins.
func (j *journal) commit(p *player, shard string, epoch uint64, progress driver.Progress) *stored {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := &stored{by: p, shard: shard, epoch: epoch, progress: progress, began: j.now()}
	j.commits = append(j.commits, c)
	return c
}

// drop enters a discard that begins.
func (j *journal) drop(p *player, f *invoke.Failure) *dropped {
	j.mu.Lock()
	defer j.mu.Unlock()
	shard := f.Event.Origin.ShardID
	d := &dropped{by: p, shard: shard, epoch: p.epochs[shard], request: f.RequestID, condition: f.Condition, began: j.now()}
	for _, item := range j.items(f.Event) {
		d.records = append(d.records, item...)
	}
	if w := f.Event.Window; w != nil && w.Final {
		d.final = new(*w)
	}
	j.drops = append(j.drops, d)
	return d
}

// dropUnseen enters a discard of which no destination is given a document.
func (j *journal) dropUnseen(p *player, e observe.Discarded) {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := &dropped{by: p, shard: e.Shard, epoch: p.epochs[e.Shard], request: e.RequestID, condition: e.Condition, began: j.now(), gone: true}
	d.ended = d.began
	if e.Records == 0 {
		d.final = &batch.Window{Final: true}
	}
	for _, r := range j.records {
		lane := batch.LaneOf(&batch.Record{PartitionKey: r.key}, p.setup.factor)
		if e.Records > 0 && r.shard == e.Shard && lane == e.Lane &&
			batch.CompareSequenceNumbers(r.position.SequenceNumber, e.FirstSequenceNumber) >= 0 &&
			batch.CompareSequenceNumbers(r.position.SequenceNumber, e.LastSequenceNumber) <= 0 {
			d.records = append(d.records, r)
		}
	}
	j.drops = append(j.drops, d)
}

// dropEnds enters how a discard ended.
func (j *journal) dropEnds(d *dropped, gone bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	d.ended, d.gone = j.now(), gone
}

// String names an invocation.
func (c *played) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s/%d [", c.by.name, c.shard[len(c.shard)-2:], c.epoch)
	for i, item := range c.items {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(item[0].data)
	}
	b.WriteByte(']')
	if w := c.window; w != nil {
		fmt.Fprintf(&b, " window %s", w.Start.Format("15:04:05"))
		if w.Final {
			b.WriteString(", final,")
		}
		fmt.Fprintf(&b, " state %s", w.State)
	}
	return b.String()
}

// String prints what happened, in order.
func (j *journal) String() string {
	lines := map[int]string{}
	note := func(m moment, format string, args ...any) {
		if m.came() {
			lines[m.n] = m.at.Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
		}
	}
	for _, r := range j.records {
		note(r.put, "put %s of %s to %s at %s", r.data, r.key, r.shard, r.position)
	}
	for s, at := range j.closed {
		note(at, "%s is closed", s)
	}
	for _, t := range j.trims {
		note(t.at, "%s is trimmed up to %s", t.shard, t.to)
	}
	for _, o := range j.opens {
		note(o.at, "%s opens %s/%d", o.by.name, o.shard, o.epoch)
	}
	for _, c := range j.calls {
		note(c.began, "{ %s", c)
		note(c.ended, "} %s: cue %q, ok %v, late %v, processed %d", c, c.cue, c.ok, c.late, c.done)
	}
	for _, c := range j.commits {
		note(c.began, "%s commits %s/%d: %s", c.by.name, c.shard, c.epoch, printProgress(c.progress))
		note(c.durable, "%s stored %s/%d: %s", c.by.name, c.shard, c.epoch, c.progress.Position)
		note(c.ended, "%s has committed %s/%d: %v", c.by.name, c.shard, c.epoch, c.err)
	}
	for _, d := range j.drops {
		note(d.began, "%s discards %s of %s: %s", d.by.name, names(d.records), d.shard, d.condition)
		note(d.ended, "%s has discarded %s of %s: %v", d.by.name, names(d.records), d.shard, d.gone)
	}
	for _, p := range j.players {
		note(p.started, "%s starts: %s", p.name, startAct(p.setup))
		note(p.stopped, "%s is stopped", p.name)
		note(p.died, "%s crashes", p.name)
		note(p.returned, "%s has returned: %v", p.name, p.err)
	}
	note(j.settling, "all trouble ends")
	var b strings.Builder
	for n := range j.n + 1 {
		if lines[n] != "" {
			b.WriteString(lines[n] + "\n")
		}
	}
	return b.String()
}
