package poller

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

// Source is where a mapping reads from. *Poller is the one for Kinesis; a test may write its own in a few lines.
// Its methods may be called at the same time.
type Source interface {
	// Shards returns all shards that the stream still lists, closed ones included, in no particular order. Every stream has
	// shards: a mapping takes an empty list, or a shard without an ID, for an error, and asks again.
	Shards(ctx context.Context) ([]Shard, error)

	// Open returns a Reader of one shard. It makes no call that could fail for a passing reason:
	// whatever goes wrong in reading shows in Next.
	Open(shard Shard, from Start) (Reader, error)
}

// Reader reads one shard, page after page. One goroutine uses it. If it is an io.Closer as well, it is closed
// when nobody reads it any more.
type Reader interface {
	// Next waits until the shard may be read again, reads, and returns the page, which may be empty: the Reader keeps
	// the cadence, so that its user may call Next again at once, after an error too.
	//
	// After an error nothing is lost: the next call reads from the same place. Classify tells what an error means.
	// When ctx ends, Next returns the cause at once; that is no failure of the shard, and Next may be called again.
	// After a page with End set Next is not called again.
	//
	// The records of a page lie behind those of the page before, each behind the one ahead of it. A mapping uses no page
	// of which that is not so: it opens another Reader, which goes on behind the last record before the page. But a record
	// that comes twice within a page, with the same data, is passed over the second time.
	Next(ctx context.Context) (batch.Page, error)
}

// ChildFinder is what a Reader may have besides: the shards that its own was split, or merged, into.
type ChildFinder interface {
	// Children returns what the last page of the shard told of its children, which Shards need not list yet. It is nil
	// before the page with End, and where the service told nothing; then Shards knows. They have no sequence numbers.
	// The caller does not write to them. A child may have another parent, which is not finished with this one.
	Children() []Shard
}

// Clock is an optional interface of a Source: the time as the stream's service sees it. The age of records goes by it. Any
// goroutine may call it.
type Clock interface {
	// Now returns the service's time as its responses told it, never later than it truly is, and false while none did.
	Now() (time.Time, bool)
}

// Shard is one shard of a stream, as ListShards tells of it.
type Shard struct {
	ID string

	// Parent and AdjacentParent are empty where the shard was there from the start; AdjacentParent is set after a merge.
	// A parent that has left the stream is still named.
	Parent, AdjacentParent string

	// StartingHashKey and EndingHashKey bound the MD5 hash keys of the shard's records, both inclusive, in decimal.
	StartingHashKey, EndingHashKey string

	// StartingSequenceNumber and EndingSequenceNumber bound the shard's records; the latter is empty while it is open.
	StartingSequenceNumber, EndingSequenceNumber string
}

// StartType is how the place where a Reader begins is named.
type StartType uint8

// The start types. LATEST is not among them: a mapping resolves it once, to a time, before it opens any shard.
const (
	// TrimHorizon begins at the oldest record that the stream still has. It is the zero StartType.
	TrimHorizon StartType = iota
	// AtTimestamp begins at the first record that arrived at or after Start.Timestamp.
	AtTimestamp
	// AtPosition begins behind Start.Position, which is not zero; where that lies within an aggregate, the members
	// up to it are skipped. An aggregate that is read as one record is read whole again.
	AtPosition
)

// Start is the place where a Reader begins.
type Start struct {
	Type      StartType
	Timestamp time.Time
	Position  batch.Position

	// ResolvedUpTo goes with AtPosition: everything that arrived before it, by the stream's clock, is done with. A Reader
	// that is a GapFinder tells by it what is lost where Position was trimmed. Zero means that it is not known.
	ResolvedUpTo time.Time

	// Account bounds what the Reader brings, in a Budget; nil means without bounds. A Poller's Readers reserve of it before
	// they read; who reads with them settles what a page comes to, and closes it.
	Account *Account
}

// String prints the start as logs show it, in AWS's words.
func (s Start) String() string {
	switch s.Type {
	case TrimHorizon:
		return "TRIM_HORIZON"
	case AtTimestamp:
		return "AT_TIMESTAMP " + s.Timestamp.UTC().Format(time.RFC3339Nano)
	case AtPosition:
		return "AFTER_SEQUENCE_NUMBER " + s.Position.String()
	}
	return fmt.Sprintf("StartType(%d)", uint8(s.Type))
}

// iterator returns the start as Kinesis takes it.
func (s Start) iterator() (kind types.ShardIteratorType, sequence *string, timestamp *time.Time) {
	switch s.Type {
	case TrimHorizon:
	case AtTimestamp:
		at := s.Timestamp.Truncate(time.Millisecond) // what the wire carries; never rounded up
		return types.ShardIteratorTypeAtTimestamp, nil, &at
	case AtPosition:
		if s.Position.Partial {
			return types.ShardIteratorTypeAtSequenceNumber, &s.Position.SequenceNumber, nil
		}
		return types.ShardIteratorTypeAfterSequenceNumber, &s.Position.SequenceNumber, nil
	}
	return types.ShardIteratorTypeTrimHorizon, nil, nil
}
