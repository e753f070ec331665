package filter_test

import (
	"encoding/json"
	"maps"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// This file is a second matcher, written to be obviously right and for nothing else. It takes an event apart into a
// list of fields, each with its joined path, its value and its place in every array around it, and looks for fields
// that fit by trying everything. It shares no code with the package, and takes patterns to be valid.

type refMember struct {
	name  string
	value any
}

// refObject keeps the order and the duplicates of its keys. Arrays are []any, numbers json.Number.
type refObject []refMember

func refDecode(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return refValue(d)
}

func refValue(d *json.Decoder) any {
	token, err := d.Token()
	if err != nil {
		panic(err)
	}
	switch token {
	case json.Delim('{'):
		object := refObject{}
		for d.More() {
			name := refValue(d).(string)
			object = append(object, refMember{name, refValue(d)})
		}
		refValue(d) // the end
		return object
	case json.Delim('['):
		array := []any{}
		for d.More() {
			array = append(array, refValue(d))
		}
		refValue(d) // the end
		return array
	}
	return token
}

// refField is a leaf of an event. places has the index within each array around it, by a number given to the array.
type refField struct {
	path   string
	value  any
	places map[int]int
}

// refFields takes an event apart.
type refFields struct {
	all    []refField
	arrays int
}

func (f *refFields) add(path string, value any, places map[int]int) {
	switch v := value.(type) {
	case refObject:
		for _, m := range v {
			below := m.name
			if path != "" {
				below = path[:len(path)-1] + "." + m.name // path ends with a mark, see refFieldsOf
			}
			f.add(below+"|", m.value, places)
		}
	case []any:
		f.arrays++
		number := f.arrays
		for i, item := range v {
			at := places
			switch item.(type) {
			case refObject, []any:
				at = maps.Clone(places)
				at[number] = i
			}
			f.add(path, item, at)
		}
	default:
		f.all = append(f.all, refField{path: path, value: value, places: places})
	}
}

// refFieldsOf lists the fields of an event. Every path ends with "|", so that the root is told from an empty key.
func refFieldsOf(event any) []refField {
	var f refFields
	f.add("", event, map[int]int{})
	return f.all
}

// refMatch reports whether an event matches a pattern.
func refMatch(pattern, event any) bool {
	object, ok := event.(refObject)
	if !ok {
		return false
	}
	fields := refFieldsOf(object)
	for _, a := range refAlternatives(pattern.(refObject)) {
		if refHolds(a, fields) {
			return true
		}
	}
	return false
}

type refAlternative map[string][]any

func refAlternatives(pattern refObject) []refAlternative {
	return refExpand([]refAlternative{{}}, "", pattern, refHasOr(pattern, false))
}

func refExpand(all []refAlternative, prefix string, object refObject, or bool) []refAlternative {
	for _, m := range object {
		name := prefix + m.name
		switch v := m.value.(type) {
		case refObject:
			all = refExpand(all, name+".", v, or)
		case []any:
			if m.name == "$or" && or {
				var multiplied []refAlternative
				for _, branch := range v {
					var copies []refAlternative
					for _, a := range all {
						copies = append(copies, maps.Clone(a))
					}
					multiplied = append(multiplied, refExpand(copies, prefix, branch.(refObject), or)...)
				}
				all = multiplied
				continue
			}
			for _, a := range all {
				a[name+"|"] = v
			}
		}
	}
	return all
}

var refReserved = strings.Fields("exactly equals-ignore-case prefix suffix anything-but exists wildcard numeric cidr = < <= > >= regex " +
	"not-wildcard not-equals-ignore-case date-after date-on-or-after date-before date-on-or-before in-date-range ip-address-in-range ip-address-not-in-range")

// refHasOr reports whether every $or has the form of the operator.
func refHasOr(object refObject, within bool) bool {
	for _, m := range object {
		if m.name == "$or" {
			branches, ok := m.value.([]any)
			if !ok || len(branches) < 2 {
				return false
			}
			for _, b := range branches {
				if o, ok := b.(refObject); !ok || !refHasOr(o, true) {
					return false
				}
			}
			continue
		}
		if within && slices.Contains(refReserved, m.name) {
			return false
		}
		if o, ok := m.value.(refObject); ok && !refHasOr(o, within) {
			return false
		}
	}
	return true
}

// refHolds tries all ways to pick a field for each path, in the order of the paths.
func refHolds(a refAlternative, fields []refField) bool {
	paths := slices.Collect(maps.Keys(a))
	slices.SortFunc(paths, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(a, "|"), strings.TrimSuffix(b, "|"))
	})
	return refPick(a, paths, fields, map[int]int{})
}

func refPick(a refAlternative, paths []string, fields []refField, places map[int]int) bool {
	if len(paths) == 0 {
		return true
	}
	absent := true
	for _, f := range fields {
		if f.path != paths[0] || !refTogether(f.places, places) {
			continue
		}
		absent = false
		if refAny(a[paths[0]], f.value) {
			with := maps.Clone(places)
			maps.Copy(with, f.places)
			if refPick(a, paths[1:], fields, with) {
				return true
			}
		}
	}
	for _, v := range a[paths[0]] {
		if o, ok := v.(refObject); ok && o[0].name == "exists" && o[0].value == false && absent {
			return refPick(a, paths[1:], fields, places)
		}
	}
	return false
}

