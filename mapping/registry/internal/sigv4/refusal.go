package sigv4

import (
	"fmt"
	"net/http"
)

// The codes of Refusal, which are AWS's.
const (
	CodeMissing      = "MissingAuthenticationTokenException"
	CodeIncomplete   = "IncompleteSignatureException"
	CodeInvalid      = "InvalidSignatureException"
	CodeUnrecognized = "UnrecognizedClientException"
)

// Refusal is the reason for refusing a request, in AWS's words. It holds no secret, no signature, and nothing of
// Credential.
type Refusal struct {
	// Code is one of the constants: the value of x-amzn-errortype.
	Code string

	// Status is the code of the answer over HTTP: 403.
	Status int

	// Message is the text for the client.
	Message string
}

// Texts of AWS, from public reports.
const (
	textMissing      = "Missing Authentication Token"
	textBoth         = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
	textPair         = "Invalid key=value pair (missing equal-sign) in Authorization header."
	textElements     = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
	textUnrecognized = "The security token included in the request is invalid."
	textMismatch     = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

	// textBody is S3's: other services compute the body's own hash, and answer textMismatch.
	textBody = "The provided 'x-amz-content-sha256' header does not match what was computed."
)

// Texts of our own, for cases that AWS allows, or answers differently.
const (
	textPresigned  = "Signatures in the query string are not supported: sign the request in the Authorization header."
	textTwice      = "The request has more than one Authorization header."
	textTooLong    = "The Authorization header is too long."
	textParamTwice = "The Authorization header has a parameter twice."
	textOrder      = "'SignedHeaders' must be names in lower case, in order, without duplicates."
	textTwoDates   = "The request has more than one date."
	textQuery      = "The query string is malformed."
)

func refuse(code, text string) *Refusal {
	return &Refusal{Code: code, Status: http.StatusForbidden, Message: text}
}

func incomplete(text string) *Refusal { return refuse(CodeIncomplete, text) }

func invalid(text string) *Refusal { return refuse(CodeInvalid, text) }

func invalidf(format string, args ...any) *Refusal { return invalid(fmt.Sprintf(format, args...)) }

// unsigned is the answer when a header of the request should be signed and is not. AWS says so of Host.
func unsigned(header string) *Refusal {
	return invalidf("%s must be a 'SignedHeader' in the AWS Authorization.", header)
}
