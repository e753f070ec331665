package process

import (
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Config says which program runs, and how. Only Command is required.
type Config struct {
	// Command is the program and its arguments: an executable built for Lambda's provided runtimes, a "bootstrap" file,
	// or an interpreter with a script. A name without a slash is looked up on PATH; arguments are relative to Dir.
	Command []string

	// Dir is the function's folder: its working directory, and LAMBDA_TASK_ROOT. Empty means the program's own folder,
	// or this process's working directory for a program that was found on PATH, such as an interpreter.
	Dir string

	// Handler is what the function sees as _HANDLER. Empty means the program's name without its folder.
	Handler string

	// FunctionName is AWS_LAMBDA_FUNCTION_NAME. Empty means the program's name without its folder and extension.
	FunctionName string

	// FunctionVersion is AWS_LAMBDA_FUNCTION_VERSION; empty means "$LATEST".
	FunctionVersion string

	// Region is AWS_REGION and AWS_DEFAULT_REGION; empty leaves both unset.
	Region string

	// MemorySize is AWS_LAMBDA_FUNCTION_MEMORY_SIZE in megabytes, default 128 as on Lambda. It only informs the
	// function: see MemoryLimit.
	MemorySize int

	// Environment are the function's own variables. Of this process's variables it sees only those that describe the
	// machine: the package comment lists them. Variables that the package sets from other fields are refused.
	Environment map[string]string

	// Credentials are the credentials of the function's AWS SDK, which gets them from a container credentials endpoint
	// and renews them by itself. They are retrieved once for each request of a process: an aws.CredentialsCache fits.
	// With nil the function gets none, not even this process's own. It stays the caller's.
	Credentials aws.CredentialsProvider

	// MaxProcesses bounds the processes, and with them the concurrent invocations: 1 to 10,000, default 10, which is
	// the most that one shard can use. Set it to the number of shards times ParallelizationFactor. Further invocations
	// wait for a process; if their ctx ends before that, they have not run (invoke.ErrThrottled).
	MaxProcesses int

	// IdleTimeout is how long a process may wait for an invocation before it is stopped: default 5 min, at least 1 ms.
	IdleTimeout time.Duration

	// InitTimeout is how long a process may take until it requests its first invocation: default 10 s as on Lambda, at
	// least 1 ms.
	InitTimeout time.Duration

	// MemoryLimit bounds the memory of each process of the function in bytes: its private writable mappings
	// (RLIMIT_DATA), which is somewhat more than what it uses. Beyond it allocations fail, which ends most programs. 0
	// means none. It is supported on Linux only, and needs /bin/sh: elsewhere New refuses it. At least 16 MiB.
	MemoryLimit int64

	// OutputRate bounds the logged output of the function, in bytes per second over all of its processes: default 256
	// KiB; -1 means no bound. After a silence, up to four seconds' worth may be logged together. Excess lines are
	// omitted, and a warning says, at most once a second, how many lines and bytes they were.
	OutputRate int

	// Logger gets the function's output, and a line for each process that ends with a failure. nil means
	// slog.Default().
	Logger *slog.Logger
}

// Defaults and bounds.
const (
	defaultVersion      = "$LATEST"
	defaultMemorySize   = 128
	defaultMaxProcesses = 10
	defaultIdleTimeout  = 5 * time.Minute
	defaultInitTimeout  = 10 * time.Second
	defaultOutputRate   = 256 << 10

	maxProcesses     = 10_000
	leastMemoryLimit = 16 << 20 // a shell that starts the program must fit
)

// withDefaults returns the configuration with every field set.
func (c Config) withDefaults() Config {
	c.Command = slices.Clone(c.Command)
	if len(c.Command) > 0 {
		name := filepath.Base(c.Command[0])
		c.Handler = orElse(c.Handler, name)
		c.FunctionName = orElse(c.FunctionName, strings.TrimSuffix(name, filepath.Ext(name)))
	}
	c.FunctionVersion = orElse(c.FunctionVersion, defaultVersion)
	c.MemorySize = orElse(c.MemorySize, defaultMemorySize)
	c.MaxProcesses = orElse(c.MaxProcesses, defaultMaxProcesses)
	c.IdleTimeout = orElse(c.IdleTimeout, defaultIdleTimeout)
	c.InitTimeout = orElse(c.InitTimeout, defaultInitTimeout)
	c.OutputRate = orElse(c.OutputRate, defaultOutputRate)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// check returns all violations of a configuration that has its defaults.
func (c *Config) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("process: "+format, args...)) }
	if len(c.Command) == 0 {
		wrong("Command is empty, must name a program")
	}
	if c.MemorySize < 1 {
		wrong("MemorySize is %d, must be at least 1", c.MemorySize)
	}
	if c.MaxProcesses < 1 || c.MaxProcesses > maxProcesses {
		wrong("MaxProcesses is %d, must be between 1 and %d", c.MaxProcesses, maxProcesses)
	}
	if c.IdleTimeout < time.Millisecond {
		wrong("IdleTimeout is %s, must be at least 1ms", c.IdleTimeout)
	}
	if c.InitTimeout < time.Millisecond {
		wrong("InitTimeout is %s, must be at least 1ms", c.InitTimeout)
	}
	if c.OutputRate < -1 {
		wrong("OutputRate is %d, must be at least -1", c.OutputRate)
	}
	switch {
	case c.MemoryLimit == 0:
	case c.MemoryLimit < leastMemoryLimit:
		wrong("MemoryLimit is %d, must be at least %d", c.MemoryLimit, leastMemoryLimit)
	case !canLimitMemory():
		wrong("MemoryLimit is %d, must be 0 on %s without a %s", c.MemoryLimit, runtime.GOOS, shell)
	}
	errs = append(errs, c.checkEnvironment())
	return errors.Join(errs...)
}

// locate makes the program's path and the folder absolute.
func (c *Config) locate() error {
	named := strings.ContainsRune(filepath.ToSlash(c.Command[0]), '/')
	path, err := exec.LookPath(c.Command[0])
	if err != nil {
		return fmt.Errorf("process: Command is %q: %w", c.Command[0], err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return fmt.Errorf("process: Command is %q: %w", c.Command[0], err)
	}
	c.Command[0] = path
	if c.Dir == "" && named {
		c.Dir = filepath.Dir(path)
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return fmt.Errorf("process: Dir: %w", err)
	}
	return nil
}
