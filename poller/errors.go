package poller

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// Error is a call to Kinesis that failed. It loses nothing: the next call of the same method resumes at the same place.
type Error struct {
	// Op is the call in words: "list shards", "get shard iterator", "get records", "subscribe to shard".
	Op string

	// Shard is the shard's ID, empty for "list shards".
	Shard string

	// Class says what to do.
	Class Class

	// Err is the Client's error, or the time-out of the call.
	Err error
}

// Error returns the operation and the cause.
func (e *Error) Error() string {
	if e.Shard == "" {
		return fmt.Sprintf("poller: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("poller: shard %s: %s: %v", e.Shard, e.Op, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Class sorts errors by what to do next. For every class, calling again is safe: a Reader waits by itself before its
// next request.
type Class uint8

// The classes.
const (
	// Retry is a transient or unknown error: call again.
	Retry Class = iota
	// Throttled is a limit of the service: call again. Other shards or consumers may share the limit.
	Throttled
	// Renew is an iterator or a token that keeps expiring after renewal: call again.
	Renew
	// ShardGone is a shard that the service does not have. When the stream is gone, the service says so for every
	// shard. Give up a shard only when Shards succeeds and no longer lists it.
	ShardGone
	// StreamGone is a stream, or a consumer of it, that does not exist. The stream may be recreated; at start-up this
	// error is fatal, later it is retried.
	StreamGone
	// Denied is a missing permission, or missing or invalid credentials or keys. At start-up this error is fatal, later
	// it is retried.
	Denied
	// Stop is a request that the service refuses as invalid. Calling again fails again, until the request changes.
	Stop
)

// String returns the class in the form for logs.
func (c Class) String() string {
	names := [...]string{"retry", "throttled", "renew", "shard gone", "stream gone", "denied", "stop"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// MarshalText returns the class in the form for logs, so that JSON contains it instead of a number.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// classes is the only table from an error's code to a Class. A code that is not here is Retry. The codes are those of
// the Kinesis API reference, with its common errors, and of the AWS SDKs' list of throttling codes.
var classes = map[string]Class{
	"BandwidthLimitExceeded":                 Throttled,
	"KMSThrottlingException":                 Throttled,
	"LimitExceededException":                 Throttled,
	"PriorRequestNotComplete":                Throttled,
	"ProvisionedThroughputExceededException": Throttled,
	"RequestLimitExceeded":                   Throttled,
	"RequestThrottled":                       Throttled,
	"RequestThrottledException":              Throttled,
	"SlowDown":                               Throttled,
	"ThrottledException":                     Throttled,
	"Throttling":                             Throttled,
	"ThrottlingException":                    Throttled,
	"TooManyRequestsException":               Throttled,

	// Of a subscription: it was requested within 5 s of another, another has taken it over, or its consumer is still
	// being created.
	"ResourceInUseException": Retry,

	"ExpiredIteratorException":  Renew,
	"ExpiredNextTokenException": Renew,

	"ResourceNotFoundException": StreamGone, // for a call on a shard: ShardGone, unless a subscription lacks its consumer

	"AccessDenied":                        Denied,
	"AccessDeniedException":               Denied,
	"ExpiredToken":                        Denied,
	"ExpiredTokenException":               Denied,
	"IncompleteSignature":                 Denied,
	"InvalidClientTokenId":                Denied,
	"InvalidSignatureException":           Denied,
	"KMSAccessDeniedException":            Denied,
	"KMSDisabledException":                Denied,
	"KMSInvalidStateException":            Denied,
	"KMSNotFoundException":                Denied,
	"KMSOptInRequired":                    Denied,
	"MissingAuthenticationToken":          Denied,
	"MissingAuthenticationTokenException": Denied,
	"NotAuthorized":                       Denied,
	"OptInRequired":                       Denied,
	"SignatureDoesNotMatch":               Denied,
	"UnrecognizedClientException":         Denied,
	"InvalidAccessKeyId":                  Denied,

	"InvalidArgumentException":  Stop,
	"InvalidParameterValue":     Stop,
	"SerializationException":    Stop,
	"UnknownOperationException": Stop,
	"ValidationError":           Stop,
	"ValidationException":       Stop,
}

// Classify returns what to do about an error of a Source or a Reader, however it is wrapped. An unknown error is Retry:
// another request never loses a record.
func Classify(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return classes[e.ErrorCode()]
	}
	if _, ok := errors.AsType[smithy.InvalidParamsError](err); ok {
		return Stop
	}
	return Retry
}
