// Package sigv4 verifies that a request over HTTP was signed with one of a set of secrets, with AWS Signature Version 4
// in the Authorization header, as every AWS SDK and the aws command do.
//
//	v, err := sigv4.New(sigv4.Config{Keys: map[string]string{"AKIDEXAMPLE": secret}})
//	…
//	if refusal := v.Verify(r, body); refusal != nil {
//		// answer refusal.Status with refusal.Code and refusal.Message
//	}
//
// A signature covers the method, the path, the query, the body, Host, the time, and the headers that it names. Host and
// X-Amz-Date (or Date, without one) must be among these, and so must every X-Amz-… header of the request, because
// otherwise one could be added to it. Only X-Amz-Content-Sha256 need not be, because awscurl does not sign it: it must
// be the body's hash, which is signed. Content-Type need not be signed either; a caller must not let it decide
// anything.
//
// The checks are made in AWS's order, and the answer reports the first failure:
//
//	no Authorization, or one in the query, or both    Missing…, InvalidSignature…
//	the header's form, Credential's, the date's       IncompleteSignatureException
//	older or newer than 5 min                         InvalidSignatureException
//	a header that should be signed, or is missing     InvalidSignatureException
//	date, service and terminator of Credential        InvalidSignatureException
//	an unknown access key                             UnrecognizedClientException
//	the body's hash, and the signature                InvalidSignatureException
//	a session token                                   UnrecognizedClientException
//
// All have status 403, as Lambda's have (Lambda API Reference, "Common Errors"). AWS's texts repeat parts of the
// request: the header or its hash, Credential, and with a wrong signature the canonical request. These parts are
// omitted here, because people put secrets in wrong places, and answers in logs. Texts of our own are marked where they
// are defined.
//
// # Differences from AWS
//
// Any region is accepted: a local endpoint is in none, and a client must name one. It is under the signature like the
// rest of the scope. Keys have no session, so a request with X-Amz-Security-Token is refused, as on AWS with a key of a
// user. Requests that are signed in the query (presigned), and SigV4a, are refused.
//
// The path is used in its form on the wire and escaped once more, as for all services but S3. It is not normalised: one
// with "//" or "/../" in it, which a client may have signed in its short form, is refused. No operation has such a
// path. The order of several values of one name in the query may change, because they are signed in order; no operation
// of Lambda depends on it. A server may remove a prefix with http.StripPrefix before it verifies; any other rewriting
// is refused.
//
// A request that is repeated within the 5 min is valid again, here as on AWS. Use TLS against those who can read the
// network.
//
// The canonical request is built here and not by the SDK's signer. The signer adds X-Amz-Date to the signed headers,
// omits User-Agent, Expect, X-Amzn-Trace-Id and a Content-Length of 0 whatever SignedHeaders says, and keeps a derived
// key for each region for ever. Tests compare both.
package sigv4
