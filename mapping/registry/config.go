package registry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/role"
)

// Config is what a Registry is made of. Functions must be set.
type Config struct {
	// Functions finds the function of an ARN: a FunctionMap, or the host's own way. It is asked when a mapping is created or
	// given another function, and each time it is started.
	Functions FunctionResolver

	// Client reads the streams of functions that have no Client of their own.
	Client poller.Client

	// DestinationResolvers make a destination of an ARN, for functions that have none of their own.
	DestinationResolvers []invoke.DestinationResolver

	// Store keeps the progress of all mappings. It stays the caller's. nil means memory.
	Store mapping.Store

	// Definitions keeps the definitions. nil means Store, which must then be a mapping.DefinitionStore; those of shardmill
	// are. What a deleted mapping stored is forgotten by Store, if it has the method Forget of a mapping.DefinitionStore, else
	// by Definitions.
	Definitions mapping.DefinitionStore

	// Configure has the last word on the configuration that a mapping runs with, for what the API has no name for: a Budget,
	// an Observer, a DrainTimeout. It is called each time the mapping is started, and for each Create and Update, to check what
	// comes of it; by several goroutines. It must leave alone what is in Configuration. nil means that nothing is added.
	Configure func(c Configuration, m *mapping.Config)

	// Admit has a say in what is created, and in updates that change the function or the destination: it may ask IAM whether
	// the role may write to the destination (package role/simulate). Its error is why the change is refused: a
	// *role.AccessError in AWS's words, an *Error as it is, any other as a ServiceException. nil admits all.
	Admit func(ctx context.Context, c Configuration, f Function) error

	// PollInterval is how often it is asked whether another process has changed a definition: 100 ms to 1 min, default 1 s.
	PollInterval time.Duration

	// Credentials are the access keys, with their secrets, that requests to Handler may be signed with.
	Credentials map[string]string

	// AllowUnsigned lets Handler serve everybody who reaches it, signed or not. Without it and without Credentials it serves
	// nobody.
	AllowUnsigned bool

	// Logger is told of changes of state. nil means slog.Default().
	Logger *slog.Logger
}

// FunctionResolver finds functions.
type FunctionResolver interface {
	// ResolveFunction returns the function of an ARN, "arn:aws:lambda:us-east-1:123456789012:function:ship-orders:prod", in
	// which the qualifier is the one that the mapping was given, if any. ErrNoFunction, wrapped or plain, tells that there
	// is none; any other error, that this can't be told now. It may be called by several goroutines.
	ResolveFunction(ctx context.Context, arn string) (Function, error)
}

// FunctionResolverFunc is a function that is a FunctionResolver.
type FunctionResolverFunc func(ctx context.Context, arn string) (Function, error)

// ResolveFunction implements FunctionResolver.
func (f FunctionResolverFunc) ResolveFunction(ctx context.Context, arn string) (Function, error) {
	return f(ctx, arn)
}

// ErrNoFunction tells that there is no function of an ARN. Test for it with errors.Is.
var ErrNoFunction = errors.New("registry: function does not exist")

// Function is what a mapping invokes, and what it acts as while it does.
type Function struct {
	// Invoker is invoked. Required.
	Invoker invoke.Invoker

	// Role is the execution role, and Client the client that reads as it. nil means that nobody asks for permissions,
	// and Config.Client.
	Role   *role.Provider
	Client poller.Client

	// DestinationResolvers make a destination of an ARN. nil means those of Config.
	DestinationResolvers []invoke.DestinationResolver

	// Timeout is the mapping's FunctionTimeout. 0 means none.
	Timeout time.Duration
}
