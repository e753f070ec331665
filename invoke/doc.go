// Package invoke runs a function on a batch of records and reports its outcome.
//
// A function is any type with the one method of [Invoker]. [Func] makes one from a Go function; the packages below this
// one make one from a Lambda handler and from functions in other processes:
//
//	invoke.Func           func(ctx, *invoke.Event) error
//	invoke.ResponseFunc   func(ctx, *invoke.Event) (*invoke.Response, error)
//	lambdago.Func, …      func(ctx, events.KinesisEvent) error and similar, without JSON
//	lambdago.Bytes        Invoke(ctx, []byte) ([]byte, error), such as lambda.NewHandler returns
//	lambda.New            a function on AWS Lambda, through the API
//	httpfunc.New          a Lambda container image, or any URL that accepts a POST (in the folder http)
//
// Package invoketest checks that an Invoker of your own keeps the contract.
//
// What a function does, and how it counts:
//
//	returns nil                        success
//	returns a *FailedItemsError        success except for the items it names, under ReportBatchItemFailures;
//	                                   without that a function error like any other
//	returns another error              function error
//	panics, or calls runtime.Goexit    function error; the stack is logged
//	exceeds its timeout                function error, whatever it then returns, as on AWS
//	could not be run (ErrNotRun)       not run: retried, without spending a retry
//	is cancelled by the runtime and    not run: delivered again after the restart
//	returns an error that says so
//
// [Run] decides this. A mapping calls it; a test of a function may call it too.
//
// [Event.AppendJSON] writes the event in the form that Lambda functions expect. [Sizer.SizeOf] and
// [Origin.EnvelopeSize] return its length without writing it.
package invoke
