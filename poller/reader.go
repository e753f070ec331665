package poller

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

const (
	// staleIterator is the age from which on an iterator is not used, although it may not have expired yet.
	staleIterator = iteratorLife - 30*time.Second
	// maxRenewals is how many iterators in a row may be refused within one Next.
	maxRenewals = 2
	// trickleHalves is how many times a read is halved if its answer arrived steadily but did not end. Each such read
	// takes slowAnswer CallTimeouts, and four of them lead from the largest to one of a single record.
	trickleHalves = 4
	// maxBehind is a year, in milliseconds: the longest retention, and no more than fits a Duration.
	maxBehind = 365 * 24 * int64(time.Hour/time.Millisecond)
)

// The calls of a reader, as in Error.Op.
const (
	getRecords       = "get records"
	getShardIterator = "get shard iterator"
)

var errEnded = errors.New("the shard has ended: no page follows")

// reader reads one shard of a Poller. One goroutine uses it.
type reader struct {
	poller *Poller
	shard  string
	log    *slog.Logger

	// from is the read position, from which an iterator can be requested at any time. It moves with each page, and only
	// then.
	from Start

	// iterator reads from the read position, or is empty. It was issued at given, or slightly later.
	iterator  string
	given     time.Time
	suspected suspicion // of the iterator

	// members deaggregates, or is nil if an aggregate is read as one record.
	members *deaggregator

	// ended is set with the last page. children are those that it named, if any. claims counts the consecutive answers
	// that claimed the end without children, quiet the consecutive empty ones of a shard that is listed as closed.
	ended    bool
	claims   int
	named    bool // the last of them named children: empty pages between two such claims do not refute them
	quiet    int
	children []Shard

	// watch detects that retention has passed the read position. gap is its finding before the last page.
	watch trimWatch
	gap   *Gap

	// account bounds the reads, or is nil. expected estimates the next read.
	account  *Account
	expected expectation

	// behind is the lag of the last page that reported one.
	behind time.Duration

	pace  pace
	chase chase
	limit adaptiveLimit

	// meter is that of all Readers of this process on the shard. reading and iterating are this one's turns at it.
	meter              *shardMeter
	reading, iterating turn
}

func newReader(p *Poller, shard *Shard, from Start) *reader {
	r := &reader{
		poller:  p,
		shard:   shard.ID,
		log:     p.cfg.Logger.With("shard", shard.ID),
		from:    from,
		watch:   newTrimWatch(from),
		account: from.Account,
		pace:    newPace(p.cfg.PollInterval, spread(p.opened.Add(1)-1, p.cfg.PollInterval)),
		limit:   adaptiveLimit{now: int32(p.cfg.Limit), max: int32(p.cfg.Limit)},
		meter:   meters.of(meterKey{p.identity, p.cfg.StreamARN, shard.ID}),
	}
	if p.cfg.Deaggregate {
		r.members = newDeaggregator(shard, p.cfg.KeepMembersOutsideShard)
		r.expected.page = swollen
	}
	return r
}

// Next implements Reader.
//
// A poll is due PollInterval after the previous one was due, so that neither the poll's own time nor that of the caller
// adds to the interval. If the caller is later than that, the poll begins immediately, and the schedule starts again
// from there.
func (r *reader) Next(ctx context.Context) (batch.Page, error) {
	if r.ended {
		return batch.Page{}, r.op(getRecords).error(errEnded)
	}
	if err := waitUntil(ctx, r.pace.begin(time.Now())); err != nil {
		return batch.Page{}, err
	}
	page, err := r.poll(ctx)
	if e, ok := errors.AsType[*Error](err); ok {
		r.failed(e)
	}
	return page, err
}

// poll reads once, and again if the iterator was refused.
func (r *reader) poll(ctx context.Context) (batch.Page, error) {
	for renewals := 0; ; {
		w := r.poller.reading()
		out, began, err := r.getRecords(ctx, w)
		if w.protocol.Refused {
			r.poller.refused(ctx, err)
		}
		if err == nil {
			return r.accept(ctx, w, out, began)
		}
		if w.protocol.Refused {
			continue // in JSON; the iterator is still valid
		}
		if r.iterator == "" || !refusesIterator(err) {
			return batch.Page{}, err // without an iterator, the call for one failed
		}
		r.iterator = ""
		if renewals++; renewals > maxRenewals {
			return batch.Page{}, err
		}
		r.log.LogAttrs(ctx, slog.LevelDebug, "iterator refused", slog.Any("from", r.from), slog.Any("error", err))
	}
}

// refusesIterator reports whether a read may succeed with another iterator: if it has expired, and possibly if the
// service calls the request invalid, because the iterator is the only part of it that changes.
func refusesIterator(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Class == Renew || e.Class == Stop)
}

