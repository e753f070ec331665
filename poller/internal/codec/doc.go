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
// escape, a null, an unknown or repeated member, a number out of the ordinary, bytes after the end) is no error here:
// the SDK decodes the body as if this package were not there, so that no answer is read in a way that the SDK would not.
//
// No record shares memory with the pooled body: data and strings are copied out into blocks that belong to the page
// alone. Data has no spare capacity, so that an append to it cannot reach its neighbour.
package codec
