package filter

import (
	"slices"
	"strings"
)

// parseValue reads one entry of a field's array. The path of its error is left to the caller.
func parseValue(e element) (test, *Error) {
	switch e.kind {
	case aString, aNumber:
		return equal(e), nil
	case aTrue, aFalse, aNull:
		return test{op: opLiteral, literal: e.kind}, nil
	case anObject:
		return parseOperator(e)
	default:
		return test{}, &Error{Line: e.line, Reason: "Match value must be String, number, true, false, or null"}
	}
}

// equal is the test for the string or the number itself.
func equal(e element) test {
	if e.kind == aString {
		return test{op: opString, text: e.text}
	}
	n := parseNumber([]byte(e.text))
	return test{op: opRange, low: n, high: n, bounds: hasLow | hasHigh}
}

// parseOperator reads {"name": operand}.
func parseOperator(e element) (test, *Error) {
	if len(e.members) == 0 {
		return test{}, &Error{Line: e.line, Reason: "Match expression name not found"}
	}
	m := e.members[0]
	o := operand{operator: m.name, value: m.value}
	t, err := o.parse()
	if err == nil && len(e.members) > 1 {
		err = o.fail("Only one key allowed in match expression")
	}
	return t, err
}

// operand is what follows the name of an operator.
type operand struct {
	operator string
	value    element
}

func (o operand) fail(reason string) *Error {
	return &Error{Line: o.value.line, Operator: o.operator, Reason: reason}
}

func (o operand) parse() (test, *Error) {
	switch o.operator {
	case "exactly":
		return o.text(opString, "exact match pattern must be a string")
	case "prefix":
		return o.affix(opPrefix, opPrefixFold)
	case "suffix":
		return o.affix(opSuffix, opSuffixFold)
	case "equals-ignore-case":
		return o.text(opFold, "equals-ignore-case match pattern must be a string")
	case "wildcard":
		return o.text(opWildcard, "wildcard match pattern must be a string")
	case "cidr":
		return o.text(opCIDR, "cidr match pattern must be a string")
	case "numeric":
		return o.numeric()
	case "exists":
		return o.exists()
	case "anything-but":
		return o.anythingBut()
	default:
		return test{}, o.fail("Unrecognized match type " + o.operator)
	}
}

// text reads a string and prepares the test for it.
func (o operand) text(op op, otherwise string) (test, *Error) {
	if o.value.kind != aString {
		return test{}, o.fail(otherwise)
	}
	t := test{op: op, text: o.value.text}
	var reason string
	switch op {
	case opFold, opPrefixFold, opSuffixFold:
		t.fold = foldRunes(t.text)
	case opWildcard:
		t.glob, reason = parseGlob(t.text)
	case opCIDR:
		t.block, reason = parseBlock(t.text)
	default:
	}
	if reason != "" {
		return test{}, o.fail(reason)
	}
	return t, nil
}

// affix reads a string, or {"equals-ignore-case": string}. An empty string is fine: it holds for every string.
func (o operand) affix(exact, fold op) (test, *Error) {
	if o.value.kind != anObject {
		return o.text(exact, o.operator+" match pattern must be a string")
	}
	inner, err := o.inner()
	if err != nil {
		return test{}, err
	}
	if inner.operator != "equals-ignore-case" {
		return test{}, o.fail("Unsupported " + o.operator + " pattern: " + inner.operator)
	}
	return inner.text(fold, "equals-ignore-case match pattern must be a string")
}

// inner is the one operator within another's operand.
func (o operand) inner() (operand, *Error) {
	switch len(o.value.members) {
	case 0:
		return operand{}, o.fail("the name of an operator is missing")
	case 1:
		return operand{operator: o.value.members[0].name, value: o.value.members[0].value}, nil
	default:
		return operand{}, o.fail("Only one key allowed in match expression")
	}
}

func (o operand) exists() (test, *Error) {
	switch o.value.kind {
	case aTrue:
		return test{op: opExists}, nil
	case aFalse:
		return test{op: opAbsent}, nil
	default:
		return test{}, o.fail("exists match pattern must be either true or false.")
	}
}

