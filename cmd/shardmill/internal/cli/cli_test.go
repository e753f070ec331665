package cli_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/cmd/shardmill/internal/cli"
)

const usage = `Usage: mill COMMAND [FLAGS]

Commands:
  grind    grind the grain
  help     print the commands, or the flags of one: mill help COMMAND
`

// grind prints its arguments, or fails as they say.
func grind(_ context.Context, args []string, out, diagnostics io.Writer) error {
	switch strings.Join(args, " ") {
	case "-help":
		fmt.Fprintln(diagnostics, "flags of grind")
		return flag.ErrHelp
	case "-fail":
		return errors.New("no grain")
	case "-bad":
		return fmt.Errorf("-bad: %w", cli.ErrUsage)
	}
	fmt.Fprintln(out, args)
	return nil
}

func TestCommands(t *testing.T) {
	program := cli.Program{Name: "mill", Commands: []cli.Command{{Name: "grind", Summary: "grind the grain", Run: grind}}}
	for args, want := range map[string]struct {
		code             int
		out, diagnostics string
	}{
		"":             {2, "", usage},
		"help":         {0, usage, ""},
		"-h":           {0, usage, ""},
		"-help":        {0, usage, ""},
		"--help":       {0, usage, ""},
		"grind":        {0, "[]\n", ""},
		"grind -a b":   {0, "[-a b]\n", ""},
		"grind help":   {0, "[help]\n", ""},
		"grind -help":  {0, "", "flags of grind\n"},
		"help grind":   {0, "flags of grind\n", ""},
		"grind -fail":  {1, "", "mill grind: no grain\n"},
		"grind -bad":   {2, "", "mill grind: -bad: nothing was started\n"},
		"brew":         {2, "", "mill: unknown command \"brew\"; mill help lists the commands\n"},
		"help brew":    {2, "", "mill: unknown command \"brew\"; mill help lists the commands\n"},
		"Grind":        {2, "", "mill: unknown command \"Grind\"; mill help lists the commands\n"},
		"-coarse":      {2, "", "mill: a command must come before -coarse; mill help lists the commands\n"},
		"-coarse help": {2, "", "mill: a command must come before -coarse; mill help lists the commands\n"},
	} {
		t.Run(args, func(t *testing.T) {
			var out, diagnostics strings.Builder
			code := program.Main(t.Context(), strings.Fields(args), &out, &diagnostics)
			assert.Equal(t, want.code, code)
			assert.Equal(t, want.out, out.String())
			assert.Equal(t, want.diagnostics, diagnostics.String())
		})
	}
}
