// Package httpfunc runs functions over HTTP: Lambda container images, and any server that accepts a POST.
//
//	import httpfunc "github.com/shardmill/shardmill/invoke/http" // named so that net/http keeps its name
//
//	ship, err := httpfunc.New(httpfunc.Config{URL: httpfunc.Emulator("127.0.0.1:9000")}) // docker run -p 9000:8080 IMAGE
//	ship, err := httpfunc.New(httpfunc.Config{URL: "https://tea.example/orders"})
//
// The body is the event as JSON, and the answer is read like a Lambda function's. The headers are those with which
// Lambda passes an event to a runtime: Lambda-Runtime-Aws-Request-Id, which an unchanged retry of a batch keeps,
// Lambda-Runtime-Invoked-Function-Arn, and Lambda-Runtime-Deadline-Ms if the mapping has a FunctionTimeout.
//
// A URL whose path ends like that of Lambda's Invoke API, /2015-03-31/functions/NAME/invocations, counts as an
// emulator. An answer counts as follows:
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
// Where the table has the name of an error, the function did not run: no retry is spent, except for ErrTooLarge. If it
// is unknown whether the function ran, it counts as run, because retries of a record that crashes the server must end.
// For the same reason 502 and 504, which a proxy answers when it lost the function, are function errors; a proxy
// without a backend should answer 503. If a reused connection is lost before a byte of the answer, net/http sends the
// request again on another connection: most likely the server had already closed the first one. So the function may run
// twice for one batch, as with any mapping.
//
// The Runtime Interface Emulator answers 200 to failures as well. Its answer counts as an error document if it is an
// object with an errorMessage or an errorType that is a string, and neither batchItemFailures nor state, or if it is
// the line "Task timed out after …". Mistaking an answer for an error loses nothing; the opposite would. The emulator
// runs one invocation at a time, so a container serves one lane; behind a load balancer there may be many.
//
// ctx ends an invocation; that is the purpose of the mapping's FunctionTimeout. Without it, Invoke waits for a server
// that never answers for as long as its connection lives.
package httpfunc
