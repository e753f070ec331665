package poller

import (
	"errors"
	"slices"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
)

// What the absence of a member means. Absent and null are the same; neither is ever taken for a zero.
//
//	of                                    member                      absent
//	GetRecords, events                    Records                     the answer is a service fault
//	                                      MillisBehindLatest          not known: the page is used, but is neither the shard's last nor
//	                                                                  caught up. A negative one is the same
//	GetRecords                            NextShardIterator           the shard has ended, if the answer is whole: see end.go. An
//	                                                                  empty one is no end: the iterator is renewed
//	events                                ContinuationSequenceNumber  the shard has ended, if the event is whole, and so of an empty one. One
//	                                                                  that is not a number, or lies behind, is ignored
//	GetRecords, events                    ChildShards                 the end has to be confirmed by a listing
//	  of a child                          ShardId, ParentShards       the child is left out: a listing knows it
//	                                      HashKeyRange                not known
//	  of a record                         SequenceNumber              a service fault, as is one that is no number
//	                                      Data                        a service fault: "" is an empty record
//	                                      ApproximateArrivalTimestamp not known, as is one in 1970; NaN and the like are a service fault
//	                                      PartitionKey                none: the stream distributes its records itself
//	GetShardIterator                      ShardIterator               a service fault
//	ListShards                            Shards                      a service fault, unless a token of a further page is there
//	                                      NextToken                   the page is the last
//	  of a shard                          ShardId                     a service fault
//	                                      ParentShardId,              none: the shard was there from the start, or is not of a merge
//	                                      AdjacentParentShardId
//	                                      HashKeyRange                not known
//	                                      SequenceNumberRange         not known; without an ending number the shard is open
//	DescribeStreamSummary                 RetentionPeriodHours        not known: 24 hours, the shortest there is, where a gap is
//	                                                                  looked for; longer than a year is a year
//	                                      StreamCreationTimestamp     not known
//	any                                   the object itself           a service fault: no body, null, a list, HTML, bytes behind it
//
// A service fault is an error of the class Retry. Nothing of the answer is used, and the same place is read again.
//
// AWS has all of these members, but PartitionKey, ChildShards and, at the end of a shard, NextShardIterator. Kinesalite had no
// MillisBehindLatest once, LocalStack no ContinuationSequenceNumber, and later a shard iterator, and "0", in its place.
var (
	errNoRecords        = errors.New("the answer has no Records, not even an empty list")
	errNoLag            = errors.New("the answer names no place to go on from, but that is not an end: MillisBehindLatest is missing or negative")
	errNoSequenceNumber = errors.New("a record has no sequence number")
	errSequenceNumber   = errors.New("a record has a sequence number that is not a decimal number")
	errNoData           = errors.New("a record has no data, not even empty data")
)

// check returns what is wrong with a delivery that is not whole, and forgets what it says that cannot be true.
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

// overHTTP reports whether an answer came over HTTP, by its metadata. Where it did, the SDK has a nil list for
// one that is absent, and an empty one for one that is empty.
func overHTTP(md middleware.Metadata) bool {
	_, ok := awsmiddleware.GetResponseAt(md)
	return ok
}

// childrenNamed returns the children of a shard that an answer names in full: one without an ID cannot be read, and one that
// does not name the shard as its parent would open before its time. A listing knows the others.
func childrenNamed(all []types.ChildShard, parent string) []types.ChildShard {
	partial := func(c types.ChildShard) bool {
		return c.ShardId == nil || *c.ShardId == "" || !slices.Contains(c.ParentShards, parent)
	}
	if !slices.ContainsFunc(all, partial) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), partial)
}

// isSequenceNumber reports whether a text is a decimal number, which can be compared with others.
func isSequenceNumber(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return s != ""
}
