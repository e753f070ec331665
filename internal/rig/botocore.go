package rig

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// installPython is what brings the Python peers onto a machine that has Python.
const installPython = ".ci/rig/python.sh"

// Botocore returns botocore's folder "data", which has AWS's own description of every service. Without the package the test
// is skipped, or fails where CI=true.
func Botocore(t testing.TB) fs.FS {
	t.Helper()
	data, ok := HasBotocore(t)
	if !ok {
		missing(t, "botocore is not installed: run `%s` in the repository's root, which needs Python", installPython)
	}
	return data
}

// HasBotocore is Botocore for tests that check less without the package. Where CI=true it fails them all the same.
func HasBotocore(t testing.TB) (fs.FS, bool) {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(folder(t), "python", "venv", "lib", "python3*", "site-packages", "botocore", "data"))
	if len(found) == 0 && os.Getenv("CI") == "true" {
		missing(t, "botocore is not installed: run `%s` in the repository's root, which needs Python", installPython)
	}
	if len(found) == 0 {
		return nil, false
	}
	return os.DirFS(found[0]), true
}
