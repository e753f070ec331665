package process_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/invoketest"
	"github.com/shardmill/shardmill/invoke/process"
)

func TestFunctionInGoConforms(t *testing.T) { conforms(t, config("scripted")) }

func TestFunctionInNodeConforms(t *testing.T) {
	requireNode(t)
	cfg := config("")
	cfg.Command = []string{"node", "testdata/bootstrap.mjs"}
	conforms(t, cfg)
}

func conforms(t *testing.T, cfg process.Config) {
	t.Helper()
	invoketest.Run(t, func(t *testing.T, f invoketest.Function) invoke.Invoker {
		switch f {
		case invoketest.Scripted:
			return start(t, cfg)
		case invoketest.Unavailable:
			closed, err := process.New(cfg)
			require.NoError(t, err)
			require.NoError(t, closed.Close())
			return closed
		case invoketest.Throttled:
			t.Skip("it takes a ctx that ends while all processes are busy: there is a test of its own")
		}
		t.Skip("a program of one's own can be run, with any event")
		return nil
	})
}

// requireNode skips the test where there is no Node, or fails it where CI=true.
func requireNode(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("there is no node on PATH: install Node 20 or later (CI=true, so this is a failure)")
	default:
		t.Skip("there is no node on PATH: install Node 20 or later")
	}
}
