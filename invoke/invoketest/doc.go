// Package invoketest checks that an [invoke.Invoker] keeps its contract. The author of an Invoker runs it in a test:
//
//	func TestConforms(t *testing.T) {
//		invoketest.Run(t, func(t *testing.T, f invoketest.Function) invoke.Invoker {
//			if f != invoketest.Scripted {
//				t.Skip("my functions can always be run")
//			}
//			return mine.New(invoketest.Handler{}.Invoke)
//		})
//	}
//
// The suite needs one function, [Scripted], which does what the event says: the partition key of its first record is
// the verb. [Handler] is that function in Go. It runs in the test itself, behind a server of the test, or as a program
// of its own:
//
//	func main() { lambda.StartHandler(invoketest.Handler{Exit: os.Exit}) } // of aws-lambda-go
//
// A function in another language must do the same. An event without records is that of "count".
//
//	digest    answers {"batchItemFailures":[{"itemIdentifier":"…"}]} with the SHA-256 of the event's bytes in hex
//	last      answers the same with the sequence number of the last record
//	count     answers {"state":{"count":n}}: the number of records, added to that of the event's state
//	nothing   answers nothing, or null if it must answer something
//	large     answers {"padding":"…"} with an x 5,000,000 times
//	wait      answers {} after 200 ms
//	fail      fails with the errorMessage "the kettle is broken"
//	exit      ends its process without an answer
//	sleep     does not answer within a minute
//
// The other values of [Function] are for services that refuse to run a function: open prepares one that does, or calls
// t.Skip if that cannot happen.
//
// The checks, one test for each rule:
//
//	Event        arrives byte for byte, up to the payload limit, and is not modified
//	Answer       empty, with failed items, of megabytes, with a window's state; none is overwritten by a later one
//	Failure      of the function, its end, its timeout, a cancel: each outcome, soon, and the next invocation runs
//	Refusal      each reason by its error, so that no retry is spent
//	Concurrency  invocations run concurrently
package invoketest
