// Package batch decides what happens next to the records of one shard, as AWS Lambda's event source mapping does: when
// a batch is cut, what is retried, bisected or discarded, and how far the shard may be checkpointed.
//
// It is a pure core: it has no clock, no goroutine, no lock and no I/O. A [Scheduler] gets events and returns actions:
//
//	Offer(now, Page)           records that were read
//	Report(now, id, Outcome)   the outcome of an invocation or a discard
//	Next(now)                  what to do: *Invoke, *Discard, *Commit
//	Wake(now)                  when to call Next again even if nothing happens
//	Room()                     how much more may be read
//	SetSourceTime(now, t)      what the source's clock shows; it determines the age of records
//
// Its user runs a loop of this form, and carries out the actions concurrently:
//
//	for _, a := range s.Next(time.Now()) {
//		switch a := a.(type) {
//		case *batch.Invoke:  // run the function, then Report its end
//		case *batch.Discard: // send the on-failure document, then Report Delivered or Dropped
//		case *batch.Commit:  // store the position
//		}
//	}
//
// These invariants always hold:
//
//   - Each offered record ends in exactly one of: succeeded, filtered out, delivered to the destination, dropped.
//   - The records of a partition key are first invoked in order, and never two of them concurrently.
//   - A Commit names a position at or below which everything is resolved, and positions never fall.
//   - With a free lane and a full batch, Next yields an Invoke immediately. While the function succeeds, every offered
//     record is invoked without another Offer.
//
// A shard has as many lanes as the ParallelizationFactor. A lane is a strict sequence: a failing batch blocks the
// records after it in its own lane. It blocks other lanes only when the records after the frontier fill the buffer.
//
// The scripts in testdata are readable examples of all the rules; testdata/README.md has their grammar.
package batch
