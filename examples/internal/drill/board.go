package drill

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// board shows events, and once a second the number of shards of each worker.
type board struct {
	ledger  *ledger
	started time.Time
	mu      sync.Mutex // of out
	out     io.Writer
}

func newBoard(out io.Writer, l *ledger) *board {
	return &board{ledger: l, started: time.Now(), out: out}
}

// say shows an event.
func (b *board) say(format string, a ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.out, "%5.1fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, a...))
}

// watch shows the shards until ctx ends.
func (b *board) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			put, arrived := b.ledger.counts()
			b.say("  %s  put %d  delivered %d", owners(b.ledger.shards()), put, arrived)
		}
	}
}

// owners writes "w1=8 w2=8". A worker that is gone stays there until others deliver its shards.
func owners(of map[string][]string) string {
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b) // w9 before w10
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s=%d", name, len(of[name]))
	}
	return strings.Join(names, " ")
}
