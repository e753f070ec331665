package fleet

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the most bytes of a worker's name. An incarnation begins with it, and is a sort key in DynamoDB, of 1,024 bytes.
const MaxName = 255

// CheckName returns an error if a worker's name would not be readable in a log line, or would not fit into a row. The
// text of the error continues the name of the setting.
func CheckName(name string) error {
	unreadable := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unreadable) {
		return fmt.Errorf("is %.300q, must be 1 to %d bytes of UTF-8 without spaces and control characters", name, MaxName)
	}
	return nil
}