func refTogether(a, b map[int]int) bool {
	for array, i := range a {
		if j, ok := b[array]; ok && i != j {
			return false
		}
	}
	return true
}

func refAny(values []any, leaf any) bool {
	return slices.ContainsFunc(values, func(v any) bool { return refTest(v, leaf) })
}

// refTest tries one value of a pattern on one leaf.
func refTest(value, leaf any) bool {
	o, ok := value.(refObject)
	if !ok {
		return refEqual(value, leaf)
	}
	operand := o[0].value
	s, isString := leaf.(string)
	switch o[0].name {
	case "exists":
		return operand == true
	case "exactly":
		return operand == leaf
	case "anything-but":
		return !refExcluded(operand, leaf)
	case "numeric":
		n, isNumber := leaf.(json.Number)
		return isNumber && refNumeric(operand.([]any), n)
	case "prefix":
		if fold, ok := operand.(refObject); ok {
			return isString && len(refFold(fold[0].value.(string), s)) > 0
		}
		return isString && strings.HasPrefix(s, operand.(string))
	case "suffix":
		if fold, ok := operand.(refObject); ok {
			return isString && refFoldEnd(fold[0].value.(string), s)
		}
		return isString && strings.HasSuffix(s, operand.(string))
	case "equals-ignore-case":
		return isString && slices.Contains(refFold(operand.(string), s), "")
	case "wildcard":
		return isString && refWildcard(operand.(string)).MatchString(s)
	case "cidr":
		return isString && refCIDR(operand.(string), s)
	}
	panic("operator " + o[0].name)
}

func refEqual(value, leaf any) bool {
	a, ok := value.(json.Number)
	b, ok2 := leaf.(json.Number)
	if ok && ok2 {
		return refRat(a).Cmp(refRat(b)) == 0
	}
	return value == leaf
}

func refExcluded(operand, leaf any) bool {
	switch v := operand.(type) {
	case []any:
		return refAny(v, leaf)
	case refObject:
		each, ok := v[0].value.([]any)
		if !ok {
			each = []any{v[0].value}
		}
		return slices.ContainsFunc(each, func(one any) bool { return refTest(refObject{{v[0].name, one}}, leaf) })
	}
	return refEqual(operand, leaf)
}

func refNumeric(operand []any, leaf json.Number) bool {
	for i := 0; i < len(operand); i += 2 {
		c := refRat(leaf).Cmp(refRat(operand[i+1].(json.Number)))
		holds := map[string]bool{"=": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}
		if !holds[operand[i].(string)] {
			return false
		}
	}
	return true
}

func refRat(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		panic("number " + n.String())
	}
	return r
}

// refCases has the two cases of characters for which package unicode lacks one.
var refCases = map[rune][2]string{'ß': {"ß", "SS"}, 'İ': {"i\u0307", "İ"}, 'ŉ': {"ŉ", "ʼN"}}

// refFold returns what is left of a string behind an operand in any case, in all ways that there are.
func refFold(want, have string) []string {
	rests := []string{have}
	for _, w := range want {
		cases, ok := refCases[w]
		if !ok {
			cases = [2]string{string(unicode.ToLower(w)), string(unicode.ToUpper(w))}
		}
		var shorter []string
		for _, s := range rests {
			for _, c := range cases {
				if rest, ok := strings.CutPrefix(s, c); ok && !slices.Contains(shorter, rest) {
					shorter = append(shorter, rest)
				}
			}
		}
		rests = shorter
	}
	return rests
}

func refFoldEnd(want, have string) bool {
	for i := range len(have) + 1 {
		if slices.Contains(refFold(want, have[i:]), "") {
			return true
		}
	}
	return false
}

// refWildcards keeps the expressions compiled, which would take most of a run's time.
var refWildcards = map[string]*regexp.Regexp{}

func refWildcard(text string) *regexp.Regexp {
	if r := refWildcards[text]; r != nil {
		return r
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '*':
			b.WriteString(".*")
		case '\\':
			i++
			b.WriteString(regexp.QuoteMeta(text[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(text[i : i+1]))
		}
	}
	refWildcards[text] = regexp.MustCompile(`(?s)\A` + b.String() + `\z`)
	return refWildcards[text]
}

// refZeros takes the zeros off the front of the numbers of an IPv4 address, which netip does not take.
var refZeros = regexp.MustCompile(`(^|\.)0+(\d)`)

func refCIDR(block, s string) bool {
	trim := func(s string) string {
		if strings.Contains(s, ":") {
			return s
		}
		host, mask, _ := strings.Cut(s, "/")
		for range 4 {
			host = refZeros.ReplaceAllString(host, "$1$2")
		}
		if mask == "" {
			return host
		}
		return host + "/" + mask
	}
	prefix, err := netip.ParsePrefix(trim(block))
	if err != nil {
		panic(err)
	}
	a, err := netip.ParseAddr(trim(s))
	return err == nil && a.Zone() == "" && !(strings.Contains(s, ":") && strings.Contains(s, ".")) && prefix.Contains(a.Unmap())
}
