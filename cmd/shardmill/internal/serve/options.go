package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/shardmill/shardmill/cmd/shardmill/internal/cli"
)

// options are the flags of the command. None of them is a secret, because other users of this machine see the flags of a program.
type options struct {
	config, data         string
	listen, streamListen string
	admin                string
	allowUnsigned        bool
	log                  string
	debug                bool
}

func parse(args []string, help io.Writer) (o options, err error) {
	f := flag.NewFlagSet("shardmill serve", flag.ContinueOnError)
	f.SetOutput(help)
	f.StringVar(&o.config, "config", "", "configuration `FILE` in YAML or JSON; without one there is a stream, orders, and a function, print")
	f.StringVar(&o.listen, "listen", "", "`ADDRESS` of the API; overrides the configuration's, which is "+defaultListen+" by default; port 0 means any")
	f.StringVar(&o.streamListen, "stream-listen", "", "`ADDRESS` of the embedded Kinesis; overrides the configuration's, which is "+defaultStream+" by default")
	f.StringVar(&o.admin, "admin", "", "`ADDRESS` of /status, /healthz, /readyz and /metrics, such as "+defaultAdmin+" or :4581, which is also loopback; beyond it a token is required, in the configuration or SHARDMILL_ADMIN_TOKEN")
	f.StringVar(&o.data, "data", "", "without -config: the `FOLDER` that keeps the stream, the mappings and their progress")
	f.BoolVar(&o.allowUnsigned, "allow-unsigned", false, "serve all requests without verifying signatures, also beyond loopback")
	f.StringVar(&o.log, "log", "text", "`FORM` of the log on standard error: text or json")
	f.BoolVar(&o.debug, "debug", false, "log details for developers")
	if err := f.Parse(args); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			err = fmt.Errorf("%w: %w", err, cli.ErrUsage)
		}
		return o, err
	}
	switch {
	case f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: %w", f.Arg(0), cli.ErrUsage)
	case o.log != "text" && o.log != "json":
		err = fmt.Errorf("-log is %q, must be text or json: %w", o.log, cli.ErrUsage)
	case o.data != "" && o.config != "":
		err = fmt.Errorf("-data cannot be combined with -config, which has store and kinesis.embedded.path: %w", cli.ErrUsage)
	}
	return o, err
}

// load returns the configuration for the flags.
func (o *options) load() (*config, error) {
	c, flags := builtinConfig(), map[string]string{}
	if o.config != "" {
		var err error
		if c, err = readConfig(o.config); err != nil {
			return nil, fmt.Errorf("%w: %w", err, cli.ErrUsage)
		}
	}
	if o.data != "" {
		if err := os.MkdirAll(o.data, 0o700); err != nil {
			return nil, fmt.Errorf("-data: %w: %w", err, cli.ErrUsage)
		}
		c.Store.Bolt = filepath.Join(o.data, "mappings.db")
		c.Kinesis.Embedded.Path = filepath.Join(o.data, "streams")
		flags["store"], flags["kinesis.embedded.path"] = "-data", "-data"
	}
	if o.listen != "" {
		c.Listen, flags["listen"] = o.listen, "-listen"
	}
	if o.streamListen != "" {
		if c.Kinesis.Embedded == nil {
			return nil, fmt.Errorf("-stream-listen: the configuration has no kinesis.embedded: %w", cli.ErrUsage)
		}
		c.Kinesis.Embedded.Listen, flags["kinesis.embedded.listen"] = o.streamListen, "-stream-listen"
	}
	if o.admin != "" {
		if c.Admin == nil {
			c.Admin = &adminConfig{}
		}
		c.Admin.Listen, flags["admin.listen"] = o.admin, "-admin"
	}
	c.flags = flags
	c.complete(os.Getenv)
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", err, cli.ErrUsage)
	}
	return &c, nil
}

// logger returns the log for the flags.
func (o *options) logger(w io.Writer) *slog.Logger {
	level := &slog.HandlerOptions{Level: slog.LevelInfo}
	if o.debug {
		level.Level = slog.LevelDebug
	}
	if o.log == "json" {
		return slog.New(slog.NewJSONHandler(w, level))
	}
	return slog.New(slog.NewTextHandler(w, level))
}
