package invoke

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Destination takes what was given up. DestinationFunc makes one of a Go function; the packages in the folder
// destination make one of a queue, a topic and a bucket.
//
// Deliver is synchronous, may be called by several goroutines at once, and must return soon after ctx is done.
type Destination interface {
	// Deliver hands f over. nil means that the destination has it for good. After an error it may have it or not; the
	// records are then dropped, as on AWS, so whatever is worth another try is tried again within Deliver.
	Deliver(ctx context.Context, f *Failure) error
}

// ErrDestinationMissing is wrapped by the error of a DestinationChecker whose destination does not exist.
var ErrDestinationMissing = errors.New("invoke: destination does not exist")

// DestinationChecker is a Destination that can be asked whether it exists. A mapping asks when it starts; those of the folder
// destination have the method.
type DestinationChecker interface {
	Destination

	// Check asks, without any effect on the destination. It returns nil if the destination exists or cannot be asked, an error
	// that wraps ErrDestinationMissing and has the service's words if it does not exist, and any other error if that is not
	// known, for want of a permission for example.
	Check(ctx context.Context) error
}

// DestinationFunc is a destination of anyone's own. The Failure, and all that it leads to, is read-only.
type DestinationFunc func(ctx context.Context, f *Failure) error

// Deliver calls the function.
func (fn DestinationFunc) Deliver(ctx context.Context, f *Failure) error { return fn(ctx, f) }

// DestinationResolver finds the destination that an ARN names, so that a mapping can be given the ARN alone. The
// packages in the folder destination have one each, which serves every ARN of its service with one client. One that
// serves fewer, such as those of one account, stands before it.
type DestinationResolver interface {
	// Serves reports whether arn is this resolver's to resolve.
	Serves(arn string) bool

	// Resolve returns the destination that arn names, or an error that tells why there can be none. It calls nobody:
	// whether the destination is there shows when it is delivered to.
	Resolve(arn string) (Destination, error)
}

// destinations is the folder of the packages that serve an ARN each, by its service.
const destinations = "github.com/shardmill/shardmill/invoke/destination"

// ResolveDestination returns the destination that arn names, as the first of resolvers that serves it has it. Where none
// does, the error names the package that would.
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
