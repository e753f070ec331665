package invoke

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Destination receives discarded batches. DestinationFunc makes one from a Go function; the packages in the folder
// destination make one from a queue, a topic and a bucket.
//
// Deliver is synchronous, may be called concurrently, and must return soon after ctx is done.
type Destination interface {
	// Deliver delivers f. nil means that the destination has stored it. After an error it may have it or not; the
	// records are then dropped, as on AWS. So Deliver itself must retry errors that are worth a retry.
	Deliver(ctx context.Context, f *Failure) error
}

// ErrDestinationMissing is wrapped by the error of a DestinationChecker whose destination does not exist.
var ErrDestinationMissing = errors.New("invoke: destination does not exist")

// DestinationChecker is a Destination that can report whether it exists. A mapping calls Check when it starts. The
// destinations of the folder destination implement it.
type DestinationChecker interface {
	Destination

	// Check looks up the destination without any effect on it. It returns nil if the destination exists or cannot be
	// looked up at all. It returns an error that wraps ErrDestinationMissing and has the service's words if the
	// destination does not exist, and any other error if that is not known, for example without a permission.
	Check(ctx context.Context) error
}

// DestinationFunc is a destination that is a Go function. The Failure, and everything reachable from it, is read-only.
type DestinationFunc func(ctx context.Context, f *Failure) error

// Deliver calls the function.
func (fn DestinationFunc) Deliver(ctx context.Context, f *Failure) error { return fn(ctx, f) }

// DestinationResolver finds the destination of an ARN, so that a mapping can be configured with the ARN alone. The
// packages in the folder destination have one each, which serves every ARN of its service with one client. A resolver
// that serves fewer, such as those of one account, must come first.
type DestinationResolver interface {
	// Serves reports whether this resolver resolves arn.
	Serves(arn string) bool

	// Resolve returns the destination of arn, or an error that says why there is none. It makes no call: a missing
	// destination shows at the first delivery.
	Resolve(arn string) (Destination, error)
}

// destinations is the folder of the packages that each serve the ARNs of one service.
const destinations = "github.com/shardmill/shardmill/invoke/destination"

// ResolveDestination returns the destination of arn from the first of resolvers that serves it. If none does, the error
// names the package that would.
func ResolveDestination(arn string, resolvers ...DestinationResolver) (Destination, error) {
	for _, r := range resolvers {
		if r != nil && r.Serves(arn) {
			return r.Resolve(arn)
		}
	}
	switch service := serviceOf(arn); service {
	case "sqs", "sns", "s3":
		return nil, fmt.Errorf("invoke: destination %s: no resolver serves it: add %s.Resolver of %s/%[2]s", arn, service, destinations)
	}
	return nil, fmt.Errorf("invoke: destination %s: no resolver serves it, and it is not the ARN of a queue, a topic or a bucket,"+
		" which the packages sqs, sns and s3 of %s serve", arn, destinations)
}

// serviceOf returns the service of an ARN, or nothing.
func serviceOf(arn string) string {
	p := strings.SplitN(arn, ":", 6)
	if len(p) < 6 || p[0] != "arn" {
		return ""
	}
	return p[2]
}
