// Server answers: can event source mappings be managed as on AWS, by the aws command or an SDK?
//
//	go run -C examples/server .
//
// starts Lambda's API for event source mappings on 127.0.0.1:4580, an embedded Kinesis with the stream orders, and a
// function, print, which prints its records. It prints commands to create a mapping and to put records. With -config it
// reads functions, streams, a store and keys from a file; examples/server/testdata/server.yaml lists every option. It
// is a module of its own, so that no user of the library depends on its metrics.
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
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	err := run(untilSignal(), os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "server:", err)
	}
	os.Exit(exitCode(err))
}

// untilSignal returns a context that ends with the first signal to stop. Later signals have their usual effect.
func untilSignal() context.Context {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the process
		<-signals
		signal.Stop(signals)
		end()
	}()
	return ctx
}

func exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	return 1
}

// run is the program: functions print to out, and the log goes to diagnostics.
func run(ctx context.Context, args []string, out, diagnostics io.Writer) error {
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
