package policy

import (
	"strings"
	"unicode/utf8"
)

// piece is a part of a pattern: literal text, a wildcard, or a variable.
type piece struct {
	text     string
	wild     byte   // '*', '?', or 0
	variable string // the key, in lower case; empty unless it is one
	fallback *string
	value    bool // the value of a variable: its colons do not separate the parts of an ARN
}

// pattern is a text with wildcards and variables.
type pattern struct {
	glob []piece
	arn  bool // matched part by part
}

type patterns []pattern

// literalVariables splits a text into pieces without variables.
func literalVariables(s string) []piece {
	var pieces []piece
	for s != "" {
		switch i := strings.IndexAny(s, "*?"); i {
		case -1:
			return append(pieces, piece{text: s})
		case 0:
			pieces = append(pieces, piece{wild: s[0]})
			s = s[1:]
		default:
			pieces = append(pieces, piece{text: s[:i]})
			s = s[i:]
		}
	}
	return pieces
}

// pattern parses a text with wildcards, and with variables if the version of the document has them.
func (p *parser) pattern(n *node) (pattern, error) {
	if p.version != version2012 {
		return pattern{glob: literalVariables(n.text)}, nil
	}
	var pieces []piece
	rest := n.text
	for {
		before, after, ok := strings.Cut(rest, "${")
		pieces = append(pieces, literalVariables(before)...)
		if !ok {
			return pattern{glob: pieces}, nil
		}
		inner, tail, ok := strings.Cut(after, "}")
		if !ok {
			return pattern{}, wrong(n.place, "%q has a ${ that is not closed", n.text)
		}
		v, err := readVariable(n, inner)
		if err != nil {
			return pattern{}, err
		}
		pieces, rest = append(pieces, v), tail
	}
}

// readVariable parses the text between ${ and }.
func readVariable(n *node, inner string) (piece, error) {
	switch inner {
	case "*", "?", "$":
		return piece{text: inner}, nil
	}
	key, fallback, ok := strings.Cut(inner, ",")
	v := piece{variable: strings.ToLower(strings.TrimSpace(key))}
	if !isKey(v.variable) {
		return piece{}, wrong(n.place, "${%s} is not a variable", inner)
	}
	if ok {
		text := strings.TrimSpace(fallback)
		if len(text) < 2 || text[0] != '\'' || text[len(text)-1] != '\'' {
			return piece{}, wrong(n.place, "the default in ${%s} must stand in single quotes", inner)
		}
		v.fallback = new(text[1 : len(text)-1])
	}
	return v, nil
}

// isKey reports whether s may be the key of a context: "service:name", optionally followed by "/tag".
func isKey(s string) bool {
	service, name, ok := strings.Cut(s, ":")
	return ok && service != "" && name != "" && !strings.ContainsAny(s, "${}*?' ")
}

// resolve inserts the request's values. It fails if the request has none, or several: then nothing matches.
func (p *pattern) resolve(c Context) ([]piece, bool) {
	out := make([]piece, 0, len(p.glob))
	for _, one := range p.glob {
		if one.variable != "" {
			values, _ := c.get(one.variable)
			switch {
			case len(values) == 1:
				one = piece{text: values[0], value: true} // its own wildcards are literal
			case len(values) == 0 && one.fallback != nil:
				one = piece{text: *one.fallback, value: true}
			default:
				return nil, false
			}
		}
		out = append(out, one)
	}
	return out, true
}

// matches reports whether s matches the pattern.
func (p *pattern) matches(s string, c Context) bool {
	pieces, ok := p.resolve(c)
	if !ok {
		return false
	}
	if p.arn {
		return globARN(pieces, s)
	}
	return glob(pieces, s)
}

// resolvable reports whether the request has a value for all variables.
func (ps patterns) resolvable(c Context) bool {
	for i := range ps {
		if _, ok := ps[i].resolve(c); !ok {
			return false
		}
	}
	return true
}

func (ps patterns) match(s string, c Context) bool {
	for i := range ps {
		if ps[i].matches(s, c) {
			return true
		}
	}
	return false
}

// glob matches with memory of the last * only, so that its time is at most the product of both lengths.
func glob(pieces []piece, s string) bool {
	i, j := 0, 0
	star, mark := -1, 0
	for j < len(s) || i < len(pieces) {
		if i < len(pieces) {
			one := pieces[i]
			switch {
			case one.wild == '*':
				star, mark = i, j
				i++
				continue
			case one.wild == '?' && j < len(s):
				i, j = i+1, j+width(s[j:])
				continue
			case one.wild == 0 && strings.HasPrefix(s[j:], one.text):
				i, j = i+1, j+len(one.text)
				continue
			}
		}
		if star < 0 || mark >= len(s) {
			return false
		}
		mark += width(s[mark:])
		i, j = star+1, mark
	}
	return true
}

// width returns the number of bytes of the first character.
func width(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// globARN matches an ARN part by part, so that a wildcard stays in its part; the last part may have colons.
func globARN(pieces []piece, s string) bool {
	parts := strings.SplitN(s, ":", arnParts)
	if len(parts) != arnParts {
		return false
	}
	for n, part := range splitPieces(pieces) {
		if n >= arnParts || !glob(part, parts[n]) {
			return false
		}
	}
	return true
}

// arnParts is how many parts an ARN has: arn, partition, service, region, account, resource.
const arnParts = 6

// splitPieces splits a pattern of an ARN at its first five colons.
func splitPieces(pieces []piece) [][]piece {
	parts := make([][]piece, 1, arnParts)
	for _, one := range pieces {
		for one.wild == 0 && !one.value && len(parts) < arnParts {
			before, after, ok := strings.Cut(one.text, ":")
			if !ok {
				break
			}
			last := len(parts) - 1
			if before != "" {
				parts[last] = append(parts[last], piece{text: before})
			}
			parts = append(parts, nil)
			one.text = after
		}
		if one.wild != 0 || one.text != "" {
			parts[len(parts)-1] = append(parts[len(parts)-1], one)
		}
	}
	return parts
}

// isARN reports whether s has the parts of an ARN; wildcards and variables are allowed.
func isARN(s string) bool {
	return strings.HasPrefix(s, "arn:") && len(splitPieces(literalVariables(withoutVariables(s)))) == arnParts
}

// withoutVariables replaces variables, whose keys have colons of their own.
func withoutVariables(s string) string {
	for {
		before, after, ok := strings.Cut(s, "${")
		_, tail, closed := strings.Cut(after, "}")
		if !ok || !closed {
			return s
		}
		s = before + "_" + tail
	}
}
