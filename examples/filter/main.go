// Filter answers: which events match a filter pattern?
//
//	filter -pattern FILE [-pattern FILE ...] [-v] < lines.jsonl
//
// Each FILE holds one pattern, and each line of the input one event, which is the root of the pattern. Lines that match
// one of the patterns are printed unchanged. The exit code is 2 if a pattern is invalid, 1 if reading or writing fails,
// and 0 otherwise, whether lines match or not.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/shardmill/shardmill/batch/filter"
)

func main() {
	var files []string
	flag.Func("pattern", "a `file` with one pattern; repeatable, for events that match any", func(name string) error {
		files = append(files, name)
		return nil
	})
	verbose := flag.Bool("v", false, "print to standard error how many lines were read, matched and not JSON")
	flag.Parse()
	if len(files) == 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	patterns, err := readPatterns(files)
	if err != nil {
		fmt.Fprintln(os.Stderr, "filter:", err)
		os.Exit(2)
	}
	seen, err := run(patterns, os.Stdin, os.Stdout)
	if *verbose {
		fmt.Fprintf(os.Stderr, "filter: %d lines, %d match, %d are not JSON\n", seen.lines, seen.matches, seen.notJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "filter:", err)
		os.Exit(1)
	}
}

func readPatterns(files []string) ([]*filter.Pattern, error) {
	var patterns []*filter.Pattern
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := filter.Parse(string(bytes.TrimSpace(text)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

// counts are what -v reports.
type counts struct{ lines, matches, notJSON int }

// run prints the lines that match.
func run(patterns []*filter.Pattern, in io.Reader, out io.Writer) (counts, error) {
	var seen counts
	reader, writer := bufio.NewReaderSize(in, 1<<16), bufio.NewWriter(out)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return seen, errors.Join(err, writer.Flush())
		}
		if len(line) > 0 {
			seen.lines++
			if err := seen.judge(patterns, line, writer); err != nil {
				return seen, err
			}
		}
		if err != nil {
			return seen, writer.Flush()
		}
	}
}

func (seen *counts) judge(patterns []*filter.Pattern, line []byte, out io.Writer) error {
	for _, p := range patterns {
		if p.Match(line) {
			seen.matches++
			_, err := out.Write(line)
			return err
		}
	}
	if !json.Valid(line) {
		seen.notJSON++
	}
	return nil
}
