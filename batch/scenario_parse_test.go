package batch_test

import (
	"fmt"
	"strings"
	"time"
)

// A scenario is a text file of blocks: command lines, a line "----", and what they print, up to a blank line.
// testdata/README.md has the grammar.

// scriptError is a mistake in a scenario file, or a difference between what it expects and what happened.
type scriptError struct {
	file string
	line int // from 1
	err  error
}

func (e *scriptError) Error() string { return fmt.Sprintf("%s:%d: %v", e.file, e.line, e.err) }
func (e *scriptError) Unwrap() error { return e.err }

// script is a parsed scenario file.
type script struct {
	file   string
	lines  []string // as they stand in the file
	blocks []block
}

// block is some commands and what they are expected to print together.
type block struct {
	commands []command
	from, to int // the lines between which the expected output stands, counted from 0, to excluded
}

// command is one line of words.
type command struct {
	line   int // from 1
	tokens []token
}

// token is a word, a quoted word, or one of the marks , ; =
type token struct {
	text string
	mark bool
}

const separator = "----"

// parseScript splits a file into its blocks. Nothing is run.
func parseScript(file, text string) (*script, error) {
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\ufeff")
	s := &script{file: file, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	var pending []command
	for i := 0; i < len(s.lines); i++ {
		line := strings.TrimSpace(s.lines[i])
		if line == separator {
			if len(pending) == 0 {
				return nil, s.errorf(i, "%s without a command before it", separator)
			}
			b := block{commands: pending, from: i + 1}
			for i+1 < len(s.lines) && strings.TrimSpace(s.lines[i+1]) != "" {
				i++
				if strings.TrimSpace(s.lines[i]) == separator {
					return nil, s.errorf(i, "%s inside of expected output: a blank line must end the output of the block before", separator)
				}
			}
			b.to, pending = i+1, nil
			s.blocks = append(s.blocks, b)
			continue
		}
		tokens, err := lex(line)
		if err != nil {
			return nil, s.errorf(i, "%w", err)
		}
		if len(tokens) > 0 {
			pending = append(pending, command{line: i + 1, tokens: tokens})
		}
	}
	if len(pending) > 0 {
		return nil, s.errorf(pending[0].line-1, "commands without a line %s and the output that is expected", separator)
	}
	if len(s.blocks) == 0 {
		return nil, s.errorf(0, "no commands")
	}
	return s, nil
}

func (s *script) errorf(index int, format string, args ...any) error {
	return &scriptError{file: s.file, line: index + 1, err: fmt.Errorf(format, args...)}
}

// want returns the expected output of a block, without comments and with its blanks made alike.
func (s *script) want(b block) []string {
	var want []string
	for _, line := range s.lines[b.from:b.to] {
		if line = tidy(uncomment(line)); line != "" {
			want = append(want, line)
		}
	}
	return want
}

// tidy makes runs of blanks one blank, and writes durations in one way.
func tidy(line string) string {
	words := strings.Fields(line)
	for i, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			name, value = "", word
		}
		if d, err := time.ParseDuration(value); err == nil && strings.ContainsAny(value, "smh") {
			words[i] = strings.TrimPrefix(name+"="+d.String(), "=")
		}
		if bounds, ok := tidyBounds(value); ok && name != "" {
			words[i] = name + "=" + bounds
		}
	}
	return strings.Join(words, " ")
}

// uncomment cuts a comment off: a # at the beginning of a line or behind a blank, outside of quotes.
func uncomment(line string) string {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return line[:i]
		}
	}
	return line
}

// lex splits a command line into its tokens.
func lex(line string) ([]token, error) {
	line = uncomment(line)
	var tokens []token
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			i++
		case strings.IndexByte(",;=", c) >= 0:
			tokens = append(tokens, token{text: line[i : i+1], mark: true})
			i++
		case c == '"':
			end := strings.IndexByte(line[i+1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed")
			}
			tokens = append(tokens, token{text: line[i+1 : i+1+end]})
			i += end + 2
		case c == '{':
			n, err := objectLength(line[i:])
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, token{text: line[i : i+n]})
			i += n
		default:
			end := strings.IndexAny(line[i:], " \t,;=\"")
			if end < 0 {
				end = len(line) - i
			}
			tokens = append(tokens, token{text: line[i : i+end]})
			i += end
		}
	}
	return tokens, nil
}

// cursor reads the tokens of a command.
type cursor struct{ tokens []token }

func (c *cursor) done() bool { return len(c.tokens) == 0 }

// at reports whether the token i places ahead is the given mark or word.
func (c *cursor) at(i int, text string) bool { return i < len(c.tokens) && c.tokens[i].text == text }

// accept takes the next token if it is the given one.
func (c *cursor) accept(text string) bool {
	if !c.at(0, text) {
		return false
	}
	c.tokens = c.tokens[1:]
	return true
}

// word takes the next token, which must be a word.
func (c *cursor) word(what string) (string, error) {
	if c.done() {
		return "", fmt.Errorf("%s is missing", what)
	}
	t := c.tokens[0]
	if t.mark {
		return "", fmt.Errorf("%s expected before %q", what, t.text)
	}
	c.tokens = c.tokens[1:]
	return t.text, nil
}

// value takes "= word" behind the name of an attribute or field.
func (c *cursor) value(name string) (string, error) {
	if !c.accept("=") {
		return "", fmt.Errorf("%s needs a value: %s=VALUE", name, name)
	}
	return c.word("the value of " + name)
}

// end makes sure that nothing is left of the command.
func (c *cursor) end() error {
	if c.done() {
		return nil
	}
	return fmt.Errorf("unexpected %q", c.tokens[0].text)
}
