// Package cli is a program of several commands: it finds the command, prints usage and errors, and decides the exit code.
// Each command parses its own flags.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrUsage says that the command, its flags or its configuration are invalid: nothing was started.
var ErrUsage = errors.New("nothing was started")

// Command is one command of a program.
type Command struct {
	Name    string
	Summary string // what it does, in one line without a full stop

	// Run runs the command with the arguments after its name. Results go to out; help of flags, and the log, go to
	// diagnostics. Run returns flag.ErrHelp if it only printed help, and an error that wraps ErrUsage if it did nothing
	// because what it was given is invalid.
	Run func(ctx context.Context, args []string, out, diagnostics io.Writer) error
}

// Program is a program with commands, and the command help.
type Program struct {
	Name     string
	Commands []Command
}

// Main runs the command that args begin with, and returns the exit code: 0 on success and after help; 2 without a known
// command, and for an error that wraps ErrUsage; 1 for any other error. It prints the error to diagnostics.
func (p Program) Main(ctx context.Context, args []string, out, diagnostics io.Writer) int {
	if len(args) == 0 {
		p.usage(diagnostics)
		return 2
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		return p.help(ctx, args[1:], out, diagnostics)
	}
	c, ok := p.command(args[0], diagnostics)
	if !ok {
		return 2
	}
	err := c.Run(ctx, args[1:], out, diagnostics)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(diagnostics, "%s %s: %v\n", p.Name, c.Name, err)
	}
	return exitCode(err)
}

// help prints the commands, or the flags of the one that args name.
func (p Program) help(ctx context.Context, args []string, out, diagnostics io.Writer) int {
	if len(args) == 0 {
		p.usage(out)
		return 0
	}
	c, ok := p.command(args[0], diagnostics)
	if !ok {
		return 2
	}
	return exitCode(c.Run(ctx, []string{"-help"}, out, out))
}

// command returns the command of a name. It prints an error if there is none.
func (p Program) command(name string, diagnostics io.Writer) (Command, bool) {
	if i := slices.IndexFunc(p.Commands, func(c Command) bool { return c.Name == name }); i >= 0 {
		return p.Commands[i], true
	}
	problem := fmt.Sprintf("unknown command %q", name)
	if strings.HasPrefix(name, "-") {
		problem = "a command must come before " + name
	}
	fmt.Fprintf(diagnostics, "%s: %s; %s help lists the commands\n", p.Name, problem, p.Name)
	return Command{}, false
}

func (p Program) usage(w io.Writer) {
	fmt.Fprintf(w, "Usage: %s COMMAND [FLAGS]\n\nCommands:\n", p.Name)
	for _, c := range append(slices.Clone(p.Commands), Command{Name: "help", Summary: "print the commands, or the flags of one: " + p.Name + " help COMMAND"}) {
		fmt.Fprintf(w, "  %-8s %s\n", c.Name, c.Summary)
	}
}

func exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, ErrUsage):
		return 2
	}
	return 1
}
