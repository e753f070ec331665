package realpeers_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

// record is a user record as a consumer sees it. Its data is known by its hash.
type record struct {
	seq  string
	sub  int64
	key  string
	hash string
}

func (r record) position() string { return fmt.Sprint(r.seq, "/", r.sub) }

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// delivery is a record that a worker received.
type delivery struct {
	record
	by, shard string
	more      bool // further members of the aggregate follow; ours alone say so
}

// checkpoint is one of a worker's in a shard.
type checkpoint struct {
	by, shard string
	at        record // nothing but the position
	end       bool   // of the shard
}

// witness notes what all workers of a test received.
type witness struct {
	mu         sync.Mutex
	deliveries []delivery
	seen       map[string]int        // deliveries, by position
	complete   int                   // records of the stream that were delivered to their last member
	newest     map[string]checkpoint // by shard
	behind     []string              // deliveries at or below the newest checkpoint of their shard
	says       []string              // the other lines, each after its worker's name
}

func newWitness() *witness { return &witness{seen: map[string]int{}, newest: map[string]checkpoint{}} }

// deliver notes deliveries.
func (w *witness) deliver(all ...delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range all {
		w.deliveries = append(w.deliveries, d)
		if w.seen[d.position()]++; w.seen[d.position()] == 1 && !d.more {
			w.complete++
		}
		if c, ok := w.newest[d.shard]; ok && (c.end || compare(d.record, c.at) <= 0) {
			w.behind = append(w.behind, fmt.Sprintf("%s received %s of %s, at or below the checkpoint %s of %s", d.by, d.position(), d.shard, c.at.position(), c.by))
		}
	}
}

// checkpointed notes a checkpoint.
func (w *witness) checkpointed(c checkpoint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.newest[c.shard]; !ok || c.end || !before.end && compare(c.at, before.at) > 0 {
		w.newest[c.shard] = c
	}
}

// listen returns what notes the lines of a KCL worker: .ci/rig/kcl lists them.
func (w *witness) listen(worker string) func(line string) {
	return func(line string) {
		f := strings.Fields(line)
		switch {
		case len(f) == 8 && f[0] == "REC":
			sub, err := strconv.ParseInt(f[3], 10, 64)
			key, err2 := url.QueryUnescape(f[6])
			if err == nil && err2 == nil {
				w.deliver(delivery{record: record{f[2], sub, key, f[7]}, by: worker, shard: f[1]})
				return
			}
		case len(f) == 4 && f[0] == "CKPT":
			sub, err := strconv.ParseInt(f[3], 10, 64)
			isNumber := strings.Trim(f[2], "0123456789") == "" // else it is a word, such as TRIM_HORIZON
			if end := f[2] == "SHARD_END"; err == nil && (end || isNumber) {
				w.checkpointed(checkpoint{worker, f[1], record{seq: f[2], sub: sub}, end})
			}
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.says = append(w.says, worker+" "+line)
	}
}

// distinct returns how many records were delivered at least once.
func (w *witness) distinct() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// completed returns how many records of the stream were delivered with all of their members.
func (w *witness) completed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.complete
}

// total returns how many deliveries there were.
func (w *witness) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.deliveries)
}

// delivered reports whether any record of a shard was delivered.
func (w *witness) delivered(shard string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.deliveries, func(d delivery) bool { return d.shard == shard })
}

// all returns the deliveries so far, in the order in which they were noted.
func (w *witness) all() []delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.deliveries)
}

// pastCheckpoints returns the deliveries of records at or below a checkpoint.
func (w *witness) pastCheckpoints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.behind)
}

// said reports whether a worker has printed a line that begins so.
func (w *witness) said(worker, line string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.says, func(s string) bool { return strings.HasPrefix(s, worker+" "+line) })
}

// needlessRepeats returns the repeated deliveries of shards that no worker has begun a second time. KCL begins a shard again, with
// an INIT line before the first record, when it has lost the lease: a busy machine may renew one of 3 s too late.
func (w *witness) needlessRepeats() (needless []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	begun := map[string]int{}
	for _, s := range w.says {
		if f := strings.Fields(s); len(f) > 2 && f[1] == "INIT" {
			begun[f[2]]++
		}
	}
	seen := map[string]bool{}
	for _, d := range w.deliveries {
		if seen[d.position()] && begun[d.shard] < 2 {
			needless = append(needless, fmt.Sprintf("%s received %s of %s again", d.by, d.position(), d.shard))
		}
		seen[d.position()] = true
	}
	return needless
}

// lines returns the other lines, for a test that failed.
func (w *witness) lines() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.says, "\n")
}

// patience bounds what takes seconds on an idle machine. KCL alone waits up to half a minute at its first start.
var patience = flag.Duration("patience", 5*time.Minute, "how long to wait for what a peer takes seconds for on an idle machine")

// eventually waits until ok, and fails the test after a long time, or when a worker has ended that was to do it.
func eventually(t testing.TB, what string, ok func() bool, workers ...<-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(*patience); !ok(); <-tick.C {
		for _, ended := range workers {
			select {
			case <-ended:
				require.True(t, ok(), "a worker has ended before this came: %s", what)
				return
			default:
			}
		}
		require.True(t, time.Now().Before(deadline), "it did not come within %s: %s", *patience, what)
	}
}

// verdict compares the deliveries of a test with the records that were put.
type verdict struct {
	put, delivered, repeated int
	lost                     []string // positions
	altered                  []string // positions whose key or data is another one
}

// judge compares the deliveries with the records that were put.
func judge(put []record, deliveries []delivery) verdict {
	v := verdict{put: len(put), delivered: len(deliveries)}
	first := map[string]record{}
	for _, d := range deliveries {
		if _, again := first[d.position()]; again {
			v.repeated++
			continue
		}
		first[d.position()] = d.record
	}
	for _, p := range put {
		got, ok := first[p.position()]
		switch {
		case !ok:
			v.lost = append(v.lost, p.position())
		case got != p:
			v.altered = append(v.altered, p.position())
		}
	}
	return v
}

func (v verdict) String() string {
	return fmt.Sprintf("put %d, delivered %d, repeated %d, lost %d, altered %d", v.put, v.delivered, v.repeated, len(v.lost), len(v.altered))
}

// assertNothingLost prints the verdict and fails the test if something is missing.
func assertNothingLost(t testing.TB, v verdict) {
	t.Helper()
	t.Log(v)
	assert.Empty(t, v.lost, "lost")
	assert.Empty(t, v.altered, "another key or other data")
}

// assertOrder checks that each worker received each shard's records in their order. A worker that acquires a shard for the second
// time resumes after the checkpoint, so a step back to records that were delivered before is correct.
func assertOrder(t testing.TB, deliveries []delivery) {
	t.Helper()
	type run struct{ by, shard string }
	last := map[run]record{}
	seen := map[string]bool{}
	for _, d := range deliveries {
		k := run{d.by, d.shard}
		before, ok := last[k]
		if ok && compare(before, d.record) >= 0 && !seen[d.position()] {
			assert.Fail(t, "out of order", "%s in %s: %s after %s", d.by, d.shard, d.position(), before.position())
			return
		}
		seen[d.position()] = true
		last[k] = d.record
	}
}

func compare(a, b record) int {
	return cmp.Or(batch.CompareSequenceNumbers(a.seq, b.seq), cmp.Compare(a.sub, b.sub))
}
