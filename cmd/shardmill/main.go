// Command shardmill runs event source mappings for Kinesis as a program.
//
//	shardmill COMMAND [FLAGS]
//
// Its commands are
//
//	serve   serves Lambda's API for event source mappings; package serve describes it
//	help    prints the commands; help COMMAND prints the flags of one
//
// From the repository's root, go run -C cmd/shardmill . serve starts the server. The program is a module of its own, so
// that no user of the library depends on its metrics.
//
// Its exit code is 0 on success, 1 if a command failed, and 2 if the command, a flag or a file is invalid.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/shardmill/shardmill/cmd/shardmill/internal/cli"
	"github.com/shardmill/shardmill/cmd/shardmill/internal/serve"
)

func main() {
	program := cli.Program{Name: "shardmill", Commands: []cli.Command{
		{Name: "serve", Summary: "serve Lambda's API for event source mappings", Run: serve.Run},
	}}
	os.Exit(program.Main(untilSignal(), os.Args[1:], os.Stdout, os.Stderr))
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
