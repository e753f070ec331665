// Package lambda runs functions on AWS Lambda, through the API.
//
//	import (
//		"github.com/aws/aws-sdk-go-v2/service/lambda"
//		onlambda "github.com/shardmill/shardmill/invoke/lambda"
//	)
//
//	ship, err := onlambda.New(lambda.NewFromConfig(awsConfig), onlambda.Config{}) // the mapping's FunctionName
//	ship, err := onlambda.New(client, onlambda.Config{FunctionName: "ship-orders:PROD"})
//
// Each invocation is one call of Invoke with RequestResponse. The client needs lambda:InvokeFunction on the function,
// and on its version or alias if it is invoked by one. (AWS's own mappings need no such permission.) The function sees
// the request ID that AWS assigns to the call, a new one with each retry.
//
// An invocation counts as follows:
//
//	200                                              success
//	200 with FunctionError Handled or Unhandled      function error, with the error document
//	TooManyRequestsException and other throttling    not run: invoke.ErrThrottled
//	ResourceNotFoundException, 404                   not run: invoke.ErrFunctionNotFound
//	AccessDeniedException, bad credentials, 401, 403 not run: invoke.ErrAccessDenied
//	RequestTooLargeException, 413, over PayloadLimit did not run, but spends a retry: invoke.ErrTooLarge
//	InvalidRequestContentException                   function error: only another batch can help
//	any other error of the API, such as 5xx          not run: invoke.ErrUnavailable
//	no connection, no credentials, request not sent  not run: invoke.ErrUnavailable
//	connection lost after the request was sent       function error: it may have run
//
// The last row is a choice. AWS's mapping has no such connection to lose. It retries failures before an invocation
// without end, and counts failures during one; a request that was sent counts as an invocation here. Otherwise a
// function that runs for longer than a firewall keeps the connection would be run again for ever. There is one
// exception: if a reused connection is lost before a byte of the answer, it was most likely closed when the request was
// sent, so the request is sent once more. Either way the function may run twice for one batch, as with any mapping.
//
// The client's own retries are off for these calls: the mapping decides when to retry, and sets the pace at which
// throttling eases. The client's timeouts must be longer than the function's. The SDK's default client has none for the
// answer, and ctx ends the call. The mapping's FunctionTimeout is best a few seconds above the function's own timeout,
// which AWS enforces and reports. That client keeps 10 idle connections. With more lanes than that (shards times
// ParallelizationFactor), raise the number, so that not each invocation needs a new connection:
//
//	lambda.NewFromConfig(awsConfig, func(o *lambda.Options) {
//		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 100 })
//	})
//
// While the Logger is enabled for Debug, the last 4 kB of the function's log are requested and logged.
package lambda
