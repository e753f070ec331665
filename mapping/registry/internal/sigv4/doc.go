// Package sigv4 tells whether a request over HTTP was signed by someone who has one of a set of secrets, with AWS Signature
// Version 4 in the Authorization header: what every AWS SDK and the aws command send.
//
//	v, err := sigv4.New(sigv4.Config{Keys: map[string]string{"AKIDEXAMPLE": secret}})
//	…
//	if refusal := v.Verify(r, body); refusal != nil {
//		// answer refusal.Status with refusal.Code and refusal.Message
//	}
//
// A signature covers the method, the path, the query, the body, Host, the time, and the headers that it names. Host and
// X-Amz-Date (or Date, without one) must be among these, and so must every X-Amz-… header of the request, else one could
// be added to it. X-Amz-Content-Sha256 alone need not, for awscurl does not sign it: it must be the body's hash, which is
// signed. Content-Type need not be signed either; a caller must not let it decide anything.
//
// The checks are made in AWS's order, and the first that fails is answered:
//
//	no Authorization, or one in the query, or both    Missing…, InvalidSignature…
//	the header's form, Credential's, the date's       IncompleteSignatureException
//	older or newer than 5 min                         InvalidSignatureException
//	a header that should be signed, or is missing     InvalidSignatureException
//	date, service and terminator of Credential        InvalidSignatureException
//	an access key that nobody has                     UnrecognizedClientException
//	the body's hash, and the signature                InvalidSignatureException
//	a session token                                   UnrecognizedClientException
//
// All have status 403, as Lambda's have (Lambda API Reference, "Common Errors"). AWS's texts repeat what was sent:
// the header or its hash, Credential, and with a wrong signature the canonical request. These parts are left out here,
// because people put secrets in wrong places, and answers in logs. The texts that are ours are marked where they stand.
//
// # What is like AWS, and what is not
//
// Any region will do: a local endpoint is in none, and a client has to name one. It is under the signature like all of the
// scope. Keys have no session, so a request with X-Amz-Security-Token is refused, as on AWS with a key of a user.
// Requests that are signed in the query (presigned), and SigV4a, are refused.
//
// The path is taken as it is on the wire and escaped once more, as for all services but S3. It is not normalised: one
// with "//" or "/../" in it, which a client may have signed in its short form, is refused. No operation has such a path.
// The values of one name in the query may change places, for they are signed in order; none of Lambda's depends on theirs.
// A server may take a prefix off it with http.StripPrefix before it verifies; any other rewriting is refused.
//
// A request that is sent again within the 5 min is as good as the first time, here as on AWS. Against those who can
// read what is sent there is TLS.
//
// The canonical request is built here and not by the SDK's signer, which adds X-Amz-Date to what it signs, leaves out
// User-Agent, Expect, X-Amzn-Trace-Id and a Content-Length of 0 whatever SignedHeaders says, and keeps a derived key for
// each region that it is asked about, for ever. Tests compare both.
package sigv4
