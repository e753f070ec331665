package serve

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadmeShowsThePrintedCommands(t *testing.T) {
	readme, err := os.ReadFile("../../../../README.md")
	require.NoError(t, err)
	commands := fmt.Sprintf(tryIt, "us-east-1", "http://"+defaultListen, "print", orders, "http://"+defaultStream, "orders")
	require.Contains(t, string(readme), "```sh"+commands[:len(commands)-1]+"```\n")
}
