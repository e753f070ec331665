// Package codec reads the answers of GetRecords several times faster than the AWS SDK's own decoder.
//
// A [Protocol] stands before the SDK's protocol in kinesis.Options. It takes over the successful answers of GetRecords,
// and in CBOR the requests and the errors as well; everything else (signing, endpoints, retries, other operations)
// stays the SDK's:
//
//	body ── pooled, read piece by piece ──▶ one pass ──▶ data:    blocks of bytes, base64 decoded
//	                                           │         strings: blocks of text
//	                                           │         records: one slice
//	                                           └─ anything unexpected ──▶ the same body to the SDK's decoder
//
// The one pass knows the form that Kinesis sends, in any order of members and with spaces. Whatever else comes (an
// escape, a null, an unknown member, a number out of the ordinary) is no error here: the SDK decodes the body as if this
// package were not there, so that no answer is read in a way that the SDK would not.
//
// What the SDK would take although it is no answer is an error, of every operation and of the events of a subscription
// ([Events]): a body that is not one whole JSON object, an answer of GetRecords without records, a time that is not one.
// A panic of the SDK's decoder is an error too.
//
// No record shares memory with the pooled body: data and strings are copied out into blocks that belong to the page
// alone. Data has no spare capacity, so that an append to it cannot reach its neighbour.
package codec
