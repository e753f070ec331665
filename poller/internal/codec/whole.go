package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxQuote bounds the quotation of an answer in an error: enough to recognize its sender.
const maxQuote = 100

// errNoRecords is the error of a successful answer without Records, which every answer of GetRecords has, even if the
// list is empty.
var errNoRecords = errors.New("the answer has no Records")

// wholeObject returns why a body is not one JSON object, whole, with each of its members once.
//
// The SDK's decoder ignores such faults: it treats no body as an answer without members, ignores trailing bytes, and
// uses the last of duplicate members.
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

// quoting adds the beginning of an answer to its error.
func quoting(b []byte, err error) error {
	start := string(b[:min(len(b), maxQuote)])
	if !utf8.ValidString(start) {
		start = strings.ToValidUTF8(start, "�")
	}
	return fmt.Errorf("%w: it begins with %q", err, start)
}
