// Package otelobserver exports to OpenTelemetry what a mapping does: metrics with AWS Lambda's names, and a span for
// each invocation, which the function can continue.
//
//	telemetry, err := otelobserver.New(otelobserver.Config{}) // or with your own providers
//	…
//	m, err := mapping.New(telemetry.Instrument(mapping.Config{ … }))
//
// A process with many mappings makes one [Telemetry], and instruments the configuration of each.
//
// The metrics have the attributes EventSourceMappingUUID, FunctionName (without a qualifier) and StreamName. A UUID has
// one function at a time and one stream, so that the sums by UUID, or by FunctionName, are what Lambda shows under the
// dimension of that name. [Config.PerShard] adds the ShardId.
//
//	PolledEventCount                         records read; 0 for an empty read
//	FilteredOutEventCount                    records that no filter matches
//	InvokedEventCount                        records sent to the function; a retry counts again
//	FailedInvokeEventCount                   records in failed invocations, or from their first failed item on
//	DroppedEventCount                        records discarded without being delivered to a destination
//	OnFailureDestinationDeliveredEventCount  records discarded and delivered
//
//	Invocations                              runs of the function, including failed ones
//	Errors                                   runs that ended with a function error
//	Throttles                                invocations refused by throttling (invoke.ErrThrottled)
//	DestinationDeliveryFailures              documents that were dropped, because the destination refused them
//	Duration                                 of the runs, in ms
//	IteratorAge                              age of a batch's last record when its invocation begins, in ms
//
// The last two are histograms, the others counters, which begin at 0 when a shard is opened. A stopped mapping records
// nothing; a reader of cumulative metrics continues to show the last values. An invocation that does not count for the
// mapping, because a stop cut it short or the lease was lost, is in none of them.
//
// A poll that returns records makes the span "poll STREAM", without a duration, at the time at which its records
// arrived. An invocation makes the span "process STREAM", the root of a trace, with a link to each poll between its
// first record's and its last. It is in the function's ctx, and ends when the mapping settles the outcome: an error
// status says why not all records were processed. A function over HTTP sees it if its http.Client injects the span of a
// request's ctx.
//
// There is no work per record.
package otelobserver
