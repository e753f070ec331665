package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadmeShowsThisProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	_, run, ok := strings.Cut(string(program), "\nfunc run(")
	require.True(t, ok)
	require.Contains(t, string(readme), "```go\nfunc run("+run+"```\n")
}
