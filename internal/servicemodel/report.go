package servicemodel

import (
	"fmt"
	"strings"
)

// Rule is what a Problem breaks.
type Rule string

// The rules.
const (
	Unknown  Rule = "unknown"  // a member, parameter, header, operation or error that the model does not have
	Missing  Rule = "missing"  // a required member
	Type     Rule = "type"     // a value of another type, or malformed
	TooSmall Rule = "min"      // a length or number below the minimum
	TooLarge Rule = "max"      // a length or number above the maximum
	Pattern  Rule = "pattern"  // a string that does not match
	Enum     Rule = "enum"     // a string outside the enumeration
	Union    Rule = "union"    // not exactly one member of a union
	Protocol Rule = "protocol" // a method, address, header or status that the protocol does not have
)

// Problem is one difference from the model.
type Problem struct {
	// Path is the operation and the members that lead to the value, such as "PutRecords.Records[3].Data". An answer's
	// begins with the operation and "answer", an error's with the operation and the error's name.
	Path string
	Rule Rule
	Text string
}

// String returns all three on one line.
func (p Problem) String() string { return p.Path + ": " + string(p.Rule) + ": " + p.Text }

// Report is the result of a check.
type Report struct {
	Problems  []Problem
	Unchecked []Problem // the rules that could not be checked, and why
}

// Add adds another check's result.
func (r *Report) Add(other Report) {
	r.Problems = append(r.Problems, other.Problems...)
	r.Unchecked = append(r.Unchecked, other.Unchecked...)
}

// String returns the problems, one a line, and is empty without any.
func (r Report) String() string {
	lines := make([]string, len(r.Problems))
	for i, p := range r.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (r *Report) problem(path string, rule Rule, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{path, rule, fmt.Sprintf(format, args...)})
}

func (r *Report) unchecked(path string, rule Rule, format string, args ...any) {
	r.Unchecked = append(r.Unchecked, Problem{path, rule, fmt.Sprintf(format, args...)})
}
