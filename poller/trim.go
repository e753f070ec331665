package poller

import (
	"context"
	"log/slog"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// Gap describes records that the stream may have trimmed before they were read. Kinesis silently continues at the
// oldest record that it still has.
type Gap struct {
	// Position is where reading would have resumed. It is trimmed.
	Position batch.Position

	// From and To bound, by the stream's clock, when the lost records arrived, if there were any: everything before
	// From had been read, or was resolved before the start; everything after To still exists.
	From, To time.Time
}

// GapFinder is an optional interface of a Reader: it notices when retention has passed the place at which it would
// resume, at its start or after a long absence of its caller.
type GapFinder interface {
	// Gap returns the gap before the page that Next returned last, and false if there is none.
	Gap() (Gap, bool)
}

// minRetention is the shortest retention period of a stream, and the assumed one if the stream does not say.
const minRetention = 24 * time.Hour

// ClockSlack is how much later than a Clock shows it may be: an answer carries its time cut to the second, and took a
// while to arrive. The later time decides what may have been trimmed; otherwise the last part of it would be lost
// silently.
const ClockSlack = 2 * time.Second

// trimWatch detects that retention has passed a read position. It is pure: its reader makes the calls.
//
// A trimmed record arrived at least minRetention ago. So an iterator is not suspect while everything of that age has
// been read. A suspect one is requested AT the last record that was read, not after it. If the first returned record is
// another one, or none is returned, the position is trimmed. That alone is no loss, because a shard may have been idle
// since: the time up to which everything had been read decides whether it can be one.
type trimWatch struct {
	// position is after the last record that was read, or resolved before the start. It is zero before the first.
	position batch.Position

	// readTo is a time before which everything that arrived has been read. It is zero while that is not known.
	readTo time.Time
}

// suspicion belongs to one iterator, or to one subscription. It is set while its first record shows whether the
// position is still in the stream. The records of another one, which a reader continues with meanwhile, show nothing.
type suspicion bool

func newTrimWatch(from Start) trimWatch {
	if from.Type != AtPosition {
		return trimWatch{}
	}
	return trimWatch{position: from.Position, readTo: from.ResolvedUpTo}
}

// begin returns where to begin so that reading resumes at from, which is the read position, and the suspicion of what
// begins there. now is by the stream's clock, and not too early.
func (w *trimWatch) begin(from Start, now time.Time) (Start, suspicion) {
	known := !w.position.IsZero() && !w.readTo.IsZero()
	if !known || now.Sub(w.readTo) < minRetention {
		return from, false
	}
	at := batch.Position{SequenceNumber: w.position.SequenceNumber, Partial: true} // Partial: AT, not AFTER
	return Start{Type: AtPosition, Position: at}, true
}

// trimmed checks the first delivery after begin, with no record omitted, and reports whether the position is gone. The
// position may have moved since, by a delivery of another one.
func (w *trimWatch) trimmed(s *suspicion, records []batch.Record, page *batch.Page) bool {
	if !bool(*s) || len(records) == 0 && page.CaughtUpTo.IsZero() && !page.End {
		return false
	}
	*s = false
	return len(records) == 0 || batch.CompareSequenceNumbers(records[0].SequenceNumber, w.position.SequenceNumber) > 0
}

// gap returns the Gap at a trimmed position. records are the first remaining ones, horizon is the latest time before
// which the stream may have trimmed.
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

// read records a page.
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

// watchTrim checks a delivery for a gap before it. The page contains the new ones of its records.
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

// latestTime returns the latest possible time on the service's clock.
func (p *Poller) latestTime() time.Time { return p.serviceTime(time.Now()).Add(ClockSlack) }

// retention returns the stream's retention period, or minRetention if the stream does not say.
func (p *Poller) retention(ctx context.Context) time.Duration {
	d, err := p.Describe(ctx)
	if err != nil || d.Retention == 0 {
		p.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "the stream's retention period is not known", slog.Any("error", err))
	}
	return max(minRetention, d.Retention)
}
