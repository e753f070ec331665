package rig

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// install is what brings the emulators onto a machine that has Node.
const install = "npm ci --prefix .ci/rig"

// locate returns the command that runs e, but for its own arguments, and the folder that it runs in.
func locate(t testing.TB, e emulator) (command []string, dir string) {
	t.Helper()
	if e.module != "" {
		python, dir := Python(t)
		return []string{python, "-m", e.module}, dir
	}
	dir = folder(t)
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "%s needs Node, and there is no node on PATH: install Node 20 or later, then run `%s`", e.name, install)
	}
	// A script of ours is always there; what it needs is the packages.
	for _, path := range []string{filepath.FromSlash(e.script), filepath.Join("node_modules", e.name)} {
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			missing(t, "%s is not installed: run `%s` in the repository's root", e.name, install)
		}
	}
	return []string{node, "--require", "./loopback.cjs", "--require", "./aborted.cjs", e.script}, dir
}

// folder returns the repository's .ci/rig. Tests run in their package's folder, which may be that of a nested module.
func folder(t testing.TB) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatalf("rig: %v", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		rig := filepath.Join(dir, ".ci", "rig")
		if isFile(filepath.Join(dir, "go.mod")) && isFile(filepath.Join(rig, "package.json")) {
			return rig
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("rig: no folder above %s has both a go.mod and a .ci/rig", wd)
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// missing ends the test: skipped on a machine of anyone's, failed where CI=true.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("rig: "+format+" (CI=true, so this is no skip)", args...)
	}
	t.Skipf("rig: "+format, args...)
}
