package filter

import (
	"strconv"
	"unicode/utf8"
)

// The grammar of a pattern, over JSON:
//
//	pattern = object
//	object  = "{" member { "," member } "}"
//	member  = key ":" object
//	        | key ":" "[" value { "," value } "]"
//	        | "$or" ":" "[" object "," object { "," object } "]"
//	value   = string | number | true | false | null | "{" match "}"
//	match   = "exists" ":" ( true | false )
//	        | "prefix" ":" affix
//	        | "suffix" ":" affix
//	        | "equals-ignore-case" ":" string
//	        | "wildcard" ":" string               see parseGlob
//	        | "cidr" ":" string                   see parseBlock
//	        | "numeric" ":" "[" range "]"
//	        | "anything-but" ":" but
//	        | "exactly" ":" string
//	affix   = string | "{" "equals-ignore-case" ":" string "}"
//	range   = ( "=" | "<" | "<=" ) "," number
//	        | ( ">" | ">=" ) "," number [ "," ( "<" | "<=" ) "," number ]      the second number is greater
//	but     = string | number | "[" string { "," string } "]" | "[" number { "," number } "]"
//	        | "{" ( "prefix" | "suffix" | "equals-ignore-case" | "wildcard" ) ":" strings "}"
//	strings = string | "[" string { "," string } "]"       not empty with prefix and suffix
//
// Keys of nested objects are joined by dots, and what is given for the same joined key twice is given by the last.
// Where "$or" has not the form above, it is a key like any other, throughout the pattern.

// MaxLength is the number of characters that a pattern may have.
const MaxLength = 4096

// Pattern is one filter pattern, parsed. It is read-only and may be used by any number of goroutines.
type Pattern struct {
	text         string
	alternatives []alternative
	machine      machine
}

// Parse reads a pattern. Its error is an [*Error].
func Parse(pattern string) (*Pattern, error) {
	if n := utf8.RuneCountInString(pattern); n > MaxLength {
		return nil, &Error{Line: 1, Reason: strconv.Itoa(n) + " characters, where at most " + strconv.Itoa(MaxLength) + " are allowed"}
	}
	root, err := readDocument(pattern)
	if err != nil {
		return nil, err
	}
	alternatives, err := compile(root)
	if err != nil {
		return nil, err
	}
	return &Pattern{text: pattern, alternatives: alternatives, machine: newMachine(alternatives)}, nil
}

// MustParse is [Parse] for patterns that are known to be valid, in tests for example. It panics on any other.
func MustParse(pattern string) *Pattern {
	p, err := Parse(pattern)
	if err != nil {
		panic(err)
	}
	return p
}

// String returns the text of the pattern.
func (p *Pattern) String() string { return p.text }

// Match reports whether the event matches the pattern. The root of the pattern is the whole text, which must be a JSON
// object: an event that is not JSON, or an array or a scalar, does not match whatever the pattern.
//
// The text is read once and is neither kept nor changed. Match does not allocate, save for events with much in arrays
// and for very large patterns.
func (p *Pattern) Match(event []byte) bool {
	var w walk
	w.begin(&p.machine)
	i := skipSpace(event, 0)
	if i >= len(event) || event[i] != '{' || !w.document(event, p.machine.root) {
		return false
	}
	for i := range p.machine.alternatives {
		if w.holds(&p.machine.alternatives[i]) {
			return true
		}
	}
	return false
}
