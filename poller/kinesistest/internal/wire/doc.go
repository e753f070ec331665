// Package wire reads the requests of the Kinesis API and writes its answers, in AWS JSON 1.1, in CBOR 1.1, and as messages of
// an event stream, letter by letter as the service does. It knows the SDK's types, and nothing of streams: package kinesistest
// decides what an answer says.
//
// A request in CBOR is transcoded to JSON first, so that there is one way to decode a request, with AWS's texts for what is
// malformed. Absent members of an answer are left out, unless Encoder.Nulls asks for the fault of a service that writes null.
package wire
