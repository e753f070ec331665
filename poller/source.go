package poller

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

// Source is where a mapping reads from. *Poller is the Source for Kinesis; a test may write its own in a few lines. Its
// methods must be safe for concurrent use.
type Source interface {
	// Shards returns all shards that the stream still lists, including closed ones, in no particular order. Every
	// stream has shards: a mapping treats an empty list, or a shard without an ID, as an error, and calls again.
	Shards(ctx context.Context) ([]Shard, error)

	// Open returns a Reader of one shard. It makes no call that could fail for a transient reason: every failure of
	// reading shows in Next.
	Open(shard Shard, from Start) (Reader, error)
}

// Reader reads one shard, page after page. One goroutine uses it. If it is an io.Closer as well, it is closed when it
// is no longer needed.
type Reader interface {
	// Next waits until the shard may be read again, reads, and returns the page, which may be empty. The Reader keeps
	// the cadence, so its user may call Next again immediately, even after an error.
	//
	// An error loses nothing: the next call reads from the same place. Classify returns what an error means. When ctx
	// ends, Next returns the cause immediately; that is not a failure of the shard, and Next may be called again. After
	// a page with End set Next is not called again.
	//
	// The records of a page are after those of the previous page, each after the one before it. A mapping uses no page
	// that violates this: it opens another Reader, which resumes after the last record before the page. But a record
	// that occurs twice in a page, with the same data, is skipped the second time.
	Next(ctx context.Context) (batch.Page, error)
}

// ChildFinder is an optional interface of a Reader: it returns the shards that its own was split, or merged, into.
type ChildFinder interface {
	// Children returns the children that the last page of the shard named, which Shards need not list yet. It is nil
	// before the page with End, and if the service named none; then Shards has them. They have no sequence numbers. The
	// caller must not write to them. A child may have another parent, which is not finished with this one.
	Children() []Shard
}

// Clock is an optional interface of a Source: the time of the stream's service. It determines the age of records. It
// must be safe for concurrent use.
type Clock interface {
	// Now returns the service's time according to its responses, never later than the true time, and false before the
	// first response.
	Now() (time.Time, bool)
}

// Shard is one shard of a stream, as in ListShards.
type Shard struct {
	ID string

	// Parent and AdjacentParent are empty if the shard existed from the start; AdjacentParent is set after a merge. A
	// parent that has left the stream is still named.
	Parent, AdjacentParent string

	// StartingHashKey and EndingHashKey bound the MD5 hash keys of the shard's records, both inclusive, in decimal.
	StartingHashKey, EndingHashKey string

	// StartingSequenceNumber and EndingSequenceNumber bound the shard's records; the latter is empty while it is open.
	StartingSequenceNumber, EndingSequenceNumber string
}

// StartType is the kind of place at which a Reader begins.
type StartType uint8

// The start types. LATEST is not among them: a mapping resolves it once, to a time, before it opens any shard.
const (
	// TrimHorizon begins at the oldest record that the stream still has. It is the zero StartType.
	TrimHorizon StartType = iota
	// AtTimestamp begins at the first record that arrived at or after Start.Timestamp.
	AtTimestamp
	// AtPosition begins after Start.Position, which is not zero. If that lies within an aggregate, the members up to it
	// are skipped. An aggregate that is read as one record is read whole again.
	AtPosition
)

// Start is the place where a Reader begins.
type Start struct {
	Type      StartType
	Timestamp time.Time
	Position  batch.Position

	// ResolvedUpTo goes with AtPosition: everything that arrived before it, by the stream's clock, is resolved. A
	// GapFinder uses it to determine the loss if Position was trimmed. Zero means that it is not known.
	ResolvedUpTo time.Time

	// Account bounds the Reader's memory, in a Budget; nil means unbounded. A Poller's Readers reserve from it before
	// they read. Their user settles the memory of each page, and closes the Account.
	Account *Account
}

// String returns the start in the form for logs, in AWS's words.
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

// iterator returns the start in Kinesis's form.
func (s Start) iterator() (kind types.ShardIteratorType, sequence *string, timestamp *time.Time) {
	switch s.Type {
	case TrimHorizon:
	case AtTimestamp:
		at := s.Timestamp.Truncate(time.Millisecond) // the precision of the wire; never rounded up
		return types.ShardIteratorTypeAtTimestamp, nil, &at
	case AtPosition:
		if s.Position.Partial {
			return types.ShardIteratorTypeAtSequenceNumber, &s.Position.SequenceNumber, nil
		}
		return types.ShardIteratorTypeAfterSequenceNumber, &s.Position.SequenceNumber, nil
	}
	return types.ShardIteratorTypeTrimHorizon, nil, nil
}
