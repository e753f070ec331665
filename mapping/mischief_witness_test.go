package mapping_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/observe"
)

// evidence is what is known of one record that was put, or of one member of an aggregate.
type evidence struct {
	data, key, shard string
	position         batch.Position // where the record, or the member, ends
	put              time.Time
	before           *evidence // of the same key
	number           int       // in the order in which records were put

	must   bool // it was put after the position at which the mapping starts
	never  bool // it was put before it
	lost   bool // the stream that had it was replaced, or it has left the stream unread in due time
	done   bool // an invocation with it has succeeded
	gone   bool // it was discarded, in accord with the policy
	stored bool // a stored position has passed it
}

// resolved reports whether nothing is left to do for the record.
func (e *evidence) resolved() bool { return e.done || e.gone || e.lost || !e.must }

// place is one shard under one lease.
type place struct {
	shard string
	epoch uint64
}

// running is an invocation that has not returned.
type invocation struct {
	place
	worker string
	keys   map[string]bool
}

// witness holds the invariants of a mapping from outside: by what was put, what the function sees, and what is stored.
//
//	nothing lost   each record put after the starting position is processed, or discarded in accord with the policy
//	order          a record is processed only when the one before it of the same key is resolved, and under one lease the
//	               first invocations of a key's records come in order
//	alone          two invocations with one key never run at the same time, but for one whose lease was lost
//	position       a stored position passes resolved records only
//	once           a record that a stored position has passed is not processed again
type witness struct {
	mu      sync.Mutex
	records map[string]*evidence   // by data
	raw     map[string][]*evidence // the members of an aggregate that comes whole
	shards  map[string][]*evidence
	last    map[string]*evidence // by key
	epochs  map[string]uint64    // the newest lease of each shard
	held    map[string]map[string]uint64
	first   map[place]map[string]int // by key: the number of the last record that was invoked for the first time
	seen    map[place]map[*evidence]bool
	running map[*invocation]bool
	wrong   []string
	early   bool // the service may give records from before the place asked for
	blind   bool // the stream was replaced: what is stored of the old one is not judged

	// elders are the workers that began before the stream was replaced. They may take a shard for the one that had its ID until
	// they list the shards again, and do not wait for its parents then, or pass over members as outside its range.
	elders map[string]bool

	retries bool // the policy discards records whose retries are exhausted
	age     time.Duration
}

func newWitness() *witness {
	return &witness{
		records: map[string]*evidence{}, raw: map[string][]*evidence{}, shards: map[string][]*evidence{},
		last: map[string]*evidence{}, epochs: map[string]uint64{}, held: map[string]map[string]uint64{},
		first: map[place]map[string]int{}, seen: map[place]map[*evidence]bool{}, running: map[*invocation]bool{},
	}
}

func (w *witness) fault(format string, args ...any) {
	if len(w.wrong) < 20 {
		w.wrong = append(w.wrong, time.Now().Format(clockFormat)+fmt.Sprintf(format, args...))
	}
}

// faults returns what went wrong so far.
func (w *witness) faults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.wrong)
}

// enter runs do, which puts a record, and enters its members, one unless it is an aggregate. No invocation is judged
// meanwhile: a subscription may bring the record before do has returned.
func (w *witness) enter(key string, raw []byte, members []string, must, never bool, do func() (shard, sequence string, err error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	shard, sequence, err := do()
	if err != nil {
		return err
	}
	for i, data := range members {
		at := batch.Position{SequenceNumber: sequence}
		if len(members) > 1 {
			at.SubSequence, at.Partial = int64(i), i < len(members)-1
		}
		e := &evidence{
			data: data, key: key, shard: shard, position: at, put: time.Now(), before: w.last[key],
			number: len(w.records), must: must, never: never,
		}
		w.records[data], w.last[key] = e, e
		w.shards[shard] = append(w.shards[shard], e)
		if len(members) > 1 {
			w.raw[string(raw)] = append(w.raw[string(raw)], e)
		}
	}
	return nil
}

// allowEarly notes that the service may give records from before the place asked for: to process them is no fault.
func (w *witness) allowEarly() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.early = true
}

// replaced notes that the stream was replaced, under some workers: what it had can be read no more.
func (w *witness) replaced(workers []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blind, w.elders = true, map[string]bool{}
	for _, name := range workers {
		w.elders[name] = true
	}
	for _, e := range w.records {
		e.lost = true
	}
	w.last, w.shards = map[string]*evidence{}, map[string][]*evidence{}
}

// missing returns the records that are still to be delivered, in the order in which they were put.
func (w *witness) missing() []*evidence {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing []*evidence
	for _, e := range w.records {
		if !e.resolved() {
			missing = append(missing, e)
		}
	}
	slices.SortFunc(missing, func(a, b *evidence) int { return a.number - b.number })
	return missing
}

