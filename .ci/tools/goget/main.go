// Command goget proves that each module of the repository can be got by an empty module, as its users get it once its version has a
// tag: it puts the files of all modules, as git has them in its index, into a module proxy in a folder, runs go get against that,
// and has go list find all that the packages import.
//
//	go run -C .ci/tools ./goget
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	log.SetFlags(0)
	root := flag.String("root", "../..", "the `folder` of the repository")
	version := flag.String("version", "v0.1.0", "the `version` that the modules require of each other")
	flag.Parse()
	if err := run(context.Background(), *root, *version); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, root, version string) (err error) {
	root, err = filepath.Abs(root)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "goget")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	dirs, err := modules(ctx, root)
	if err != nil {
		return err
	}
	tree := filepath.Join(scratch, "tree")
	if out, err := exec.CommandContext(ctx, "git", "-C", root, "checkout-index", "-a", "--prefix="+tree+"/").CombinedOutput(); err != nil {
		return fmt.Errorf("git checkout-index: %w\n%s", err, out)
	}
	var paths []string
	for _, dir := range dirs {
		path, err := publish(filepath.Join(tree, dir), version, filepath.Join(scratch, "proxy"))
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		paths = append(paths, path)
	}
	for _, path := range paths {
		if err := get(ctx, scratch, path, version); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Printf("go get %s@%s: good\n", path, version)
	}
	return nil
}

// modules returns the folders, below the root, of the modules that the repository has committed; those of .ci are no one's to get.
func modules(ctx context.Context, root string) (dirs []string, err error) {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "ls-files", "go.mod", "*/go.mod").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	for file := range strings.FieldsSeq(string(out)) {
		if dir := filepath.Dir(file); !strings.HasPrefix(dir, ".ci") {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// publish puts a module into the proxy, as the go command reads it there, and returns its path.
func publish(dir, version, proxy string) (path string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	m := module.Version{Path: modfile.ModulePath(text), Version: version}
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(proxy, escaped, "@v")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	info := fmt.Sprintf(`{"Version":%q,"Time":"2000-01-01T00:00:00Z"}`, version)
	for name, content := range map[string]string{"list": version + "\n", version + ".info": info, version + ".mod": string(text)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			return "", err
		}
	}
	archive, err := os.Create(filepath.Join(folder, version+".zip"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	return m.Path, zip.CreateFromDir(archive, m, dir)
}

// get has an empty module get one of the proxy, with all that its packages import. What else it needs comes from the module cache of this machine, or from where
// that comes from. The modules themselves must not enter that cache: their versions do not exist yet.
func get(ctx context.Context, scratch, path, version string) error {
	dir, err := os.MkdirTemp(scratch, "empty")
	if err != nil {
		return err
	}
	settings, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	known := strings.Split(strings.TrimSpace(string(settings)), "\n")
	env := append(os.Environ(),
		"GOPROXY=file://"+filepath.Join(scratch, "proxy")+",file://"+filepath.Join(known[0], "cache", "download")+","+known[1],
		"GOMODCACHE="+filepath.Join(scratch, "cache"), "GOFLAGS=-mod=mod -modcacherw", "GOWORK=off",
		"GONOSUMDB=github.com/shardmill/*", "GOSUMDB=off",
	)
	for _, args := range [][]string{{"mod", "init", "example.com/empty"}, {"get", path + "@" + version}, {"list", "-deps", path + "/..."}} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}