// numeric reads one comparison, or a lower bound and then an upper one.
func (o operand) numeric() (test, *Error) {
	if o.value.kind != anArray {
		return test{}, o.fail("Value of numeric must be an array.")
	}
	items := o.value.items
	if len(items) == 0 || items[0].kind != aString {
		return test{}, o.fail("Invalid member in numeric match: it begins with =, <, <=, > or >=")
	}
	t := test{op: opRange}
	if reason := t.bound(items); reason != "" {
		return test{}, o.fail(reason)
	}
	if len(items) == 2 {
		return t, nil
	}
	if !slices.Contains([]string{">", ">="}, items[0].text) {
		return test{}, o.fail("Too many elements in numeric expression")
	}
	if items[2].kind != aString || !strings.HasPrefix(items[2].text, "<") {
		return test{}, o.fail("Bad numeric range operator: " + items[2].text)
	}
	if reason := t.bound(items[2:]); reason != "" {
		return test{}, o.fail(reason)
	}
	if len(items) > 4 {
		return test{}, o.fail("Too many terms in numeric range expression")
	}
	if t.low.compare(t.high) >= 0 {
		return test{}, o.fail("Bottom must be less than top")
	}
	return t, nil
}

// bound takes the comparison at the head of items into t, and returns what is wrong with it.
func (t *test) bound(items []element) (reason string) {
	sign := items[0].text
	if !slices.Contains([]string{"=", "<", "<=", ">", ">="}, sign) {
		return "Unrecognized numeric range operator: " + sign
	}
	if len(items) < 2 || items[1].kind != aNumber {
		return "Value of " + sign + " must be numeric"
	}
	n := parseNumber([]byte(items[1].text))
	switch sign {
	case "=":
		t.low, t.high, t.bounds = n, n, hasLow|hasHigh
	case "<":
		t.high, t.bounds = n, t.bounds|hasHigh|openHigh
	case "<=":
		t.high, t.bounds = n, t.bounds|hasHigh
	case ">":
		t.low, t.bounds = n, t.bounds|hasLow|openLow
	default:
		t.low, t.bounds = n, t.bounds|hasLow
	}
	return ""
}

// anythingBut reads a string, a number, a list of either, or one of four operators over a string or a list of strings.
func (o operand) anythingBut() (test, *Error) {
	switch o.value.kind {
	case aString, aNumber:
		return test{op: opNot, not: []test{equal(o.value)}}, nil
	case anArray:
		return o.anythingButList()
	case anObject:
		return o.anythingButOperator()
	default:
		return test{}, o.fail("Value of anything-but must be an array or single string/number value.")
	}
}

func (o operand) anythingButList() (test, *Error) {
	t := test{op: opNot}
	for _, item := range o.value.items {
		if item.kind != aString && item.kind != aNumber {
			return test{}, o.fail("Inside anything but list, start|null|boolean is not supported.")
		}
		if item.kind != o.value.items[0].kind {
			return test{}, o.fail("Inside anything but list, either all values are number or string, mixed type is not supported")
		}
		t.not = append(t.not, equal(item))
	}
	if len(t.not) == 0 {
		return test{}, o.fail("Empty arrays are not allowed")
	}
	t.not = pack(t.not)
	return t, nil
}

func (o operand) anythingButOperator() (test, *Error) {
	inner, err := o.inner()
	if err != nil {
		return test{}, err
	}
	op, otherwise := opPrefix, "prefix/suffix match pattern must be a string"
	switch inner.operator {
	case "prefix":
	case "suffix":
		op = opSuffix
	case "equals-ignore-case":
		op, otherwise = opFold, "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
	case "wildcard":
		op, otherwise = opWildcard, "wildcard match pattern must be a string"
	default:
		return test{}, o.fail("Unsupported anything-but pattern: " + inner.operator)
	}
	items := []element{inner.value}
	if inner.value.kind == anArray {
		items = inner.value.items
	}
	t := test{op: opNot} // of an empty list too, as in the engine: every leaf is something else
	for _, item := range items {
		one, err := operand{operator: "anything-but " + inner.operator, value: item}.text(op, otherwise)
		if err != nil {
			return test{}, err
		}
		if item.text == "" && (op == opPrefix || op == opSuffix) {
			return test{}, o.fail("Null prefix/suffix not allowed")
		}
		t.not = append(t.not, one)
	}
	return t, nil
}
