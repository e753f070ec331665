package mapping

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

const (
	// minPause is the time between two reads if the first was empty.
	minPause = 200 * time.Millisecond

	// reopenPause is the pause before a Reader is replaced. It doubles up to reopenPauseMax while no usable records
	// arrive: a Source that is wrong once may have been read while it changed; one that is always wrong must be fixed
	// by its author.
	reopenPause    = 200 * time.Millisecond
	reopenPauseMax = 30 * time.Second
)

// guard stands between a Source and the loop. It prevents a Reader that returns its errors, or empty pages, immediately
// from spinning (that of Kinesis paces itself). It checks that records are in order, because others would count as
// already read: see inOrder. A Reader that returns such a page may have advanced past it, so it is replaced by one that
// begins where the last good page ended.
//
// It is used by the goroutine that reads, and closed after that has ended.
type guard struct {
	open func(poller.Start) (poller.Reader, error)

	// from is the read position, where a Reader resumes. It moves with each good page, and only then.
	from poller.Start

	repeats int  // records of the last page that occurred twice in it, and are omitted
	astray  bool // the last page ended with one of them: the Reader may use it as its read position

	reader poller.Reader // nil while there is none
	idle   bool          // the last read was empty
	last   time.Time     // when it began, or the Reader had to be replaced
	pause  time.Duration // until the Reader is replaced
}

// guard returns a guard with a Reader, or without one for a shard that has left the stream.
func (s *shard) guard(from poller.Start) (*guard, error) {
	g := &guard{open: func(from poller.Start) (poller.Reader, error) { return s.m.source.Open(s.info, from) }, from: from}
	if s.left {
		return g, nil
	}
	var err error
	g.reader, err = g.open(from)
	return g, err
}

// next returns the next page. With an error the page is the zero one, and next must be called again.
func (g *guard) next(ctx context.Context) (batch.Page, error) {
	g.repeats = 0
	page, err := g.read(ctx)
	g.idle = len(page.Records) == 0
	return page, err
}

func (g *guard) read(ctx context.Context) (batch.Page, error) {
	if err := g.ready(ctx); err != nil {
		return batch.Page{}, err
	}
	page, err := g.reader.Next(ctx)
	if err != nil {
		return batch.Page{}, err
	}
	given := page.Records
	if page.Records, g.repeats, err = inOrder(g.from.Position, given); err != nil {
		g.replace()
		return batch.Page{}, err
	}
	g.passed(&page)
	g.astray = g.repeats > 0 && batch.PositionOf(&given[len(given)-1]) != g.from.Position
	return page, nil
}

// ready waits until the shard may be read, and opens a Reader if there is none.
func (g *guard) ready(ctx context.Context) error {
	if g.astray {
		g.astray = false
		g.replace()
	}
	pause := time.Duration(0)
	switch {
	case g.reader == nil:
		pause = g.pause
	case g.idle && !paced(g.reader):
		pause = minPause
	}
	if !sleep(ctx, pause-time.Since(g.last)) {
		return ctx.Err()
	}
	g.last = time.Now()
	if g.reader != nil {
		return nil
	}
	reader, err := g.open(g.from)
	if err != nil {
		g.replace()
		return fmt.Errorf("mapping: open at %s: %w", g.from, err)
	}
	g.reader = reader
	return nil
}

// paced reports whether a Reader keeps its own pace after an error: one that shares a shard retries sooner than minPause.
func paced(r poller.Reader) bool {
	_, ok := r.(poller.Sharer)
	return ok
}

// replace drops the Reader. The next read begins with another one, after a pause.
func (g *guard) replace() {
	g.close()
	g.last = time.Now()
	g.pause = min(max(reopenPause, 2*g.pause), reopenPauseMax)
}

// close closes the Reader, if there is one that is an io.Closer. An error of closing says nothing about its pages.
func (g *guard) close() {
	if c, ok := g.reader.(io.Closer); ok {
		_ = c.Close()
	}
	g.reader = nil
}

// passed moves the read position after a page.
func (g *guard) passed(page *batch.Page) {
	readTo := g.from.ResolvedUpTo
	if n := len(page.Records); n > 0 {
		last := &page.Records[n-1]
		g.from.Type, g.from.Timestamp, g.from.Position = poller.AtPosition, time.Time{}, batch.PositionOf(last)
		readTo = later(readTo, last.ArrivalTime)
		g.pause = 0
	}
	g.from.ResolvedUpTo = later(readTo, page.CaughtUpTo)
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
