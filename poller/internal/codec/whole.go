package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxQuote bounds what an error quotes of an answer: enough to see whose answer it is.
const maxQuote = 100

// errNoRecords is a good answer that lacks what every answer of GetRecords has, at the least as an empty list.
var errNoRecords = errors.New("the answer has no Records")

// wholeObject reports what keeps a body from being one JSON object, whole, with each of its members once.
//
// The SDK's decoder passes over such faults: no body is an answer without members to it, what follows the object is
// ignored, and of a member that comes twice only the last counts.
func wholeObject(b []byte) error {
	switch {
	case len(b) == 0:
		return errors.New("the answer is empty")
	case at(b, skip(b, 0)) != '{' || !json.Valid(b):
		return quoting(b, errors.New("the answer is not a JSON object"))
	}
	seen := map[string]bool{}
	for name := range memberNames(b) {
		if seen[string(name)] {
			return fmt.Errorf("the answer has %q twice", name)
		}
		seen[string(name)] = true
	}
	return nil
}

// memberNames yields the names of the members of an object, as they stand in it. The object is valid JSON.
func memberNames(b []byte) func(yield func(name []byte) bool) {
	return func(yield func([]byte) bool) {
		depth := 0
		for i := 0; i < len(b); i++ {
			switch b[i] {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			case '"':
				end := closingQuote(b, i)
				if depth == 1 && at(b, skip(b, end+1)) == ':' && !yield(b[i+1:end]) {
					return
				}
				i = end
			}
		}
	}
}

// closingQuote returns where the string ends that begins at i.
func closingQuote(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

// quoting adds the beginning of an answer to what is wrong with it.
func quoting(b []byte, err error) error {
	start := string(b[:min(len(b), maxQuote)])
	if !utf8.ValidString(start) {
		start = strings.ToValidUTF8(start, "�")
	}
	return fmt.Errorf("%w: it begins with %q", err, start)
}
