package drill

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// ledger knows which records were put, which the workers delivered, and so the owner of each shard. It does not use the
// leases: only deliveries count.
type ledger struct {
	mu         sync.Mutex
	put        map[int]bool // numbers of records
	seen       map[int]bool // those that have arrived
	arrived    int          // the number of records in both
	deliveries []Delivery
	owners     map[string]string   // by shard: the worker that delivered last
	children   map[string][]string // by shard: its children, if it was split
}

func newLedger() *ledger {
	return &ledger{put: map[int]bool{}, seen: map[int]bool{}, owners: map[string]string{}, children: map[string][]string{}}
}

func (l *ledger) wasPut(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put[number] = true
	if l.seen[number] {
		l.arrived++
	}
}

func (l *ledger) wasSplit(parent string, children ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.children[parent] = children
}

func (l *ledger) delivered(d Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deliveries = append(l.deliveries, d)
	for _, r := range d.Records {
		if !l.seen[r.Number] && l.put[r.Number] {
			l.arrived++
		}
		l.seen[r.Number] = true
	}
	l.owners[d.Shard] = d.Worker
}

// counts returns how many records were put, and how many of them have arrived.
func (l *ledger) counts() (put, arrived int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.put), l.arrived
}

// shards returns the shards of each worker, sorted. A parent has no worker once a child delivers.
func (l *ledger) shards() map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := map[string][]string{}
	for shard, worker := range l.owners {
		if !slices.ContainsFunc(l.children[shard], func(child string) bool { return l.owners[child] != "" }) {
			of[worker] = append(of[worker], shard)
		}
	}
	for _, shards := range of {
		slices.Sort(shards)
	}
	return of
}

// takeovers returns how long after the kill another worker delivered each of the shards, as far as it happened.
func (l *ledger) takeovers(killed string, at time.Time, shards []string) []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := map[string]time.Duration{}
	for _, d := range l.deliveries {
		if d.Worker == killed || d.Time.Before(at) || !slices.Contains(shards, d.Shard) {
			continue
		}
		if after, ok := first[d.Shard]; !ok || d.Time.Sub(at) < after {
			first[d.Shard] = d.Time.Sub(at)
		}
	}
	return slices.Sorted(maps.Values(first))
}

// tally is the content of the last line.
type tally struct {
	put, delivered, lost, outOfOrder, duplicates int
}

// tally evaluates all deliveries in the order of time, because the lines of two workers may be interleaved.
func (l *ledger) tally() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.deliveries, func(a, b Delivery) int { return a.Time.Compare(b.Time) })
	t := tally{put: len(l.put), delivered: l.arrived, lost: len(l.put) - l.arrived}
	seen, newest := map[int]bool{}, map[string]int{}
	for _, d := range l.deliveries {
		for _, r := range d.Records {
			switch {
			case seen[r.Number]:
				t.duplicates++
				continue
			case r.Number < newest[r.Key]:
				t.outOfOrder++
			default:
				newest[r.Key] = r.Number
			}
			seen[r.Number] = true
		}
	}
	return t
}
