package kinesistest

import (
	"fmt"
	"slices"
)

// Kind names one way in which a service can misbehave. Fault.Kind applies it to the next calls; Service.Misbehave lets
// a seed choose. Kinds lists all of them, and Kind.About describes one.
type Kind string

// Kinds of listings.
const (
	// EmptyListing answers ListShards with no shard at all.
	EmptyListing Kind = "empty-listing"
	// CutListing omits shards from a listing, and ends it there.
	CutListing Kind = "cut-listing"
	// LaggingListing shows the shards as they were up to 4 minutes ago.
	LaggingListing Kind = "lagging-listing"
	// SmallPages gives one to three shards a page, so that a listing of few shards has many pages.
	SmallPages Kind = "small-pages"
	// ExpiredToken refuses the token of a listing's next page.
	ExpiredToken Kind = "expired-token"
)

// Kinds of invalid answers.
const (
	// AbsentMembers omits members from an answer or an event: the records, the next iterator, the lag, a record's
	// number. It omits none whose absence says something true elsewhere, such as a shard's parent.
	AbsentMembers Kind = "absent-members"
	// NullMembers is AbsentMembers with null instead. A Client shows both alike.
	NullMembers Kind = "null-members"
	// ErrorDocument answers 200 with the document of an error.
	ErrorDocument Kind = "error-document"
	// HTMLPage answers 200 with a page for a browser.
	HTMLPage Kind = "html-page"
	// EmptyBody answers 204, or 200 with an empty body.
	EmptyBody Kind = "empty-body"
	// EmptyEvent sends an event of a subscription without any member.
	EmptyEvent Kind = "empty-event"
)

// Kinds of ways in which an answer arrives, or does not.
const (
	// Trickle sends an answer, or an event, in pieces with pauses of up to 5 s, over up to 2 minutes.
	Trickle Kind = "trickle"
	// CutBody breaks the connection within an answer, or an event.
	CutBody Kind = "cut-body"
	// ConnectionReset breaks the connection before the answer. The call has taken effect.
	ConnectionReset Kind = "connection-reset"
	// NoAnswer never answers: the call ends with its context.
	NoAnswer Kind = "no-answer"
	// ServerError answers 500 InternalFailure, or 503 ServiceUnavailable.
	ServerError Kind = "server-error"
	// BareServerError answers 500, 502, 503 or 504 without a body, or with a body that is not a document of the
	// service.
	BareServerError Kind = "bare-server-error"
	// Throttled answers as the service does beyond its limits.
	Throttled Kind = "throttled"
)

// Kinds of reads.
const (
	// ExpiredIterator refuses an iterator as expired, whatever its age.
	ExpiredIterator Kind = "expired-iterator"
	// EmptyPage is a page without records that is behind the tip.
	EmptyPage Kind = "empty-page"
	// RepeatedPage begins a page, or a subscription, up to 5 records before the requested place.
	RepeatedPage Kind = "repeated-page"
	// RepeatedRecord repeats a record within a page, or an event.
	RepeatedRecord Kind = "repeated-record"
	// OddLag is a negative or absurd MillisBehindLatest.
	OddLag Kind = "odd-lag"
	// OddTimestamp is an arrival time that is not a number, or thousands of years off. A Client shows the latter.
	OddTimestamp Kind = "odd-timestamp"
	// EndlessShard always has a next iterator, or a next event, for a closed shard. It lasts.
	EndlessShard Kind = "endless-shard"
	// BehindForEver reports the same lag of a shard with each read, caught up or not. It lasts.
	BehindForEver Kind = "behind-for-ever"
)

// Kinds of subscriptions.
const (
	// NoContinuation sends an event without a ContinuationSequenceNumber.
	NoContinuation Kind = "no-continuation"
	// ZeroContinuation sends the ContinuationSequenceNumber "0", which no shard has.
	ZeroContinuation Kind = "zero-continuation"
	// RefusedContinuation sends a ContinuationSequenceNumber after the last record that the service itself refuses.
	RefusedContinuation Kind = "refused-continuation"
	// EarlyEnd ends a subscription normally after up to 3 events.
	EarlyEnd Kind = "early-end"
	// BrokenSubscription ends a subscription after up to 3 events with an exception, or by breaking its connection.
	BrokenSubscription Kind = "broken-subscription"
	// HalfOpenSubscription sends nothing more after up to 3 events.
	HalfOpenSubscription Kind = "half-open"
)

// Kinds of clocks, and of streams.
const (
	// WrongDate has a Date header that is hours off, in an otherwise correct answer.
	WrongDate Kind = "wrong-date"
	// ClockOff sets the service's whole clock hours off: dates, arrival times, and the time that requests are compared
	// with. It lasts.
	ClockOff Kind = "clock-off"
	// ReplacedStream deletes the stream and recreates it, as Stream.Replace does, once per stream.
	ReplacedStream Kind = "replaced-stream"
)

// SubscribeToShardEvent represents an event of a subscription where faults and mischief select calls by their
// operation. It is not an operation: Config.OnCall and Calls do not see it.
const SubscribeToShardEvent Op = "SubscribeToShardEvent"