// ensureIterator requests an iterator for the read position, unless there is one that is young enough.
func (r *reader) ensureIterator(ctx context.Context) error {
	if r.iterator != "" && time.Since(r.given) < staleIterator {
		return nil
	}
	r.iterator = ""
	if _, err := r.meter.iterators.wait(ctx, &r.iterating, r.pace.rank()); err != nil {
		return err
	}
	var given time.Time
	begin, suspected := r.begin()
	var out *kinesis.GetShardIteratorOutput
	err := r.poller.call(ctx, r.op(getShardIterator), func(ctx context.Context) (err error) {
		given = time.Now()
		out, err = answered(r.poller.cfg.Client.GetShardIterator(ctx, r.iteratorInput(begin), r.poller.wire().poll))
		return err
	})
	if err != nil {
		return r.iteratorError(err)
	}
	r.poller.clock.observe(out.ResultMetadata)
	if aws.ToString(out.ShardIterator) == "" {
		return r.op(getShardIterator).error(errors.New("the answer has no iterator"))
	}
	r.iterator, r.given, r.suspected = *out.ShardIterator, given, suspected
	return nil
}

func (r *reader) iteratorInput(begin Start) *kinesis.GetShardIteratorInput {
	kind, sequence, timestamp := begin.iterator()
	return &kinesis.GetShardIteratorInput{
		StreamARN:              &r.poller.cfg.StreamARN,
		ShardId:                &r.shard,
		ShardIteratorType:      kind,
		StartingSequenceNumber: sequence,
		Timestamp:              timestamp,
	}
}

// iteratorError returns Retry for an error that is Stop elsewhere: a timestamp ahead of the service's clock is refused
// as invalid, and becomes valid by waiting.
func (r *reader) iteratorError(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Class == Stop && r.from.Type == AtTimestamp {
		e.Class = Retry
	}
	return err
}

// getRecords reserves the most that a read can return, makes the read, and returns when it began. A failed read
// releases its reservation.
func (r *reader) getRecords(ctx context.Context, w *wire) (*kinesis.GetRecordsOutput, time.Time, error) {
	if err := r.turn(ctx); err != nil { // first, because others may need the reserved memory
		return nil, time.Time{}, err
	}
	limit, err := r.reserve(ctx) // before an iterator is requested, because it may take longer than an iterator lives
	if err != nil {
		return nil, time.Time{}, err
	}
	out, began, err := r.read(ctx, w, limit)
	if err != nil {
		r.account.Received(0)
	}
	return out, began, err
}

// read makes one read, with an iterator that is young enough.
func (r *reader) read(ctx context.Context, w *wire, limit int32) (*kinesis.GetRecordsOutput, time.Time, error) {
	if err := r.ensureIterator(ctx); err != nil {
		return nil, time.Time{}, err
	}
	var began time.Time
	var out *kinesis.GetRecordsOutput
	o := r.op(getRecords)
	o.patient = limit == 1
	err := r.poller.call(ctx, o, func(ctx context.Context) (err error) {
		began = time.Now()
		r.pace.sent = began
		out, err = answered(r.poller.cfg.Client.GetRecords(ctx, &kinesis.GetRecordsInput{
			StreamARN:     &r.poller.cfg.StreamARN,
			ShardIterator: aws.String(r.iterator),
			Limit:         &limit,
		}, w.poll))
		return err
	})
	if late, ok := errors.AsType[*timeoutError](err); ok && w.answered {
		times := 1
		if late.trickle {
			times = trickleHalves
		}
		r.smaller(ctx, times, slog.Any("error", err))
	}
	return out, began, err
}

// smaller makes reads smaller after an answer that was too slow: half as large, times times.
func (r *reader) smaller(ctx context.Context, times int, why slog.Attr) {
	if r.limit.now == 1 {
		return
	}
	for range times {
		r.limit.halve()
	}
	r.log.LogAttrs(ctx, slog.LevelWarn, "an answer was slow: requesting fewer records", slog.Int("limit", int(r.limit.now)), why)
}

// accept turns an answer into a page, and moves the read position after it.
func (r *reader) accept(ctx context.Context, w *wire, out *kinesis.GetRecordsOutput, began time.Time) (batch.Page, error) {
	r.poller.clock.observe(out.ResultMetadata)
	records, err := w.records(out, r.members)
	d := &delivery{
		records:   records,
		listed:    w.protocol.Decoded || out.Records != nil || !overHTTP(out.ResultMetadata),
		suspected: &r.suspected,
		behind:    out.MillisBehindLatest,
		began:     began,
		asOf:      r.poller.serviceTime(began),
		end:       out.NextShardIterator == nil,
		children:  childrenNamed(out.ChildShards, r.shard),
	}
	if err == nil {
		err = d.check()
	}
	if err != nil { // the iterator is still valid
		r.account.Received(0)
		return batch.Page{}, r.op(getRecords).error(err)
	}
	r.account.Received(r.expected.saw(r.account, &r.poller.heaviest, records))
	r.iterator, r.given = aws.ToString(out.NextShardIterator), began
	page, err := r.take(ctx, r.op(getRecords), d)
	if err != nil {
		return batch.Page{}, err
	}
	lag := page.Behind
	if d.behind == nil {
		lag = 0 // it is not known: page.Behind is an older one
	}
	r.granted(records, r.chase.soon(began, len(records), lag))
	r.polled(ctx, &page, time.Since(began))
	return page, nil
}

