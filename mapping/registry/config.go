package registry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/role"
)

// Config configures a Registry. Functions must be set.
type Config struct {
	// Functions finds the function of an ARN: a FunctionMap, or the host's own resolver. It is called when a mapping is
	// created or gets another function, and each time it is started.
	Functions FunctionResolver

	// Client reads the streams of functions without a Client of their own.
	Client poller.Client

	// DestinationResolvers make a destination from an ARN, for functions without resolvers of their own.
	DestinationResolvers []invoke.DestinationResolver

	// Store keeps the progress of all mappings. It stays the caller's. nil means memory.
	Store driver.Store

	// Definitions keeps the definitions. nil means Store, which must then be a driver.DefinitionStore; those of
	// shardmill are. Store forgets a deleted mapping, if it has the method Forget of a driver.DefinitionStore,
	// otherwise Definitions does.
	Definitions driver.DefinitionStore

	// Configure can change the configuration of a mapping, for settings that the API does not have: a Budget, an
	// Observer, a DrainTimeout. It is called, concurrently, each time the mapping is started, and for each Create and
	// Update, to check the result. It must not change the settings that are in Configuration. nil changes nothing.
	Configure func(c Configuration, m *mapping.Config)

	// Admit can refuse a Create, and an Update that changes the function or the destination. For example, it may ask
	// IAM whether the role may write to the destination (package role/simulate). Its error is the answer: a
	// *role.AccessError in AWS's words, an *Error unchanged, any other as a ServiceException. nil admits all.
	Admit func(ctx context.Context, c Configuration, f Function) error

	// PollInterval is the interval of checks for changes by other processes: 100 ms to 1 min, default 1 s.
	PollInterval time.Duration

	// Credentials are the access keys, with their secrets, that may sign requests to Handler.
	Credentials map[string]string

	// AllowUnsigned makes Handler serve every request, signed or not. Without it and without Credentials it refuses
	// all.
	AllowUnsigned bool

	// Logger gets changes of state. nil means slog.Default().
	Logger *slog.Logger
}

// FunctionResolver finds functions.
type FunctionResolver interface {
	// ResolveFunction returns the function of an ARN,
	// "arn:aws:lambda:us-east-1:123456789012:function:ship-orders:prod", whose qualifier is the mapping's, if any.
	// ErrNoFunction, wrapped or plain, says that it does not exist; any other error, that this is not known now. It
	// must be safe for concurrent use.
	ResolveFunction(ctx context.Context, arn string) (Function, error)
}

// FunctionResolverFunc is a function that is a FunctionResolver.
type FunctionResolverFunc func(ctx context.Context, arn string) (Function, error)

// ResolveFunction implements FunctionResolver.
func (f FunctionResolverFunc) ResolveFunction(ctx context.Context, arn string) (Function, error) {
	return f(ctx, arn)
}

// ErrNoFunction says that no function has the ARN. Test for it with errors.Is.
var ErrNoFunction = errors.New("registry: function does not exist")

// Function is what a mapping invokes, with the role for it.
type Function struct {
	// Invoker is invoked. Required.
	Invoker invoke.Invoker

	// Role is the execution role, and Client the client that reads as it. nil means no permission checks, and
	// Config.Client.
	Role   *role.Provider
	Client poller.Client

	// DestinationResolvers make a destination from an ARN. nil means those of Config.
	DestinationResolvers []invoke.DestinationResolver

	// Timeout is the mapping's FunctionTimeout. 0 means none.
	Timeout time.Duration
}
