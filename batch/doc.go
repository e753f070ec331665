// Package batch decides what happens next to the records of one shard, as AWS Lambda's event source mapping does:
// when a batch is cut, what is tried again, split or given up, and how far the shard may be checkpointed.
//
// It is a pure core: it has no clock, no goroutine, no lock and no I/O. A [Scheduler] is told what happened and says
// what to do:
//
//	Offer(now, Page)           records that were read
//	Report(now, id, Outcome)   what an invocation or a discard came to
//	Next(now)                  what to do: *Invoke, *Discard, *Commit
//	Wake(now)                  when to ask again though nothing happened
//	Room()                     how much more may be read
//	SetSourceTime(now, t)      what the source's clock shows, by which records grow too old
//
// Its user runs a loop of this form, and does what Next says beside it:
//
//	for _, a := range s.Next(time.Now()) {
//		switch a := a.(type) {
//		case *batch.Invoke:  // run the function, then Report its end
//		case *batch.Discard: // send the on-failure document, then Report Delivered or Dropped
//		case *batch.Commit:  // store the position
//		}
//	}
//
// What always holds:
//
//   - Every record offered ends in exactly one of: succeeded, filtered out, delivered to the destination, dropped.
//   - The records of one partition key are first invoked in order, and never two at the same time.
//   - A Commit names a position at or below which everything is resolved, and positions never fall.
//   - With a free lane and a full batch, Next yields an Invoke at once. While the function succeeds, every record
//     offered is invoked without another Offer.
//
// A shard has as many lanes as the ParallelizationFactor. A lane is a strict sequence: a failing batch holds back the
// records behind it in its own lane, and no others, until what lies above the frontier fills the buffer.
//
// The scripts in testdata are readable examples of all the rules; testdata/README.md has their grammar.
package batch
