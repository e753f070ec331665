package drill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// serve is the program for Node: dynalite on a free port of the loopback interface, until the parent process is gone.
const serve = `
process.stdin.resume().on('end', () => process.exit());
const server = require('dynalite')({ createTableMs: 20, updateTableMs: 20, deleteTableMs: 20 });
server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port));
`

// startDynamoDB starts dynalite, and returns its URL and a function that stops it.
func startDynamoDB(ctx context.Context) (url string, stop func(), err error) {
	node, dir, err := locate()
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // stopping workers still need it
	cmd := exec.CommandContext(ctx, node, "--require", "./aborted.cjs", "-e", serve)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	_, err1 := cmd.StdinPipe() // ends with this process
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		cancel()
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return "", nil, err
	}
	stop = func() {
		cancel()
		_ = cmd.Wait() // an error of the kill
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("dynalite did not start: %w", err)
	}
	return strings.TrimSpace(line), stop, nil
}

// locate returns the node command, and the folder whose packages include dynalite.
func locate() (node, dir string, err error) {
	const or = "or set -dynamodb to the URL of a DynamoDB"
	node, err = exec.LookPath("node")
	if err != nil {
		return "", "", fmt.Errorf("there is no node on PATH: install Node 20 or later and run `npm ci --prefix .ci/rig`, %s: %w", or, ErrBegin)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", "", err
	}
	for up := wd; ; up = filepath.Dir(up) {
		dir = filepath.Join(up, ".ci", "rig")
		if _, err := os.Stat(filepath.Join(dir, "node_modules", "dynalite")); err == nil {
			return node, dir, nil
		}
		if up == filepath.Dir(up) {
			return "", "", fmt.Errorf("dynalite is not installed: run `npm ci --prefix .ci/rig` in the repository's root, %s: %w", or, ErrBegin)
		}
	}
}
