package poller

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// Error is a call to Kinesis that failed. Nothing is lost by one: the next call of the same method goes on from the
// same place.
type Error struct {
	// Op is the call in words: "list shards", "get shard iterator", "get records", "subscribe to shard".
	Op string

	// Shard is the shard's ID, empty for "list shards".
	Shard string

	// Class tells what to do.
	Class Class

	// Err is what the Client returned, or the time-out of the call.
	Err error
}

// Error says where and why.
func (e *Error) Error() string {
	if e.Shard == "" {
		return fmt.Sprintf("poller: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("poller: shard %s: %s: %v", e.Shard, e.Op, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Class sorts errors by what to do next. Whatever the class, calling again is safe: a Reader waits by itself
// before it asks the service once more.
type Class uint8

// The classes.
const (
	// Retry is a passing error, or one that nobody knows: call again.
	Retry Class = iota
	// Throttled is a limit of the service: call again. Shards and consumers that share the limit may be the reason.
	Throttled
	// Renew is an iterator or a token that has expired, and expired again each time it was renewed: call again.
	Renew
	// ShardGone is a shard that the service says it does not have. It says so of every shard when the stream is gone:
	// a shard is given up only when Shards succeeds and no longer lists it.
	ShardGone
	// StreamGone is a stream, or a consumer of it, that is not there. Someone may make it again: fatal in starting,
	// retried in running.
	StreamGone
	// Denied is a lack of permission, of valid credentials or of a usable key. Someone may grant it: fatal in starting,
	// retried in running.
	Denied
	// Stop is a request that the service refuses as it stands. Calling again brings the same,
	// until someone changes what is asked for.
	Stop
)

// String returns the class as logs show it.
func (c Class) String() string {
	names := [...]string{"retry", "throttled", "renew", "shard gone", "stream gone", "denied", "stop"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// MarshalText returns the class as logs show it, so that JSON has it in place of a number.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// classes is the one place where an error's code becomes a Class. A code that is not here is Retry.
// The codes are those of the Kinesis API reference, with its common errors, and of the AWS SDKs' list of throttling codes.
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

	// Of a subscription: it comes within 5 s of another, another has taken it over, or its consumer is still being made.
	"ResourceInUseException": Retry,

	"ExpiredIteratorException":  Renew,
	"ExpiredNextTokenException": Renew,

	"ResourceNotFoundException": StreamGone, // of a call on a shard: ShardGone, unless a subscription lacks its consumer

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

// Classify tells what to do about an error of a Source or a Reader, however it is wrapped. Of an error that it does not
// know it says Retry: to ask once more never loses a record.
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
