package rig

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Reader says how a consumer of Kinesis in another language is started, over plain HTTP. It prints UP when it reads, a line
// that begins with REC for each record, and DOWN when it has stopped.
type Reader struct {
	Stream  string // its name
	Kinesis string // endpoint
	FanOut  bool   // reads by enhanced fan-out, under the name "reader"; in Rust only
}

// installRust is what builds the Rust program.
const installRust = ".ci/rig/rust.sh"

// StartRust runs a consumer made with Amazon's SDK for Rust: .ci/rig/rust says what it prints. When it is not built, the test is
// skipped, or fails where CI=true.
func (r Reader) StartRust(t testing.TB, line func(string)) *Peer {
	t.Helper()
	dir := filepath.Join(folder(t), "rust")
	program := filepath.Join(dir, "target", "debug", "reader")
	if !isNewer(program, filepath.Join(dir, "src", "main.rs")) {
		missing(t, "the Rust reader is not built from its present source: run `%s` in the repository's root, which needs Cargo, "+
			"with Rust 1.94 or later", installRust)
	}
	args := []string{r.Kinesis, r.Stream}
	if r.FanOut {
		args = append(args, "reader")
	}
	return startPeer(t, "the Rust reader", exec.Command(program, args...), line) //nolint:gosec,noctx // of ours, and ended by the Peer
}

// StartPython runs a consumer made with the Python library async-kinesis: .ci/rig/python/reader.py says what it prints. It is
// skipped or fails as Python says.
func (r Reader) StartPython(t testing.TB, line func(string)) *Peer {
	t.Helper()
	interpreter, dir := Python(t)
	cmd := exec.Command(interpreter, filepath.Join(dir, "reader.py"), r.Kinesis, r.Stream) //nolint:gosec,noctx // of ours, and ended by the Peer
	return startPeer(t, "async-kinesis", cmd, line)
}
