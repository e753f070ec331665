package poller

import (
	"errors"
	"slices"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
)

// The meaning of an absent member. Absent and null are the same; neither ever counts as a zero.
//
//	of                                    member                      absent
//	GetRecords, events                    Records                     the answer is a service fault
//	                                      MillisBehindLatest          not known: the page is used, but is neither the shard's last nor
//	                                                                  caught up. A negative one is the same
//	GetRecords                            NextShardIterator           the shard has ended, if the answer is whole: see end.go. An
//	                                                                  empty one is no end: the iterator is renewed
//	events                                ContinuationSequenceNumber  the shard has ended, if the event is whole; so is an empty one. One
//	                                                                  that is not a number, or lies behind, is ignored
//	GetRecords, events                    ChildShards                 a listing must confirm the end
//	  of a child                          ShardId, ParentShards       the child is omitted: a listing has it
//	                                      HashKeyRange                not known
//	  of a record                         SequenceNumber              a service fault, as is one that is not a number
//	                                      Data                        a service fault: "" is an empty record
//	                                      ApproximateArrivalTimestamp not known, as is one in 1970; NaN and the like are a service fault
//	                                      PartitionKey                none: the stream distributes its records itself
//	GetShardIterator                      ShardIterator               a service fault
//	ListShards                            Shards                      a service fault, unless there is a token of a further page
//	                                      NextToken                   the page is the last
//	  of a shard                          ShardId                     a service fault
//	                                      ParentShardId,              none: the shard existed from the start, or is not of a merge
//	                                      AdjacentParentShardId
//	                                      HashKeyRange                not known
//	                                      SequenceNumberRange         not known; without an ending number the shard is open
//	DescribeStreamSummary                 RetentionPeriodHours        not known: gaps are computed with 24 hours, the shortest
//	                                                                  retention; longer than a year is a year
//	                                      StreamCreationTimestamp     not known
//	any                                   the object itself           a service fault: no body, null, a list, HTML, trailing bytes
//
// A service fault is an error of the class Retry. Nothing of the answer is used, and the same place is read again.
//
// AWS sends all of these members, except PartitionKey, ChildShards and, at the end of a shard, NextShardIterator. An
// old Kinesalite had no MillisBehindLatest. LocalStack once sent no ContinuationSequenceNumber, and later a shard
// iterator, and "0", instead.
var (
	errNoRecords        = errors.New("the answer has no Records, not even an empty list")
	errNoLag            = errors.New("the answer has no place to resume from, but that is not an end: MillisBehindLatest is missing or negative")
	errNoSequenceNumber = errors.New("a record has no sequence number")
	errSequenceNumber   = errors.New("a record has a sequence number that is not a decimal number")
	errNoData           = errors.New("a record has no data, not even empty data")
)

// check returns why a delivery is not whole, and clears members with impossible values.
func (d *delivery) check() error {
	if !d.listed {
		return errNoRecords
	}
	if d.behind != nil && *d.behind < 0 {
		d.behind = nil
	}
	if d.end && d.behind == nil {
		return errNoLag
	}
	return nil
}

// overHTTP reports, from the metadata, whether an answer came over HTTP. If so, the SDK returns a nil list for an
// absent one, and an empty list for an empty one.
func overHTTP(md middleware.Metadata) bool {
	_, ok := awsmiddleware.GetResponseAt(md)
	return ok
}

// childrenNamed returns the children of a shard that an answer names completely. A child without an ID cannot be read,
// and one that does not name the shard as its parent would open too early. A listing has the others.
func childrenNamed(all []types.ChildShard, parent string) []types.ChildShard {
	partial := func(c types.ChildShard) bool {
		return c.ShardId == nil || *c.ShardId == "" || !slices.Contains(c.ParentShards, parent)
	}
	if !slices.ContainsFunc(all, partial) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), partial)
}

// isSequenceNumber reports whether a text is a decimal number.
func isSequenceNumber(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return s != ""
}
