package filter

// kind is the kind of a JSON value, in patterns and in events.
type kind uint8

const (
	aNull kind = iota
	aFalse
	aTrue
	aNumber
	aString
	anObject
	anArray
)

// value is a leaf of an event. Slices of text and number that share memory with the event are not retained.
type value struct {
	kind   kind
	text   []byte // of a string, decoded
	number number // of a number, if a test needs it
}

// op is what a test does.
type op uint8

const (
	opString     op = iota // the string is text
	opStrings              // the string is in the set
	opLiteral              // null, true or false
	opPrefix               // the string begins with text
	opSuffix               // the string ends with text
	opFold                 // the string is text in any case
	opPrefixFold           // the string begins with text in any case
	opSuffixFold           // the string ends with text in any case
	opWildcard             // the string fits the glob
	opCIDR                 // the string is an IP address within the block
	opRange                // the number lies between low and high
	opExists               // there is a leaf
	opAbsent               // there is none; never a test of a value, and taken out of a clause's tests
	opNot                  // there is a leaf for which no test in not holds
)

// bounds are flags for the ends of a range: whether it has one, and whether the end itself is excluded.
type bounds uint8

const (
	hasLow bounds = 1 << iota
	hasHigh
	openLow
	openHigh
)

// test is one entry of the array that a pattern has for a field. op determines which of the other fields are used.
type test struct {
	op        op
	literal   kind
	bounds    bounds
	text      string
	set       map[string]struct{}
	fold      []foldRune
	glob      glob
	block     block
	low, high number
	not       []test
}

// matches reports whether the test holds for one leaf.
func (t *test) matches(v *value) bool {
	switch t.op {
	case opLiteral:
		return v.kind == t.literal
	case opExists:
		return true
	case opNot:
		return !anyMatches(t.not, v)
	case opRange:
		return v.kind == aNumber && t.inRange(&v.number)
	case opAbsent:
		return false
	default:
		return v.kind == aString && t.matchesString(v.text)
	}
}

func (t *test) matchesString(s []byte) bool {
	switch t.op {
	case opString:
		return string(s) == t.text
	case opStrings:
		_, in := t.set[string(s)]
		return in
	case opPrefix:
		return len(s) >= len(t.text) && string(s[:len(t.text)]) == t.text
	case opSuffix:
		return len(s) >= len(t.text) && string(s[len(s)-len(t.text):]) == t.text
	case opFold:
		rest, ok := foldPrefix(s, t.fold)
		return ok && len(rest) == 0
	case opPrefixFold:
		_, ok := foldPrefix(s, t.fold)
		return ok
	case opSuffixFold:
		return foldSuffix(s, t.fold)
	case opWildcard:
		return t.glob.matches(s)
	case opCIDR:
		return t.block.contains(s)
	default:
		return false
	}
}

func (t *test) inRange(n *number) bool {
	if t.bounds&hasLow != 0 {
		if c := n.compare(t.low); c < 0 || c == 0 && t.bounds&openLow != 0 {
			return false
		}
	}
	if t.bounds&hasHigh != 0 {
		if c := n.compare(t.high); c > 0 || c == 0 && t.bounds&openHigh != 0 {
			return false
		}
	}
	return true
}

func anyMatches(tests []test, v *value) bool {
	for i := range tests {
		if tests[i].matches(v) {
			return true
		}
	}
	return false
}

// usesNumbers reports whether a test needs the number of a leaf.
func usesNumbers(tests []test) bool {
	for i := range tests {
		if tests[i].op == opRange || usesNumbers(tests[i].not) {
			return true
		}
	}
	return false
}

// packFrom is the number of strings from which a lookup in a set is faster than a comparison with each.
const packFrom = 8

// pack puts the plain strings of a long list into one test.
func pack(tests []test) []test {
	plain := map[string]struct{}{}
	for i := range tests {
		if tests[i].op == opString {
			plain[tests[i].text] = struct{}{}
		}
	}
	if len(plain) < packFrom {
		return tests
	}
	packed := []test{{op: opStrings, set: plain}}
	for _, t := range tests {
		if t.op != opString {
			packed = append(packed, t)
		}
	}
	return packed
}
