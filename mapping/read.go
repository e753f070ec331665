package mapping

import (
	"context"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

// read is the result of one read of the shard.
type read struct {
	page batch.Page
	measured
	repeats  int            // records that were repeated in the page, and are in it once
	children []poller.Shard // with the last page, if the reader names them
	gap      *poller.Gap    // before the page
	shared   *poller.Share  // the reader's share of the shard's reads; nil if it gets what it wants
	err      error
}

// read is the goroutine that reads. It reads one page for each token, so that it never exceeds the room, and measures
// the records before it passes them on.
func (s *shard) read(ctx context.Context, reader *orderedReader) {
	for {
		select {
		case <-s.room:
		case <-ctx.Done():
			return
		}
		page, err := reader.next(ctx)
		if ctx.Err() != nil {
			return
		}
		r := &read{page: page, measured: s.measure(page.Records), repeats: reader.repeats, err: err}
		r.ask(reader.reader)
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

// ask collects what the reader says in addition to a page, or to an error.
func (r *read) ask(reader poller.Reader) {
	if f, ok := reader.(poller.Sharer); ok {
		if share, ok := f.Sharing(); ok {
			r.shared = &share
		}
	}
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

// measured describes the records of a page.
type measured struct {
	filtered   int // no filter matches them
	passedOver int // the reader says that they are not for this shard
	bytes      int // of the data of all records, including these
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
		case s.deps.cfg.filters != nil && !s.deps.cfg.filters.Match(r).Passes():
			r.Filtered = true
			m.filtered++
		default:
			r.Size = sizer.SizeOf(r)
		}
	}
	return m
}
