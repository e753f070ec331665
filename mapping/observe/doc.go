// Package observe has the callbacks for the events of a mapping: an [Observer] in mapping.Config.Observer is to a
// mapping what a net/http/httptrace.ClientTrace is to an HTTP request. It is for metrics, traces and tests.
//
// For one shard the events come in this order, Committed concurrently with the others:
//
//	ShardOpened
//	  Polled …                 each read; Trimmed if retention has passed the position
//	    Invoking, Invoked …    each invocation; Invoked.Step is its effect on the batch
//	    TooLarge, Discarded …  records that the function does not get, or that were given up
//	  Committed …              each write of the shard's progress
//	ShardClosed
//
// Package mapping/otelobserver makes OpenTelemetry's metrics and spans of them. mapping.Status has the state of a
// mapping without callbacks.
package observe
