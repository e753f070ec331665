// Package lambdago runs handlers written for aws-lambda-go, unmodified, as functions of a mapping.
//
//	lambdago.Func(handle)                        func(ctx, events.KinesisEvent) error
//	lambdago.ResponseFunc(handle)                func(ctx, events.KinesisEvent) (events.KinesisEventResponse, error)
//	lambdago.WindowFunc(handle)                  the same with tumbling windows (events.KinesisTimeWindowEvent)
//	lambdago.Bytes(lambda.NewHandler(handle))    any other handler, through JSON
//
// The first three do not use JSON. The handler owns its event: the records' data are copied, in one allocation per
// batch.
//
// A handler's ctx has the invocation's deadline, and a lambdacontext.LambdaContext with AwsRequestID, which an
// unchanged retry of a batch keeps, and InvokedFunctionArn. The package variables of lambdacontext, such as
// FunctionName and MemoryLimitInMB, are not set: they belong to the process, which may run many functions.
// lambdacontext reads them from the environment (AWS_LAMBDA_FUNCTION_NAME and so on) when the process starts.
//
// A handler that returns messages.InvokeResponse_Error chooses the errorMessage and errorType of its error document, as
// on Lambda.
package lambdago
