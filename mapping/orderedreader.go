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

// orderedReader stands between a Source and the loop. It prevents a Reader that immediately returns errors or empty pages
// from spinning (that of Kinesis paces itself). It checks that records are in order, because others would count as
// already read: see inOrder. A Reader that returns such a page may have advanced past it, so it is replaced by one that
// begins where the last good page ended.
//
// It is used by the goroutine that reads, and closed after that has ended.
type orderedReader struct {
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

// openReader returns an orderedReader, which has no Reader for a shard that has left the stream.
func (s *shard) openReader(from poller.Start) (*orderedReader, error) {
	o := &orderedReader{open: func(from poller.Start) (poller.Reader, error) { return s.deps.source.Open(s.info, from) }, from: from}
	if s.left {
		return o, nil
	}
	var err error
	o.reader, err = o.open(from)
	return o, err
}

// next returns the next page. With an error the page is the zero one, and next must be called again.
func (o *orderedReader) next(ctx context.Context) (batch.Page, error) {
	o.repeats = 0
	page, err := o.read(ctx)
	o.idle = len(page.Records) == 0
	return page, err
}

func (o *orderedReader) read(ctx context.Context) (batch.Page, error) {
	if err := o.ready(ctx); err != nil {
		return batch.Page{}, err
	}
	page, err := o.reader.Next(ctx)
	if err != nil {
		return batch.Page{}, err
	}
	given := page.Records
	if page.Records, o.repeats, err = inOrder(o.from.Position, given); err != nil {
		o.replace()
		return batch.Page{}, err
	}
	o.passed(&page)
	o.astray = o.repeats > 0 && batch.PositionOf(&given[len(given)-1]) != o.from.Position
	return page, nil
}

// ready waits until the shard may be read, and opens a Reader if there is none.
func (o *orderedReader) ready(ctx context.Context) error {
	if o.astray {
		o.astray = false
		o.replace()
	}
	pause := time.Duration(0)
	switch {
	case o.reader == nil:
		pause = o.pause
	case o.idle && !paced(o.reader):
		pause = minPause
	}
	if !sleep(ctx, pause-time.Since(o.last)) {
		return ctx.Err()
	}
	o.last = time.Now()
	if o.reader != nil {
		return nil
	}
	reader, err := o.open(o.from)
	if err != nil {
		o.replace()
		return fmt.Errorf("mapping: open at %s: %w", o.from, err)
	}
	o.reader = reader
	return nil
}

// paced reports whether a Reader keeps its own pace after an error: one that shares a shard retries sooner than minPause.
func paced(r poller.Reader) bool {
	_, ok := r.(poller.Sharer)
	return ok
}

// replace drops the Reader. The next read begins with another one, after a pause.
func (o *orderedReader) replace() {
	o.close()
	o.last = time.Now()
	o.pause = min(max(reopenPause, 2*o.pause), reopenPauseMax)
}

// close closes the Reader, if there is one that is an io.Closer. An error of closing says nothing about its pages.
func (o *orderedReader) close() {
	if c, ok := o.reader.(io.Closer); ok {
		_ = c.Close()
	}
	o.reader = nil
}

// passed moves the read position after a page.
func (o *orderedReader) passed(page *batch.Page) {
	readTo := o.from.ResolvedUpTo
	if n := len(page.Records); n > 0 {
		last := &page.Records[n-1]
		o.from.Type, o.from.Timestamp, o.from.Position = poller.AtPosition, time.Time{}, batch.PositionOf(last)
		readTo = later(readTo, last.ArrivalTime)
		o.pause = 0
	}
	o.from.ResolvedUpTo = later(readTo, page.CaughtUpTo)
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
