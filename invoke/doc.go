// Package invoke runs a function on a batch of records and tells what came of it.
//
// A function is anything with the one method of [Invoker]. [Func] makes one of a Go function; the packages below this
// one make one of a Lambda handler and of functions in other processes:
//
//	invoke.Func           func(ctx, *invoke.Event) error
//	invoke.ResponseFunc   func(ctx, *invoke.Event) (*invoke.Response, error)
//	lambdago.Func, …      func(ctx, events.KinesisEvent) error and its kin, without going through JSON
//	lambdago.Bytes        Invoke(ctx, []byte) ([]byte, error), such as lambda.NewHandler returns
//	lambda.New            a function on AWS Lambda, through the API
//	httpfunc.New          a Lambda container image, or any URL that takes a POST (in the folder http)
//
// The package invoketest checks that one of anybody's own keeps the contract.
//
// What a function does, and what it counts as:
//
//	returns nil                        success
//	returns a *FailedItemsError        success but for the items it names, under ReportBatchItemFailures;
//	                                   without it a function error like any other
//	returns another error              function error
//	panics, or calls runtime.Goexit    function error; the stack is logged
//	outlives its timeout               function error, whatever it then returns, as on AWS
//	could not be run (ErrNotRun)       not run: tried again, and no retry is spent
//	is cancelled by the runtime and    not run: it comes again after the restart
//	returns an error that says so
//
// [Run] is where this is decided. It is what a mapping calls; a test of a function may call it too.
//
// [Event.AppendJSON] writes the event that Lambda functions know. [Sizer.SizeOf] and [Origin.EnvelopeSize] tell its
// length without writing it.
package invoke