// opened notes that a worker has a lease.
func (w *witness) opened(worker string, o observe.ShardOpened) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held[worker] == nil {
		w.held[worker] = map[string]uint64{}
	}
	w.held[worker][o.Shard] = o.Epoch
	if o.Epoch < w.epochs[o.Shard] {
		w.fault("%s opens %s under lease %d, though there is lease %d", worker, o.Shard, o.Epoch, w.epochs[o.Shard])
	}
	w.epochs[o.Shard] = max(w.epochs[o.Shard], o.Epoch)
}

// begin judges an invocation that begins.
func (w *witness) begin(worker string, e *invoke.Event) (*invocation, [][]*evidence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := &invocation{worker: worker, keys: map[string]bool{}, place: place{e.Origin.ShardID, w.held[worker][e.Origin.ShardID]}}
	var items [][]*evidence
	batch := map[*evidence]bool{}
	for r := range e.Records() {
		item, whole := w.known(r)
		for _, ev := range item {
			w.judge(in, ev, batch, whole)
			batch[ev], in.keys[ev.key] = true, true
		}
		items = append(items, item)
	}
	w.judgeAlone(in)
	w.running[in] = true
	return in, items
}

// known returns what was put as a record: one piece of evidence, or those of an aggregate that comes whole.
func (w *witness) known(r *batch.Record) (item []*evidence, whole bool) {
	if e := w.records[string(r.Data)]; e != nil {
		return []*evidence{e}, false
	}
	if members := w.raw[string(r.Data)]; members != nil {
		return members, true
	}
	w.fault("record %s was never put: %q", r.SequenceNumber, r.Data)
	return nil, false
}

// judge judges a record that is about to be processed.
func (w *witness) judge(in *invocation, e *evidence, batch map[*evidence]bool, whole bool) {
	switch {
	case e.shard != in.shard:
		w.fault("%s of %s comes from %s", e.data, e.shard, in.shard)
	case e.never && !w.early:
		w.fault("%s was put before the mapping's start", e.data)
	case e.stored && !whole && !w.blind:
		w.fault("%s of %s comes again, though the stored position has passed it", e.data, e.shard)
	}
	if b := e.before; b != nil && !b.resolved() && !batch[b] && !w.elders[in.worker] {
		w.fault("%s of key %s comes before %s", e.data, e.key, b.data)
	}
	if w.seen[in.place] == nil {
		w.seen[in.place], w.first[in.place] = map[*evidence]bool{}, map[string]int{}
	}
	if w.seen[in.place][e] {
		return
	}
	w.seen[in.place][e] = true
	if last, ok := w.first[in.place][e.key]; ok && e.number < last {
		w.fault("%s of key %s comes first behind a later record of it, under one lease of %s", e.data, e.key, in.shard)
	}
	w.first[in.place][e.key] = e.number
}

// judgeAlone judges what runs at the same time.
func (w *witness) judgeAlone(in *invocation) {
	if in.epoch < w.epochs[in.shard] {
		w.fault("%s invokes with records of %s under lease %d, though there is lease %d", in.worker, in.shard, in.epoch, w.epochs[in.shard])
	}
	for other := range w.running {
		if other.epoch < w.epochs[other.shard] {
			continue // its lease was lost
		}
		for key := range in.keys {
			elder := in.shard != other.shard && (w.elders[in.worker] || w.elders[other.worker])
			if other.keys[key] && !elder {
				w.fault("key %s runs twice: in %s of %s and in %s of %s", key, other.shard, other.worker, in.shard, in.worker)
			}
		}
	}
}

func (w *witness) end(in *invocation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, in)
}

// succeeded notes that some records were processed.
func (w *witness) succeeded(items ...[]*evidence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, item := range items {
		for _, e := range item {
			e.done = true
		}
	}
}

// discarded notes records that were given up, and judges whether they may be.
func (w *witness) discarded(f *invoke.Failure) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range f.Event.Records() {
		item, _ := w.known(r)
		for _, e := range item {
			switch {
			case f.Condition == batch.RetryAttemptsExhausted && w.retries:
			case f.Condition == batch.RecordAgeExceeded && w.age > 0 && time.Since(e.put) > w.age-2*time.Second:
			default:
				w.fault("%s was discarded after %v: %s", e.data, time.Since(e.put), f.Condition)
			}
			e.gone = true
		}
	}
}

// stores judges a position that is about to be stored.
func (w *witness) stores(shard string, p driver.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blind {
		return
	}
	for _, e := range w.shards[shard] {
		if passes(p, e) && !e.resolved() {
			w.fault("%s of %s is not resolved, and the position %s (end: %v) is stored", e.data, shard, p.Position, p.End)
		}
	}
}

// stored notes a position that was stored.
func (w *witness) stored(shard string, p driver.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.shards[shard] {
		if passes(p, e) {
			e.stored = true
		}
	}
}

// passes reports whether a position lies behind a record.
func passes(p driver.Progress, e *evidence) bool {
	return p.End || !p.Position.IsZero() && e.position.Compare(p.Position) <= 0
}
