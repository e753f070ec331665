// Package kcl describes the rows that the Kinesis Client Library keeps in its lease table, versions 1 to 3, for the
// packages that share a table with it or move to and from one.
//
// Names and meanings are those of KCL's DynamoDBLeaseSerializer, EntityType and WorkerMetricStats.
package kcl

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/batch"
)

// Item is a row in the SDK's form.
type Item = map[string]types.AttributeValue

// Attributes of a lease.
const (
	LeaseKey        = "leaseKey"                     // S: the shard's ID; several streams in one table: account:stream:epoch:shard
	LeaseOwner      = "leaseOwner"                   // S: the worker, absent when the lease is free
	LeaseCounter    = "leaseCounter"                 // N: grows with each renewal, take and checkpoint
	Checkpoint      = "checkpoint"                   // S: a sequence number or one of the constants below
	SubSequence     = "checkpointSubSequenceNumber"  // N: the last resolved member of an aggregate
	OwnerSwitches   = "ownerSwitchesSinceCheckpoint" // N
	ParentShardID   = "parentShardId"                // SS
	ChildShardIDs   = "childShardIds"                // SS
	StartingHashKey = "startingHashKey"              // S
	EndingHashKey   = "endingHashKey"                // S

	// StreamName and ShardID are the two halves of a LeaseKey, in rows of an application that reads several streams.
	StreamName = "streamName" // S: account:stream:epoch
	ShardID    = "shardId"    // S

	// CheckpointOwner is the worker that still works while the lease is handed over to LeaseOwner. KCL 3.
	CheckpointOwner = "checkpointOwner"

	// EntityType is the type of a row in a table of KCL 3.5 and later. Without it, the row is a lease.
	EntityType = "entityType"

	// LastUpdate is the time of a worker's last report in seconds since 1970, in its row of metrics. KCL 3.
	LastUpdate = "lut"
)

// Pending are the attributes of a checkpoint that was prepared. Each checkpoint removes them.
var Pending = [...]string{"pendingCheckpoint", "pendingCheckpointSubSequenceNumber", "pendingCheckpointState"}

// Checkpoints that are not sequence numbers.
const (
	TrimHorizon = "TRIM_HORIZON"
	Latest      = "LATEST"
	AtTimestamp = "AT_TIMESTAMP"
	ShardEnd    = "SHARD_END"
)

// Values of EntityType.
const (
	TypeLease         = "LEASE"
	TypeWorkerMetrics = "WORKER_METRIC_STATS"
)

// MetricsTable is the suffix of the table in which workers of KCL 3 report, in addition to the lease table, until 3.5
// moves their rows there. Its key is MetricsKey.
const (
	MetricsTable = "-WorkerMetricStats"
	MetricsKey   = "wid"
)

// Fresh is the age up to which a report of a KCL 3 worker counts as one of a living worker: it reports every 30 s.
const Fresh = 5 * time.Minute

// Reported returns when a KCL 3 worker reported in its row, and whether that is fresh.
func Reported(row Item, now time.Time) (at time.Time, fresh bool) {
	seconds, ok := Number(row, LastUpdate)
	at = time.Unix(seconds, 0).UTC()
	return at, ok && now.Sub(at) <= Fresh
}

// IsLease reports whether a row is a lease. KCL treats a row of an unknown type as one; such rows must not be written
// to, so here they are not leases.
func IsLease(row Item) bool {
	v, ok := row[EntityType]
	if !ok {
		return true
	}
	s, ok := v.(*types.AttributeValueMemberS)
	return ok && s.Value == TypeLease
}

// Text returns a string attribute, empty if it is absent or of another type.
func Text(row Item, name string) string {
	if s, ok := row[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// Number returns a number attribute; ok is false if it is absent, of another type, or not a whole number of 64 bits.
func Number(row Item, name string) (n int64, ok bool) {
	v, isNumber := row[name].(*types.AttributeValueMemberN)
	if !isNumber {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	return n, err == nil
}

// Set returns a set of texts, without duplicates and in order: DynamoDB refuses a set with duplicates.
func Set(texts []string) types.AttributeValue {
	return &types.AttributeValueMemberSS{Value: slices.Compact(slices.Sorted(slices.Values(texts)))}
}

// Place is the content of a checkpoint.
type Place struct {
	// Position is where reading resumes. It is zero if Begin is set, and at the end.
	//
	// KCL reads AT the sequence number and drops records that are not after (sequence number, sub-sequence number),
	// because its rows do not say whether more members of an aggregate follow. This package does the same: Partial is
	// always set, and a poller.Reader skips the records up to the checkpoint.
	Position batch.Position

	// End is set if the shard is complete.
	End bool

	// Begin is TrimHorizon, Latest or AtTimestamp if the shard has no progress.
	Begin string
}

// PlaceOf parses the checkpoint of a lease.
func PlaceOf(row Item) (Place, error) {
	at := Text(row, Checkpoint)
	switch at {
	case ShardEnd:
		return Place{End: true}, nil
	case TrimHorizon, Latest, AtTimestamp:
		return Place{Begin: at}, nil
	}
	if !IsSequenceNumber(at) {
		return Place{}, fmt.Errorf("%s %q is not a sequence number", Checkpoint, at)
	}
	sub, ok := Number(row, SubSequence)
	if _, stored := row[SubSequence]; stored && (!ok || sub < 0) {
		return Place{}, fmt.Errorf("%s is not a number", SubSequence)
	}
	return Place{Position: batch.Position{SequenceNumber: at, SubSequence: sub, Partial: true}}, nil
}

// CheckpointOf returns the checkpoint after which KCL resumes when everything at or below p is resolved, and the
// shard's end if end is set. The zero Position is TRIM_HORIZON.
//
// If a whole aggregate was read as one record, its last member is not known: KCL then delivers all members except the
// first again.
func CheckpointOf(p batch.Position, end bool) (checkpoint string, sub int64) {
	switch {
	case end:
		return ShardEnd, 0
	case p.SequenceNumber == "":
		return TrimHorizon, 0
	}
	return p.SequenceNumber, p.SubSequence
}

// IsSequenceNumber reports whether s is a sequence number: 1 to 129 digits.
func IsSequenceNumber(s string) bool {
	if s == "" || len(s) > 129 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
