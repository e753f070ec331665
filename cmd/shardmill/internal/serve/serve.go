// Package serve is the command shardmill serve: a server with Lambda's API for event source mappings.
//
//	shardmill serve [-config FILE]
//
// Without a configuration it serves the API on 127.0.0.1:4580, with an embedded Kinesis that has the stream orders, and a
// function, print, which prints its records. It prints commands to create a mapping and to put records. With -config it
// reads functions, streams, a store and keys from a file; cmd/shardmill/server.yaml lists every option.
//
// On the API's address /healthz answers 200 while the process is up, and /readyz while it can serve. With -admin, or
// admin in the file, the server has a second address for operators, with both, /status with the state of each mapping,
// and /metrics for Prometheus. That address is on loopback or requires a token. Without signatures, /status is on the
// API's address, too.
//
// Beyond loopback, requests must be signed (Signature Version 4) with one of the configured keys. On loopback without
// keys, all requests for localhost, an address, or one of the configured names are served.
//
// On SIGTERM or SIGINT it drains: /readyz answers 503, running invocations get their time, progress is stored. Its exit
// code is then 0; 1 if something failed or did not stop in time; 2 if the flags or the file are invalid. A second
// signal ends it immediately.
package serve

import (
	"context"
	"errors"
	"io"
)

// Run is the command. Functions print to out, and the log goes to diagnostics. It returns when ctx has ended and
// everything has stopped, or when something failed. It returns flag.ErrHelp after help, and an error that wraps
// cli.ErrUsage if the flags or the file are invalid.
func Run(ctx context.Context, args []string, out, diagnostics io.Writer) error {
	o, err := parse(args, diagnostics)
	if err != nil {
		return err
	}
	c, err := o.load()
	if err != nil {
		return err
	}
	s, err := newServer(ctx, c, &o, out, o.logger(diagnostics))
	if err != nil {
		return err
	}
	if err := s.greet(out, c); err != nil {
		return errors.Join(err, s.close())
	}
	return s.run(ctx)
}
