package kinesistest

import (
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// spoil applies the fault's kind to an answer. The caller holds Service.mu.
func (f *Fault) spoil(out any) {
	switch out := out.(type) {
	case *kinesis.ListShardsOutput:
		f.spoilListing(out)
	case *kinesis.DescribeStreamSummaryOutput:
		f.spoilSummary(out)
	case *kinesis.GetShardIteratorOutput:
		if f.leavesOut() {
			f.did()
			out.ShardIterator = nil
		}
	case *kinesis.GetRecordsOutput:
		f.spoilRecords(&readAnswer{
			records: &out.Records, next: &out.NextShardIterator, behind: &out.MillisBehindLatest, children: &out.ChildShards,
		})
	}
	switch f.Kind {
	case ErrorDocument, HTMLPage, EmptyBody, Trickle, CutBody, ConnectionReset, WrongDate,
		EarlyEnd, BrokenSubscription, HalfOpenSubscription:
		f.did()
	default:
	}
}

// spoilEvent is spoil for an event of a subscription.
func (f *Fault) spoilEvent(event *types.SubscribeToShardEvent) {
	f.spoilRecords(&readAnswer{
		records: &event.Records, next: &event.ContinuationSequenceNumber, behind: &event.MillisBehindLatest, children: &event.ChildShards,
	})
	next := event.ContinuationSequenceNumber
	switch f.Kind {
	case EmptyEvent:
		*event = types.SubscribeToShardEvent{}
	case NoContinuation:
		event.ContinuationSequenceNumber = nil
	case ZeroContinuation:
		event.ContinuationSequenceNumber = new("0")
	case RefusedContinuation:
		event.ContinuationSequenceNumber = unknown(next)
	case Trickle, CutBody:
	default:
		return
	}
	if next != nil || f.Kind == EmptyEvent {
		f.did()
		return
	}
	event.ContinuationSequenceNumber = nil // the end of a shard has none to spoil
}

// unknown returns a sequence number after another one that the service refuses.
func unknown(number *string) *string {
	if number == nil {
		return nil
	}
	n, ok := new(big.Int).SetString(*number, 10)
	if !ok {
		return number
	}
	return new(n.Add(n, big.NewInt(1)).String())
}

// leavesOut reports whether the kind is one that leaves members out.
func (f *Fault) leavesOut() bool { return f.Kind == AbsentMembers || f.Kind == NullMembers }

// spoilListing is spoil for ListShards.
func (f *Fault) spoilListing(out *kinesis.ListShardsOutput) {
	n := len(out.Shards)
	switch {
	case f.Kind == EmptyListing:
		f.did()
		out.Shards, out.NextToken = []types.Shard{}, nil
	case f.Kind == CutListing && n > 1:
		f.did()
		out.Shards, out.NextToken = f.cut(out.Shards), nil
	case f.leavesOut() && n > 0:
		f.did()
		f.leaveOutOfListing(out)
	}
}

// cut omits shards: those after one, or a single one.
func (f *Fault) cut(shards []types.Shard) []types.Shard {
	if f.dice.below(2) == 0 {
		return shards[:1+f.dice.below(len(shards)-1)]
	}
	i := f.dice.below(len(shards))
	return slices.Delete(shards, i, i+1)
}

// leaveOutOfListing omits members from a listing. A shard keeps its parents and its ending sequence number: without
// them it would be another shard, and no reader could detect the false listing.
func (f *Fault) leaveOutOfListing(out *kinesis.ListShardsOutput) {
	sh := &out.Shards[f.dice.below(len(out.Shards))]
	switch f.dice.below(4) {
	case 0:
		out.Shards, out.NextToken = nil, nil
	case 1:
		sh.ShardId = nil
	case 2:
		sh.HashKeyRange = nil
	default:
		sh.SequenceNumberRange = &types.SequenceNumberRange{EndingSequenceNumber: sh.SequenceNumberRange.EndingSequenceNumber}
	}
}

// spoilSummary is spoil for DescribeStreamSummary.
func (f *Fault) spoilSummary(out *kinesis.DescribeStreamSummaryOutput) {
	if !f.leavesOut() {
		return
	}
	f.did()
	switch f.dice.below(3) {
	case 0:
		out.StreamDescriptionSummary = nil
	case 1:
		out.StreamDescriptionSummary.RetentionPeriodHours = nil
	default:
		out.StreamDescriptionSummary.StreamCreationTimestamp = nil
	}
}

// readAnswer is the common part of a page and an event.
type readAnswer struct {
	records  *[]types.Record
	next     **string // the iterator, or the continuation
	behind   **int64
	children *[]types.ChildShard
}

// spoilRecords is spoil for a page, or an event.
func (f *Fault) spoilRecords(a *readAnswer) {
	if d, ok := f.lasting(BehindForEver); ok {
		*a.behind = new(d.between(time.Second, 2*time.Hour).Milliseconds())
	}
	switch n := len(*a.records); {
	case f.leavesOut():
		f.did()
		f.leaveOut(a)
	case f.Kind == OddLag:
		f.did()
		*a.behind = new(oneOf(f.dice, int64(-1), -4358000, math.MinInt64, 1<<53, math.MaxInt64))
	case f.Kind == OddTimestamp && n > 0:
		f.did()
		for i := range *a.records {
			at := (*a.records)[i].ApproximateArrivalTimestamp
			(*a.records)[i].ApproximateArrivalTimestamp = new(f.odd.Of(*at))
		}
	case f.Kind == RepeatedRecord && n > 0:
		f.did()
		i := f.dice.below(n)
		*a.records = slices.Insert(*a.records, i+1+f.dice.below(n-i), (*a.records)[i])
	}
}

// leaveOut omits members from a page or an event, or from a record of it.
func (f *Fault) leaveOut(a *readAnswer) {
	if n := len(*a.records); n > 0 && f.dice.below(3) == 0 {
		leaveOutOfRecord(&(*a.records)[f.dice.below(n)], f.dice)
		return
	}
	kept := f.dice.below(15) // a set of the four members, but not all
	if kept&1 == 0 {
		*a.records = nil
	}
	if kept&2 == 0 {
		*a.next = nil
	}
	if kept&4 == 0 {
		*a.behind = nil
	}
	if kept&8 == 0 {
		*a.children = nil
	}
}

// leaveOutOfRecord omits a member from a record. It keeps its partition key, which not every record has.
func leaveOutOfRecord(r *types.Record, d *dice) {
	switch d.below(3) {
	case 0:
		r.SequenceNumber = nil
	case 1:
		r.Data = nil
	default:
		r.ApproximateArrivalTimestamp = nil
	}
}
