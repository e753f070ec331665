package filter_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator makes patterns and events of few names and few values, so that they often have to do with each other.
type generator struct {
	*rand.Rand

	arrays int // how much more often than usual values are arrays, up to 4
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// words differ from each other by little: case, a letter more, a star, a dot.
var words = []string{
	"", "x", "X", "xy", "xyx", "yx", "xx", "y", "é", "É", "éx", "x*y", `x\y`, "x.y", "😀", "ß", "ẞ", "SS", "ss", "xSS", "İ", "i", "i\u0307", "ŉ", "ʼN", "ǅ", "ǆ", "k", "K",
	"10.0.0.1", "10.0.0.200", "010.0.0.1", "10.0.1.1", "::1", "0:0::1", "2001:db8::1", "::ffff:a00:1", "300", "true", "null", "a\nb", "\u0001",
}

var numbers = []string{"0", "-0", "0.0", "1", "1.0", "1e0", "10e-1", "-1", "0.5", "5e-1", "300", "300.0", "3.0e2", "30E+1", "299.999999999999999999", "1e400", "10e399", "-1e400", "1e-400"}

var keys = []string{"a", "b", "c", "a.b", "b.c", "a-b", "", ".", "é", "$or"}

// key prefers the first few.
func (g generator) key() string {
	if g.IntN(8) == 0 {
		return pick(g, keys...)
	}
	return keys[g.IntN(3)]
}

func (g generator) word() string   { return pick(g, words...) }
func (g generator) number() string { return pick(g, numbers...) }

// quote writes a string in one of the ways that JSON has for it.
func (g generator) quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < 0x10000 && (r < ' ' || g.IntN(6) == 0):
			fmt.Fprintf(&b, pick(g, `\u%04x`, `\u%04X`), r)
		case r > 0xffff && g.IntN(2) == 0:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (g generator) space() string {
	if g.IntN(10) > 0 {
		return ""
	}
	return pick(g, " ", "\n", "\t", "\r\n  ")
}

func (g generator) scalar() string {
	switch g.IntN(5) {
	case 0, 1:
		return g.quote(g.word())
	case 2, 3:
		return g.number()
	}
	return pick(g, "null", "true", "false")
}

func (g generator) list(open, end string, n int, item func() string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = g.space() + item() + g.space()
	}
	return open + g.space() + strings.Join(items, ",") + end
}

// event is an object; value is any JSON value.
func (g generator) event(depth int) string {
	return g.list("{", "}", g.IntN(5), func() string {
		return g.quote(g.key()) + g.space() + ":" + g.space() + g.value(depth-1)
	})
}

func (g generator) value(depth int) string {
	switch n := g.IntN(10); {
	case depth <= 0 || n < 3:
		return g.scalar()
	case n < 7-g.arrays:
		return g.event(depth)
	}
	return g.list("[", "]", g.IntN(4), func() string { return g.value(depth - 1) })
}

// pattern is a valid pattern, or nearly always.
func (g generator) pattern(depth int) string {
	return g.list("{", "}", 1+g.IntN(3), func() string { return g.patternMember(depth) })
}

func (g generator) patternMember(depth int) string {
	switch n := g.IntN(10); {
	case n == 0 && depth > 0:
		return `"$or":` + g.list("[", "]", 2+g.IntN(2), func() string { return g.pattern(depth - 1) })
	case n < 6 && depth > 0:
		return g.quote(g.key()) + ":" + g.pattern(depth-1)
	}
	return g.quote(g.key()) + ":" + g.list("[", "]", 1+g.IntN(3), g.patternValue)
}

