package poller

import (
	"context"
	"log/slog"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Gap tells of records that the stream may have trimmed before they were read. Kinesis goes on at the oldest record that
// it still has, and says nothing.
type Gap struct {
	// Position is where reading was to go on. It is trimmed.
	Position batch.Position

	// From and To bound, by the stream's clock, when the records arrived that are lost if there were any: what arrived before
	// From had been read, or was resolved before the start; what arrived after To is still there.
	From, To time.Time
}

// GapFinder is what a Reader may have besides: it notices when retention has passed the place where it was to go on, at
// its start or after its caller was away for long.
type GapFinder interface {
	// Gap returns the gap in front of the page that Next returned last, and false where there is none.
	Gap() (Gap, bool)
}

// minRetention is the shortest retention period that a stream can have, and what is assumed of one that does not tell.
const minRetention = 24 * time.Hour

// ClockSlack is how much later than a Clock shows it may be: an answer tells its time cut to the second, and took a while to
// arrive. What may have been trimmed goes by the later time, else the last of it would be lost unsaid.
const ClockSlack = 2 * time.Second

// trimWatch finds out whether retention has passed a read position. It is pure: its reader calls.
//
// Whatever is trimmed arrived minRetention ago at least. So an iterator is above suspicion while all that is that old has
// been read. Under suspicion it is made AT the last record that was read, not behind it: if the first record that comes
// is another one, or none comes at all, the position is trimmed. That alone is no loss, for a shard may have been idle
// since: whether it can be one depends on up to when all had been read.
type trimWatch struct {
	// position lies behind the last record that was read, or resolved before the start. It is zero before the first.
	position batch.Position

	// readTo tells that everything which arrived before it has been read. It is zero while that is not known.
	readTo time.Time
}

// suspicion is that of one iterator, or of one subscription: it is set while the first record that comes of it tells whether
// the position is still in the stream. What another one brings, which a reader goes on with meanwhile, says nothing.
type suspicion bool

func newTrimWatch(from Start) trimWatch {
	if from.Type != AtPosition {
		return trimWatch{}
	}
	return trimWatch{position: from.Position, readTo: from.ResolvedUpTo}
}

// begin returns where to begin so that reading goes on at from, which is the read position, and the suspicion of what
// begins there. now is by the stream's clock, and not too early.
func (w *trimWatch) begin(from Start, now time.Time) (Start, suspicion) {
	known := !w.position.IsZero() && !w.readTo.IsZero()
	if !known || now.Sub(w.readTo) < minRetention {
		return from, false
	}
	at := batch.Position{SequenceNumber: w.position.SequenceNumber, Partial: true} // Partial: AT, not AFTER
	return Start{Type: AtPosition, Position: at}, true
}

// trimmed looks at what came first behind begin, with no record left out, and reports whether the position is gone. That may
// have moved on since, by what came of another one.
func (w *trimWatch) trimmed(s *suspicion, records []batch.Record, page *batch.Page) bool {
	if !bool(*s) || len(records) == 0 && page.CaughtUpTo.IsZero() && !page.End {
		return false
	}
	*s = false
	return len(records) == 0 || batch.CompareSequenceNumbers(records[0].SequenceNumber, w.position.SequenceNumber) > 0
}

// gap returns the Gap at a position that is trimmed. records are the first that are left, horizon is the time before which
// the stream has trimmed at the most.
func (w *trimWatch) gap(records []batch.Record, horizon time.Time) *Gap {
	to := horizon
	if len(records) > 0 {
		if oldest := records[0].ArrivalTime; !oldest.IsZero() && oldest.Before(to) {
			to = oldest
		}
	}
	if !to.After(w.readTo) {
		return nil
	}
	return &Gap{Position: w.position, From: w.readTo, To: to}
}

// read takes note of a page.
func (w *trimWatch) read(page *batch.Page) {
	if n := len(page.Records); n > 0 {
		last := &page.Records[n-1]
		w.position = batch.PositionOf(last)
		w.readTo = later(w.readTo, last.ArrivalTime)
	}
	w.readTo = later(w.readTo, page.CaughtUpTo)
}

// begin returns where the reader begins a read from its position, and the suspicion of that.
func (r *reader) begin() (Start, suspicion) {
	return r.watch.begin(r.from, r.poller.latestTime())
}

// watchTrim looks at a delivery for a gap in front of it. The page has those of its records that are new.
func (r *reader) watchTrim(ctx context.Context, d *delivery, page *batch.Page) {
	r.gap = nil
	if r.watch.trimmed(d.suspected, d.records, page) {
		r.gap = r.watch.gap(d.records, r.poller.latestTime().Add(-r.poller.retention(ctx)))
	}
	r.watch.read(page)
}

// Gap implements GapFinder.
func (r *reader) Gap() (Gap, bool) {
	if r.gap == nil {
		return Gap{}, false
	}
	return *r.gap, true
}

// latestTime returns the latest time that it can be on the service's clock.
func (p *Poller) latestTime() time.Time { return p.serviceTime(time.Now()).Add(ClockSlack) }

// retention returns the stream's retention period, minRetention where the stream does not say.
func (p *Poller) retention(ctx context.Context) time.Duration {
	d, err := p.Describe(ctx)
	if err != nil || d.Retention == 0 {
		p.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "the stream's retention period is not known", slog.Any("error", err))
	}
	return max(minRetention, d.Retention)
}
