package rig

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Botocore returns botocore's folder "data", which has AWS's own description of every service. Without the package the test
// is skipped, or fails where CI=true.
func Botocore(t testing.TB) fs.FS {
	t.Helper()
	interpreter, _ := Python(t)
	venv := filepath.Dir(filepath.Dir(interpreter))
	for _, pattern := range []string{"lib/python3*/site-packages", "Lib/site-packages"} { // the latter on Windows
		found, _ := filepath.Glob(filepath.Join(venv, filepath.FromSlash(pattern), "botocore", "data"))
		if len(found) > 0 {
			return os.DirFS(found[0])
		}
	}
	t.Fatalf("rig: %s has no botocore", venv)
	return nil
}

// FindBotocore is Botocore for tests that check less without the package: it reports whether that is there. Where CI=true it
// fails them all the same.
func FindBotocore(t testing.TB) (fs.FS, bool) {
	t.Helper()
	python := filepath.Join(folder(t), "python")
	want, _ := os.ReadFile(filepath.Join(python, "requirements.txt"))
	got, err := os.ReadFile(filepath.Join(python, "venv", "requirements.txt"))
	if os.Getenv("CI") != "true" && (err != nil || !bytes.Equal(got, want)) {
		return nil, false
	}
	return Botocore(t), true
}
