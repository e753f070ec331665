package rig

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// installPython is what brings the Python peers onto a machine that has Python.
const installPython = ".ci/rig/python.sh"

// Python returns the path of the interpreter that imports the Python peers, and the folder of the programs that need them,
// .ci/rig/python. If they are not installed, or from other requirements than the present ones, the test is skipped, or fails
// where CI=true.
func Python(t testing.TB) (interpreter, dir string) {
	t.Helper()
	dir = filepath.Join(folder(t), "python")
	interpreter = filepath.Join(dir, "venv", "bin", "python")
	if runtime.GOOS == "windows" {
		interpreter = filepath.Join(dir, "venv", "Scripts", "python.exe")
	}
	want, err := os.ReadFile(filepath.Join(dir, "requirements.txt"))
	if err != nil {
		t.Fatalf("rig: %v", err)
	}
	// The script writes this file last.
	got, err := os.ReadFile(filepath.Join(dir, "venv", "requirements.txt"))
	if err != nil || !bytes.Equal(got, want) {
		missing(t, "the Python peers are not installed from their present requirements: run `%s` in the repository's root, "+
			"which needs Python 3.11 or later", installPython)
	}
	return interpreter, dir
}

// Moto starts moto_server and returns its endpoint: Kinesis, DynamoDB, SQS, SNS, S3, STS, IAM, Lambda and more on one port,
// of Account. It holds nothing yet, and forgets all.
//
// Each service is loaded by its first call, which takes seconds. Calls run concurrently, each in a thread, without a lock.
func Moto(t testing.TB) string {
	t.Helper()
	return start(t, emulator{
		name:   "moto",
		module: "moto.server",
		args: func(port int) []string {
			return []string{"--host", "127.0.0.1", "--port", strconv.Itoa(port)}
		},
		env: func(int) []string { return []string{"MOTO_ACCOUNT_ID=" + Account, "PYTHONUNBUFFERED=1"} },
	})
}
