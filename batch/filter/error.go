package filter

import (
	"strconv"
	"strings"
)

// InvalidDefinition is AWS's text for a filter pattern that cannot be used.
const InvalidDefinition = "Invalid filter pattern definition."

// Error says that a pattern cannot be used. Its text begins with [InvalidDefinition], as AWS answers;
// the error wrapped beneath it says where and why.
type Error struct {
	// Filter is the place of the pattern in the list given to [Compile], from 1. It is 0 after [Parse].
	Filter int

	// Line is the line of the pattern's text, from 1.
	Line int

	// Path leads to the field, its keys joined by dots. It is empty where no field has been entered.
	Path string

	// Operator is the operator at fault, such as "numeric" or "anything-but", or empty.
	Operator string

	// Reason says what is wrong, in the words of AWS's engine where those are known.
	Reason string
}

// Error returns AWS's text and the detail behind it.
func (e *Error) Error() string { return InvalidDefinition + " " + detail{e}.Error() }

// Unwrap returns the detail alone: the line, path, operator and reason.
func (e *Error) Unwrap() error { return detail{e} }

// detail is what shardmill adds to AWS's text.
type detail struct{ of *Error }

func (d detail) Error() string {
	var b strings.Builder
	if d.of.Filter > 0 {
		b.WriteString("filter " + strconv.Itoa(d.of.Filter) + ", ")
	}
	b.WriteString("line " + strconv.Itoa(d.of.Line))
	if d.of.Path != "" {
		b.WriteString(", " + strconv.Quote(d.of.Path))
	}
	if d.of.Operator != "" {
		b.WriteString(", " + d.of.Operator)
	}
	b.WriteString(": " + d.of.Reason)
	return b.String()
}
