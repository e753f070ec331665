package batch_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what scenarios print into their files in testdata")

// TestScenario runs the scripts of testdata. Their grammar is in testdata/README.md.
func TestScenario(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d scenarios and error %v, want some", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { testScenario(t, file) })
	}
}

func testScenario(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseScript(file, string(text))
	if err != nil {
		t.Fatal(err)
	}
	results, err := s.run()
	if err != nil {
		t.Fatal(err)
	}
	if !*rewrite {
		for _, err := range s.compare(results) {
			t.Error(err)
		}
		return
	}
	if written := s.rewritten(results); !bytes.Equal(written, text) {
		if err := os.WriteFile(file, written, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs all commands of the script and returns what each block printed.
func (s *script) run() ([][]string, error) {
	w := newWorld()
	var results [][]string
	for _, b := range s.blocks {
		w.out = nil
		for _, c := range b.commands {
			if err := w.do(c.tokens); err != nil {
				return nil, s.errorf(c.line-1, "%w", err)
			}
		}
		results = append(results, w.out)
	}
	return results, nil
}

// matches reports whether a block printed what it was expected to. Blanks count only as one blank.
func (s *script) matches(b block, got []string) bool {
	return slices.EqualFunc(got, s.want(b), func(got, want string) bool { return tidy(got) == want })
}

// compare returns an error for each block that did not print what the script expects.
func (s *script) compare(results [][]string) []error {
	var errs []error
	for i, b := range s.blocks {
		if s.matches(b, results[i]) {
			continue
		}
		want := s.want(b)
		line := b.from                         // that of the ----
		for j, k := b.from, 0; j < b.to; j++ { // the line of the first difference
			if w := tidy(uncomment(s.lines[j])); w == "" {
				continue
			} else if k >= len(results[i]) || tidy(results[i][k]) != w {
				line = j + 1
				break
			}
			k++
		}
		errs = append(errs, s.errorf(line-1, "the output differs\ngot:\n%swant:\n%s", indent(results[i]), indent(want)))
	}
	return errs
}

func indent(lines []string) string {
	if len(lines) == 0 {
		return "    (no output)\n"
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	return b.String()
}

// rewritten returns the file with what the blocks printed. Where that was expected nothing changes; elsewhere comments
// on lines of their own are kept above the output.
func (s *script) rewritten(results [][]string) []byte {
	var out []string
	at := 0
	for i, b := range s.blocks {
		out = append(out, s.lines[at:b.from]...)
		at = b.to
		if s.matches(b, results[i]) {
			out = append(out, s.lines[b.from:b.to]...)
			continue
		}
		for _, line := range s.lines[b.from:b.to] {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				out = append(out, line)
			}
		}
		for _, line := range results[i] {
			out = append(out, strings.TrimRight(line, " "))
		}
	}
	out = append(out, s.lines[at:]...)
	return []byte(strings.Join(out, "\n") + "\n")
}