// patternFor is a pattern made of leaves of an event, with some of their values.
func (g generator) patternFor(event string) string {
	fields := refFieldsOf(refDecode(event))
	if len(fields) == 0 {
		return g.pattern(2)
	}
	member := func() string {
		f := fields[g.IntN(len(fields))]
		path := strings.Split(strings.TrimSuffix(f.path, "|"), ".")
		if g.IntN(8) == 0 {
			path[len(path)-1] = g.key()
		}
		return g.nested(path, g.list("[", "]", 1+g.IntN(2), func() string { return g.valueFor(f.value) }))
	}
	members := func() string { return g.list("{", "}", 1+g.IntN(3), member) }
	if g.IntN(5) == 0 {
		return g.list("{", "}", 1+g.IntN(2), func() string { return `"$or":` + g.list("[", "]", 2, members) })
	}
	return members()
}

// nested writes a member of a pattern, whose path may be spelled with dots or with objects.
func (g generator) nested(path []string, values string) string {
	n := 1 + g.IntN(len(path))
	if n == len(path) {
		return g.quote(strings.Join(path, ".")) + ":" + values
	}
	return g.quote(strings.Join(path[:n], ".")) + ":{" + g.nested(path[n:], values) + "}"
}

// valueFor is often the value itself.
func (g generator) valueFor(leaf any) string {
	if g.IntN(3) == 0 {
		return g.patternValue()
	}
	switch v := leaf.(type) {
	case string:
		return g.quote(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return "null"
}

func (g generator) patternValue() string {
	if g.IntN(3) == 0 {
		return g.scalar()
	}
	return "{" + g.match() + "}"
}

func (g generator) match() string {
	switch g.IntN(12) {
	case 0, 1:
		return `"exists":` + pick(g, "true", "false", "false")
	case 2:
		return `"prefix":` + g.affix()
	case 3:
		return `"suffix":` + g.affix()
	case 4:
		return `"equals-ignore-case":` + g.quote(g.word())
	case 5:
		return `"wildcard":` + g.quote(g.wildcard())
	case 6:
		return `"cidr":` + g.quote(pick(g, "10.0.0.0/24", "10.0.0.129/25", "10.0.0.1/31", "0.0.0.0/0", "::/0", "2001:db8::/32", "::1/127", "010.0.0.1/30"))
	case 7, 8:
		return `"numeric":` + g.numeric()
	case 9:
		return `"exactly":` + g.quote(g.word())
	}
	return `"anything-but":` + g.anythingBut()
}

func (g generator) affix() string {
	if g.IntN(3) == 0 {
		return `{"equals-ignore-case":` + g.quote(g.word()) + "}"
	}
	return g.quote(g.word())
}

func (g generator) wildcard() string {
	return pick(g, "*", "x*", "*x", "x*x", "*x*", "*y*x", "x*y*", `x\*y`, `x\\*`, "xy", "", "10.*", "é*", "*é*", "*.*.*")
}

func (g generator) numeric() string {
	if g.IntN(2) == 0 {
		return fmt.Sprintf(`["%s",%s]`, pick(g, "=", "<", "<=", ">", ">="), g.number())
	}
	low := g.IntN(300)
	return fmt.Sprintf(`["%s",%s,"%s",%s]`, pick(g, ">", ">="), strconv.Itoa(low), pick(g, "<", "<="), strconv.Itoa(low+1+g.IntN(300)))
}

func (g generator) anythingBut() string {
	text := func() string { return g.quote(g.word()) }
	someText := func() string { return g.quote(pick(g, words[1:]...)) }
	switch g.IntN(8) {
	case 0:
		return text()
	case 1:
		return g.number()
	case 2:
		return g.list("[", "]", 1+g.IntN(3), text)
	case 3:
		return g.list("[", "]", 1+g.IntN(3), g.number)
	case 4:
		return fmt.Sprintf(`{"%s":%s}`, pick(g, "prefix", "suffix", "equals-ignore-case"), someText())
	case 5:
		return fmt.Sprintf(`{"%s":%s}`, pick(g, "prefix", "suffix", "equals-ignore-case"), g.list("[", "]", 1+g.IntN(3), someText))
	}
	return `{"wildcard":` + g.list("[", "]", 1+g.IntN(2), func() string { return g.quote(g.wildcard()) }) + "}"
}