// reading are the operations by which a stream is read, with the events.
var reading = []Op{
	ListShards, DescribeStream, DescribeStreamSummary, DescribeStreamConsumer, GetShardIterator, GetRecords,
	SubscribeToShard, SubscribeToShardEvent,
}

var (
	answers       = []Op{ListShards, DescribeStreamSummary, GetShardIterator, GetRecords, SubscribeToShardEvent} // with members to leave out
	records       = []Op{GetRecords, SubscribeToShardEvent}
	subscriptions = []Op{SubscribeToShard}
	events        = []Op{SubscribeToShardEvent}
)

// trait is the description of a kind.
type trait struct {
	kind   Kind
	about  string
	ops    []Op // those that it can affect; nil: every operation, but no event
	events bool // with nil ops: events as well
	lasts  bool // it is drawn once for each shard, and persists
	costly bool // it loses records, or changes the meaning of times
}

var traits = []trait{
	{kind: EmptyListing, about: "a listing without a shard", ops: []Op{ListShards}},
	{kind: CutListing, about: "a listing that lacks shards", ops: []Op{ListShards}},
	{kind: LaggingListing, about: "a listing that is minutes old", ops: []Op{ListShards}},
	{kind: SmallPages, about: "pages of one to three shards", ops: []Op{ListShards}},
	{kind: ExpiredToken, about: "a page token that is refused as expired", ops: []Op{ListShards}},

	{kind: AbsentMembers, about: "an answer or event that lacks members", ops: answers},
	{kind: NullMembers, about: "an answer or event with null members", ops: answers},
	{kind: ErrorDocument, about: "200 with the document of an error"},
	{kind: HTMLPage, about: "200 with HTML"},
	{kind: EmptyBody, about: "204, or 200 without a body"},
	{kind: EmptyEvent, about: "an event without members", ops: events},

	{kind: Trickle, about: "an answer or event in small pieces", events: true},
	{kind: CutBody, about: "a connection that breaks within an answer or event", events: true},
	{kind: ConnectionReset, about: "a connection that breaks before the answer"},
	{kind: NoAnswer, about: "no answer at all"},
	{kind: ServerError, about: "500 or 503 with the service's document"},
	{kind: BareServerError, about: "500 to 504 with nothing, or with HTML"},
	{kind: Throttled, about: "a throttle"},

	{kind: ExpiredIterator, about: "an iterator that is refused as expired", ops: []Op{GetRecords}},
	{kind: EmptyPage, about: "an empty page behind the tip", ops: []Op{GetRecords}},
	{kind: RepeatedPage, about: "records from before the place asked for", ops: []Op{GetRecords, SubscribeToShard}},
	{kind: RepeatedRecord, about: "a record twice in a page or event", ops: records},
	{kind: OddLag, about: "a negative or absurd MillisBehindLatest", ops: records},
	{kind: OddTimestamp, about: "arrival times that are no times", ops: records},
	{kind: EndlessShard, about: "a closed shard that never ends", ops: records, lasts: true},
	{kind: BehindForEver, about: "a MillisBehindLatest that never changes", ops: records, lasts: true},

	{kind: NoContinuation, about: "an event without a continuation", ops: events},
	{kind: ZeroContinuation, about: `the continuation "0"`, ops: events},
	{kind: RefusedContinuation, about: "a continuation that is refused", ops: events},
	{kind: EarlyEnd, about: "a subscription that ends early", ops: subscriptions},
	{kind: BrokenSubscription, about: "a subscription that breaks off", ops: subscriptions},
	{kind: HalfOpenSubscription, about: "a subscription that falls silent", ops: subscriptions},

	{kind: WrongDate, about: "a Date that is hours off", costly: true},
	{kind: ClockOff, about: "a service whose clock is hours off", lasts: true, costly: true},
	{kind: ReplacedStream, about: "a stream deleted and created again under its name", ops: reading[:len(reading)-1], costly: true},
}

// Kinds returns all kinds.
func Kinds() []Kind {
	all := make([]Kind, len(traits))
	for i := range traits {
		all[i] = traits[i].kind
	}
	return all
}

// About describes the kind in a few words. It is empty for an unknown kind.
func (k Kind) About() string {
	if t := traitOf(k); t != nil {
		return t.about
	}
	return ""
}

// Lasts reports whether a Mischief draws the kind once for each shard, or for the service, and keeps it until its end,
// instead of drawing it for each call.
func (k Kind) Lasts() bool {
	t := traitOf(k)
	return t != nil && t.lasts
}

// befalls reports whether the kind can affect calls of an operation.
func (k Kind) befalls(op Op) bool {
	t := traitOf(k)
	switch {
	case t == nil:
		return false
	case t.ops == nil:
		return op != SubscribeToShardEvent || t.events
	}
	return slices.Contains(t.ops, op)
}

func traitOf(k Kind) *trait {
	if i := slices.IndexFunc(traits, func(t trait) bool { return t.kind == k }); i >= 0 {
		return &traits[i]
	}
	return nil
}

// mustBeKinds panics on an unknown kind: a test that misspells one would test nothing.
func mustBeKinds(kinds ...Kind) {
	for _, k := range kinds {
		if traitOf(k) == nil {
			panic(fmt.Sprintf("kinesistest: there is no mischief of the kind %q; Kinds returns all", k))
		}
	}
}
