// Package codec decodes the answers of GetRecords several times faster than the AWS SDK.
//
// A [Protocol] wraps the SDK's protocol in kinesis.Options. It handles the successful answers of GetRecords, and in
// CBOR the requests and the errors as well; everything else (signing, endpoints, retries, other operations) stays the
// SDK's:
//
//	body ── pooled, read piece by piece ──▶ one pass ──▶ data:    blocks of bytes, base64 decoded
//	                                           │         strings: blocks of text
//	                                           │         records: one slice
//	                                           └─ anything unexpected ──▶ the same body to the SDK's decoder
//
// The one pass handles the form that Kinesis sends, in any order of members and with spaces. Anything else (an escape,
// a null, an unknown member, an unusual number) is not an error: the SDK decodes the body as if this package were not
// there, so that no answer is read differently from the SDK.
//
// Invalid answers that the SDK would accept are errors, of every operation and of the events of a subscription
// ([Events]): a body that is not one whole JSON object, an answer of GetRecords without records, an invalid time. A
// panic of the SDK's decoder is an error too.
//
// No record shares memory with the pooled body: data and strings are copied into blocks that belong to the page alone.
// Data has no spare capacity, so that an append to it cannot reach its neighbour.
package codec