// delivery is the result of a read, or of an event of a subscription.
type delivery struct {
	records   []batch.Record
	listed    bool       // there is a list of records, even if it is empty
	suspected *suspicion // of its iterator, or its subscription
	behind    *int64     // in milliseconds; nil if it is not known
	began     time.Time  // the service made it after that, by our clock

	// asOf is a time, on the service's clock, before which everything has been read if the delivery is caught up.
	asOf time.Time

	end      bool // it has no place to resume from
	children []types.ChildShard
}

// isBehind reports whether a delivery says that the shard has more.
func (d *delivery) isBehind() bool { return d.behind != nil && *d.behind > 0 }

// isCaughtUp reports whether it says that the shard has no more.
func (d *delivery) isCaughtUp() bool { return d.behind != nil && *d.behind == 0 }

// take turns a delivery of the operation into a page, and moves the read position after its last record. With an error
// the delivery has no effect.
func (r *reader) take(ctx context.Context, o operation, d *delivery) (batch.Page, error) {
	end, err := r.end(ctx, o, d)
	if err != nil {
		r.account.Received(0)
		return batch.Page{}, err
	}
	page := batch.Page{Records: r.unread(d.records), End: end, Behind: r.behind}
	if d.behind != nil {
		r.behind = time.Duration(min(*d.behind, maxBehind)) * time.Millisecond
		page.Behind = r.behind
		if d.isCaughtUp() && (end || !d.end) { // an end that is not believed says nothing of what was read
			page.CaughtUpTo = d.asOf
		}
	}
	r.watchTrim(ctx, d, &page)
	if r.members != nil {
		r.passedOver(ctx, filtered(page.Records))
	}
	if n := len(page.Records); n > 0 {
		r.from = Start{Type: AtPosition, Position: batch.PositionOf(&page.Records[n-1])}
	}
	if page.End {
		r.ended, r.children = true, childrenOf(d.children)
	}
	return page, nil
}

// unread returns the records after the read position, without those at the head of the page that are repeated later in
// it.
func (r *reader) unread(records []batch.Record) []batch.Record {
	if r.from.Type != AtPosition {
		return records
	}
	n := notBehind(records, r.from.Position)
	return withoutRepeats(records[:n], records[n:], r.from.Position)
}

// Children implements ChildFinder.
func (r *reader) Children() []Shard { return r.children }

// passedOver records the members of a page that lie outside the shard's range. The first ones of a Poller are logged.
func (r *reader) passedOver(ctx context.Context, n int) {
	if n == 0 {
		return
	}
	all := r.poller.outside.Add(int64(n))
	if all == int64(n) {
		r.log.LogAttrs(ctx, slog.LevelWarn, "members of aggregates are skipped because their hash keys lie outside the shard: "+
			"KeepMembersOutsideShard keeps them; further ones are counted", slog.Int("members", n))
		return
	}
	r.log.LogAttrs(ctx, slog.LevelDebug, "members of aggregates skipped", slog.Int("members", n), slog.Int64("all", all))
}

// logPage logs a page at level DEBUG. It formats nothing that is not logged.
func logPage(ctx context.Context, log *slog.Logger, what string, page *batch.Page) {
	if log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, what, slog.Int("records", len(page.Records)), slog.String("behind", page.Behind.String()), slog.Bool("end", page.End))
	}
}

// polled records a good read. If it took longer than a CallTimeout, although its answer arrived steadily, reads become
// smaller, because a large answer delays its records.
func (r *reader) polled(ctx context.Context, page *batch.Page, took time.Duration) {
	r.expected.behind = page.CaughtUpTo.IsZero()
	switch {
	case took > r.poller.cfg.CallTimeout:
		r.smaller(ctx, 1, slog.String("took", took.String()))
	case r.limit.succeeded():
		r.log.LogAttrs(ctx, slog.LevelInfo, "answers arrive in time: requesting more records", slog.Int("limit", int(r.limit.now)))
	}
	logPage(ctx, r.log, "polled", page)
}

func (r *reader) op(name string) operation {
	return operation{name: name, shard: r.shard}
}
