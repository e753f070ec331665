// Package otelobserver tells OpenTelemetry what a mapping does: metrics with the names that AWS Lambda gives them, and a
// span for each invocation, which the function can continue.
//
//	telemetry, err := otelobserver.New(otelobserver.Config{}) // or with providers of one's own
//	…
//	m, err := mapping.New(telemetry.Instrument(mapping.Config{ … }))
//
// A process with many mappings makes one [Telemetry], and has it instrument the configuration of each.
//
// The metrics have the attributes EventSourceMappingUUID, FunctionName (without a qualifier) and StreamName. A UUID has one
// function at a time and one stream, so that the sums by UUID, or by FunctionName, are what Lambda shows under the dimension of that
// name. [Config.PerShard] adds the ShardId.
//
//	PolledEventCount                         records read; 0 for a read that brought none
//	FilteredOutEventCount                    records that no filter lets through
//	InvokedEventCount                        records sent to the function; a retry counts again
//	FailedInvokeEventCount                   records in failed invocations, or from their first failed item on
//	DroppedEventCount                        records given up that no destination has the document of
//	OnFailureDestinationDeliveredEventCount  records given up whose document was delivered
//
//	Invocations                              runs of the function, those that failed too
//	Errors                                   of these, the ones that ended with a function error
//	Throttles                                invocations refused as too many (invoke.ErrThrottled)
//	DestinationDeliveryFailures              documents that were dropped, since the destination did not take them
//	Duration                                 of the runs, in ms
//	IteratorAge                              age of a batch's last record when its invocation begins, in ms
//
// The last two are histograms, the others counters, which begin at 0 when a shard is opened. A mapping that does not run
// records nothing; a reader of cumulative metrics goes on showing what it had. An invocation that does not count for the
// mapping, since a stop cut it short or the lease was lost, is in none of them.
//
// A poll that brings records makes the span "poll STREAM", which lasts no time: when its records arrived. An invocation
// makes the span "process STREAM", the root of a trace, with a link to each poll between its first record's and its last.
// It is in the function's ctx, and ends with what the mapping makes of the outcome: an error status tells why not all
// records were processed. A function behind HTTP sees it if its http.Client injects the span of a request's ctx.
//
// Nothing is done for each record.
package otelobserver
