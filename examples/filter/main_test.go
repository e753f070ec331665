package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// build makes the program that users run: exit codes are part of what it promises.
func build(t *testing.T) (program string) {
	program = filepath.Join(t.TempDir(), "filter")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

type result struct {
	code        int
	out, errOut string
}

func start(t *testing.T, program, input string, args ...string) result {
	cmd := exec.CommandContext(t.Context(), program, args...)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errOut
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

func patternFile(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "pattern.json")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestProgram(t *testing.T) {
	program := build(t)
	good := patternFile(t, "{\n  \"detail\": {\"state\": [\"running\"]}\n}\n")

	t.Run("prints matching lines unchanged", func(t *testing.T) {
		lines := "{\"detail\":{\"state\":\"running\"}}\r\n{\"detail\":{\"state\":\"stopped\"}}\n\nno JSON\n [] \n { \"detail\" : { \"state\":[\"\\u0072unning\"]}, \"n\":1.50} \n{\"detail.state\":\"running\"}"
		require.Equal(t, result{0, "{\"detail\":{\"state\":\"running\"}}\r\n { \"detail\" : { \"state\":[\"\\u0072unning\"]}, \"n\":1.50} \n{\"detail.state\":\"running\"}", ""},
			start(t, program, lines, "-pattern", good))
	})
	t.Run("lines may be long", func(t *testing.T) {
		line := `{"x":"` + strings.Repeat("x", 5<<20) + `","detail":{"state":"running"}}` + "\n"
		require.Equal(t, result{0, line, ""}, start(t, program, line, "-pattern", good))
	})
	t.Run("no match is no failure", func(t *testing.T) {
		require.Equal(t, result{0, "", ""}, start(t, program, "{}\n", "-pattern", good))
		require.Equal(t, result{0, "", ""}, start(t, program, "", "-pattern", good))
	})
	t.Run("counts", func(t *testing.T) {
		require.Equal(t, result{0, "", "filter: 3 lines, 0 match, 2 are not JSON\n"}, start(t, program, "{}\n\n{\n", "-v", "-pattern", good))
	})
	t.Run("several patterns are ORed", func(t *testing.T) {
		other := patternFile(t, `{"a":[1]}`)
		require.Equal(t, "{\"a\":1}\n{\"detail.state\":\"running\"}\n",
			start(t, program, "{\"a\":1}\n{\"a\":2}\n{\"detail.state\":\"running\"}\n", "-pattern", good, "-pattern", other).out)
	})
	t.Run("a bad pattern ends with 2", func(t *testing.T) {
		bad := patternFile(t, "{\n\"detail\": {\"count\": [{\"numeric\": [\">\", 0, \"<\"]}]}\n}")
		got := start(t, program, "{}\n", "-pattern", bad)
		require.Equal(t, 2, got.code)
		require.Empty(t, got.out)
		require.Equal(t, got.errOut, "filter: "+bad+`: Invalid filter pattern definition. line 2, "detail.count", numeric: Value of < must be numeric`+"\n")
	})
	t.Run("so does a missing one", func(t *testing.T) {
		require.Equal(t, 2, start(t, program, "{}\n").code)
		require.Equal(t, 2, start(t, program, "{}\n", "-pattern", good, "more").code)
		got := start(t, program, "{}\n", "-pattern", filepath.Join(t.TempDir(), "none"))
		require.Equal(t, 2, got.code)
		require.Contains(t, got.errOut, "no such file")
	})
}

func TestInputThatFails(t *testing.T) {
	patterns, err := readPatterns([]string{patternFile(t, `{"a":[1]}`)})
	require.NoError(t, err)
	var out bytes.Buffer
	input := io.MultiReader(strings.NewReader("{\"a\":1}\n{\"a\":1}"), failing{})
	seen, err := run(patterns, input, &out)
	require.ErrorIs(t, err, errFailing)
	require.Equal(t, counts{lines: 1, matches: 1}, seen)
	require.Equal(t, "{\"a\":1}\n", out.String())
}

var errFailing = errors.New("the disk is gone")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }
