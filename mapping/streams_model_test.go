package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// entry is a record that was put, or a member of an aggregate.
type entry struct {
	data, key, shard string
	before           *entry // of the same key
	must             bool   // it has to be delivered: it was put after the position at which the mapping starts
	never            bool   // it must not be
	done             bool   // an invocation with it has succeeded
	run              int    // the one in which that was last
	sealed           bool   // and that is stored
}

// ledger knows what was put, and judges what the function sees.
type ledger struct {
	mu      sync.Mutex
	rng     *rand.Rand // of the function; the plan has its own
	records map[string]*entry
	raw     map[string][]*entry // the members of an aggregate that comes whole
	last    map[string]*entry   // by key
	shards  map[string][]*entry
	parents map[string][]string
	running map[string]bool // keys
	run     int
	wrong   []string
	sloppy  bool // the function fails, and takes its time
}

func newLedger(seed uint64) *ledger {
	return &ledger{
		rng: rand.New(rand.NewPCG(seed, 2)), records: map[string]*entry{}, raw: map[string][]*entry{},
		last: map[string]*entry{}, shards: map[string][]*entry{}, parents: map[string][]string{}, running: map[string]bool{},
	}
}

// put enters a record, and returns it for its fate to be set.
func (l *ledger) put(key, data, shard string, must, never bool) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &entry{data: data, key: key, shard: shard, before: l.last[key], must: must, never: never}
	l.records[data], l.last[key] = e, e
	l.shards[shard] = append(l.shards[shard], e)
	return e
}

// missing returns a record that is still to be delivered, or nil.
func (l *ledger) missing() *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.records {
		if e.must && !e.done {
			return e
		}
	}
	return nil
}

// seal notes that a clean stop has stored all that its run has resolved.
func (l *ledger) seal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.records {
		e.sealed = e.sealed || e.done && e.run == l.run
	}
}

// calm ends the function's mischief.
func (l *ledger) calm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sloppy = false
}

func (l *ledger) wrongs() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrong
}

func (l *ledger) fault(format string, args ...any) {
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// item is a record as the function sees it: one entry, or those of an aggregate that comes whole.
type item struct {
	*batch.Record
	entries []*entry
	whole   bool
}

// function is what the mapping invokes.
func (l *ledger) function(crash <-chan struct{}) invoke.Func {
	return func(ctx context.Context, e *invoke.Event) error {
		items, busy, fails := l.begin(e)
		defer l.end(items)
		if busy > 0 {
			timer := time.NewTimer(busy)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			case <-crash:
				return errors.New("crash")
			}
		}
		return l.outcome(items, fails)
	}
}

// begin judges an invocation, and decides how long it takes and how it fails.
func (l *ledger) begin(e *invoke.Event) (items []item, busy time.Duration, fails int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[*entry]bool{}
	keys := map[string]bool{}
	for r := range e.Records() {
		it := l.item(r)
		for _, en := range it.entries {
			l.judge(e, it, en, seen)
			seen[en] = true
			keys[en.key] = true
		}
		items = append(items, it)
	}
	for k := range keys {
		if l.running[k] {
			l.fault("key %s runs twice", k)
		}
		l.running[k] = true
	}
	if !l.sloppy {
		return items, 0, -1
	}
	busy = []time.Duration{0, 0, 0, time.Millisecond, time.Second, 7 * time.Second, 6 * time.Minute}[min(l.rng.IntN(7), l.rng.IntN(7))]
	return items, busy, l.rng.IntN(8) - 4
}

func (l *ledger) item(r *batch.Record) item {
	if e := l.records[string(r.Data)]; e != nil {
		return item{r, []*entry{e}, false}
	}
	if es := l.raw[string(r.Data)]; es != nil {
		return item{r, es, true}
	}
	l.fault("record %s was never put: %q", r.SequenceNumber, r.Data)
	return item{Record: r}
}

// judge checks a record that is about to be processed.
func (l *ledger) judge(e *invoke.Event, it item, en *entry, seen map[*entry]bool) {
	if en.shard != e.Origin.ShardID {
		l.fault("%s of %s came from %s", en.data, en.shard, e.Origin.ShardID)
	}
	if en.never {
		l.fault("%s was put long before the start", en.data)
	}
	if en.sealed && !it.whole {
		l.fault("%s comes again, though it was resolved and stored", en.data)
	}
	if b := en.before; b != nil && b.must && !b.done && !seen[b] {
		l.fault("%s of key %s came before %s", en.data, en.key, b.data)
	}
	for _, p := range l.parents[en.shard] {
		for _, b := range l.shards[p] {
			if b.must && !b.done {
				l.fault("%s of %s came before %s of its parent %s", en.data, en.shard, b.data, p)
			}
		}
	}
}

func (l *ledger) end(items []item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range items {
		for _, e := range it.entries {
			delete(l.running, e.key)
		}
	}
}

// outcome is what the function returns: 0 is an error, 1 a panic, 2 a partial failure, and all else a success.
func (l *ledger) outcome(items []item, fails int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch fails {
	case 0:
		return errors.New("not now")
	case 1:
		panic("not now")
	case 2:
		failed := items[l.rng.IntN(len(items))].SequenceNumber
		for _, it := range items {
			if it.SequenceNumber == failed {
				break
			}
			l.succeeded(it)
		}
		return &invoke.FailedItemsError{SequenceNumbers: []string{failed}}
	}
	for _, it := range items {
		l.succeeded(it)
	}
	return nil
}

func (l *ledger) succeeded(it item) {
	for _, e := range it.entries {
		e.done, e.run = true, l.run
	}
}
