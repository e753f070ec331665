// Package httpfunc runs functions behind HTTP: Lambda container images, and anything that takes a POST.
//
//	import httpfunc "github.com/shardmill/shardmill/invoke/http" // named so that net/http keeps its name
//
//	ship, err := httpfunc.New(httpfunc.Config{URL: httpfunc.Emulator("127.0.0.1:9000")}) // docker run -p 9000:8080 IMAGE
//	ship, err := httpfunc.New(httpfunc.Config{URL: "https://tea.example/orders"})
//
// The body is the event as JSON, and the answer is read like a Lambda function's. The headers are those with which Lambda
// hands an event to a runtime: Lambda-Runtime-Aws-Request-Id, which an unchanged retry of a batch keeps,
// Lambda-Runtime-Invoked-Function-Arn, and Lambda-Runtime-Deadline-Ms if the mapping has a FunctionTimeout.
//
// A URL whose path ends like that of Lambda's Invoke API, /2015-03-31/functions/NAME/invocations, is taken for an
// emulator. What an answer counts as:
//
//	                                       plain URL             emulator
//	2xx                                    success               success
//	2xx with X-Amz-Function-Error          function error        function error
//	2xx with an error document (below)     success               function error
//	3xx, which are not followed            ErrUnavailable        ErrUnavailable
//	400 without a body: emulator is busy   function error        ErrThrottled
//	401, 403                               ErrAccessDenied       ErrAccessDenied
//	404                                    ErrFunctionNotFound   ErrFunctionNotFound
//	413                                    ErrTooLarge           ErrTooLarge
//	429                                    ErrThrottled          ErrThrottled
//	500                                    function error        ErrUnavailable
//	503                                    ErrUnavailable        ErrUnavailable
//	any other status, 502 and 504 as well  function error        function error
//	no connection, request not sent        ErrUnavailable        ErrUnavailable
//	connection lost, or cut off, after it  function error        function error
//	answer over 6,291,556 bytes            function error        function error
//
// The function did not run where the name of an error stands: no retry is spent, but for ErrTooLarge. Where it is unknown
// whether it ran, it counts as run: a record that takes the server down has to come to an end. For the same reason 502
// and 504, which a proxy answers when it lost the function, are function errors; a proxy that has nobody to ask should
// answer 503. A request on a connection that was used before, and that is lost before a byte of the answer, is sent
// again on another one, by net/http: most likely the server had closed it already. So the function may run twice for one
// batch, as with any mapping.
//
// The Runtime Interface Emulator answers 200 to failures as well. There an answer is taken for an error document if it is
// an object with an errorMessage or an errorType that is a string, and neither batchItemFailures nor state, or if it is
// the line "Task timed out after …". To take an answer for an error loses nothing; the other way round would. The
// emulator runs one invocation at a time, so a container is of use for one lane; behind a balancer there may be many.
//
// ctx ends an invocation, which is what FunctionTimeout of the mapping is for: without it a server that never answers is
// waited for as long as its connection lives.
package httpfunc
