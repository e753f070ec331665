package mapping

import (
	"context"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

// read is what one read of the shard came to.
type read struct {
	page batch.Page
	measured
	children []poller.Shard // with the last page, where the reader tells
	gap      *poller.Gap    // in front of the page
	err      error
}

// read is the goroutine that reads. It reads one page for each token, so that it never runs ahead of the room there is,
// and measures the records before it hands them on.
func (s *shard) read(ctx context.Context, reader poller.Reader) {
	guard := guard{read: s.sched.Read()}
	for {
		select {
		case <-s.room:
		case <-ctx.Done():
			return
		}
		if !guard.wait(ctx) {
			return
		}
		page, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = guard.check(page.Records)
		}
		if err != nil {
			page = batch.Page{}
		}
		guard.idle = len(page.Records) == 0
		r := &read{page: page, measured: s.measure(page.Records), err: err}
		r.ask(reader)
		select {
		case s.pages <- r:
		case <-ctx.Done():
			return
		}
		if page.End {
			return
		}
	}
}

// ask takes what the reader can tell of a page besides.
func (r *read) ask(reader poller.Reader) {
	if r.err != nil {
		return
	}
	if f, ok := reader.(poller.ChildFinder); ok && r.page.End {
		r.children = f.Children()
	}
	if f, ok := reader.(poller.GapFinder); ok {
		if gap, ok := f.Gap(); ok {
			r.gap = &gap
		}
	}
}

// measured tells of the records of a page.
type measured struct {
	filtered   int // no filter lets them through
	passedOver int // the reader says that they are not for this shard
	bytes      int // of the data of all records, these included
}

// measure filters the records of a page, and sets the size of those that pass.
func (s *shard) measure(records []batch.Record) (m measured) {
	sizer := s.origin.Sizer()
	for i := range records {
		r := &records[i]
		m.bytes += len(r.Data)
		switch {
		case r.Filtered:
			m.passedOver++
		case s.m.filters != nil && !s.m.filters.Match(r).Passes():
			r.Filtered = true
			m.filtered++
		default:
			r.Size = sizer.SizeOf(r)
		}
	}
	return m
}

// guard stands between a Reader and the loop. It keeps a Reader that returns its errors, or empty pages, at once from
// spinning (that of Kinesis paces itself), and sees to it that records come in order, for those that do not would be
// taken for records that were read again.
type guard struct {
	idle bool // the last read brought nothing
	last time.Time
	read batch.Position // behind the last record
}

// minPause is the time between two reads of which the first brought nothing.
const minPause = 200 * time.Millisecond

func (g *guard) wait(ctx context.Context) bool {
	if g.idle && !sleep(ctx, minPause-time.Since(g.last)) {
		return false
	}
	g.last = time.Now()
	return true
}

// check returns an error unless each record has a sequence number and lies behind the one before.
func (g *guard) check(records []batch.Record) error {
	read := g.read
	for i := range records {
		p := batch.PositionOf(&records[i])
		if p.SequenceNumber == "" {
			return fmt.Errorf("mapping: record %d of a page has no sequence number", i)
		}
		if p.Compare(read) <= 0 {
			return fmt.Errorf("mapping: the page brings record %s behind record %s, which must have a lower sequence number", p, read)
		}
		read = p
	}
	g.read = read
	return nil
}
