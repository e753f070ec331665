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
// Each invocation is one call of Invoke with RequestResponse. The client needs lambda:InvokeFunction on the function, and
// on its version or alias if it is invoked by one. (AWS's own mappings need no such permission.) The function sees the
// request ID that AWS gave to the call, another one with each retry.
//
// What an invocation comes to, and what it counts as:
//
//	200                                              success
//	200 with FunctionError Handled or Unhandled      function error, with the error document
//	TooManyRequestsException and other throttling    not run: invoke.ErrThrottled
//	ResourceNotFoundException, 404                   not run: invoke.ErrFunctionNotFound
//	AccessDeniedException, bad credentials, 401, 403 not run: invoke.ErrAccessDenied
//	RequestTooLargeException, 413, over PayloadLimit did not run, but spends a retry: invoke.ErrTooLarge
//	InvalidRequestContentException                   function error: only another batch can help
//	any other error of the API, 5xx among them       not run: invoke.ErrUnavailable
//	no connection, no credentials, request not sent  not run: invoke.ErrUnavailable
//	connection lost after the request was sent       function error: it may have run
//
// The last row is a choice. AWS's mapping has no such connection to lose. It tries without end what went wrong before an
// invocation, and counts what went wrong during one; a request that was sent is an invocation as far as anyone here can
// tell. A function that outlives a firewall's patience would else be run again for ever. One exception: a connection that
// had been used before, and is lost before a byte of the answer, most likely was closed when the request came, so that it
// is sent once more. Either way the function may run twice for one batch, as with any mapping.
//
// The client's own retries are off for these calls: when to try again is the mapping's decision, at whose pace
// throttling eases. Its timeouts have to be longer than the function's. The SDK's default client has none for the answer,
// and ctx ends the call: FunctionTimeout of the mapping is best a few seconds above the function's own timeout, which AWS
// enforces and reports. That client keeps 10 idle connections; with more lanes than that (shards times
// ParallelizationFactor) give it more, so that not each invocation needs a new one:
//
//	lambda.NewFromConfig(awsConfig, func(o *lambda.Options) {
//		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 100 })
//	})
//
// While the Logger is enabled for Debug, the last 4 kB of the function's log are asked for, and logged.
package lambda
