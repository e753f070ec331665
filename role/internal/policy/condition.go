package policy

import (
	"slices"
	"strings"
)

// condition is one key of a Condition element under one operator.
type condition struct {
	operator operator
	set      string // "", forAll or forAny
	ifExists bool
	key      string // in lower case
	values   patterns
}

const (
	forAll = "ForAllValues:"
	forAny = "ForAnyValue:"
)

// operator compares a value of the request with those of the document.
type operator struct {
	negated bool
	null    bool                                 // checks whether the key is present
	match   func(*pattern, string, Context) bool // of one value; nil for null
	prepare func(*node, pattern) (pattern, error)
}

// operators are the known operators. Any other one is an error: ignoring a condition would grant more than the document
// says.
var operators = map[string]operator{
	"StringEquals":              {match: equals, prepare: plain},
	"StringNotEquals":           {match: equals, prepare: plain, negated: true},
	"StringEqualsIgnoreCase":    {match: equalsFold, prepare: plain},
	"StringNotEqualsIgnoreCase": {match: equalsFold, prepare: plain, negated: true},
	"StringLike":                {match: like, prepare: keep},
	"StringNotLike":             {match: like, prepare: keep, negated: true},
	"ArnEquals":                 {match: like, prepare: ofARN},
	"ArnNotEquals":              {match: like, prepare: ofARN, negated: true},
	"ArnLike":                   {match: like, prepare: ofARN},
	"ArnNotLike":                {match: like, prepare: ofARN, negated: true},
	"Bool":                      {match: equalsFold, prepare: truth},
	"Null":                      {null: true, prepare: truth},
}

func like(p *pattern, s string, c Context) bool { return p.matches(s, c) }

func equals(p *pattern, s string, c Context) bool {
	text, ok := p.text(c)
	return ok && text == s
}

func equalsFold(p *pattern, s string, c Context) bool {
	text, ok := p.text(c)
	return ok && strings.EqualFold(text, s)
}

// text returns the pattern as text.
func (p *pattern) text(c Context) (string, bool) {
	pieces, ok := p.resolve(c)
	var b strings.Builder
	for _, one := range pieces {
		b.WriteString(one.text)
	}
	return b.String(), ok
}

// plain turns wildcards into the literal characters.
func plain(_ *node, p pattern) (pattern, error) {
	for i, one := range p.glob {
		if one.wild != 0 {
			p.glob[i] = piece{text: string(one.wild)}
		}
	}
	return p, nil
}

func keep(_ *node, p pattern) (pattern, error) { return p, nil }

func ofARN(n *node, p pattern) (pattern, error) {
	if n.text == "*" {
		return p, nil
	}
	if !isARN(n.text) {
		return pattern{}, wrong(n.place, "%q is neither an ARN nor *", n.text)
	}
	p.arn = true
	return p, nil
}

func truth(n *node, p pattern) (pattern, error) {
	if !strings.EqualFold(n.text, "true") && !strings.EqualFold(n.text, "false") {
		return pattern{}, wrong(n.place, "must be true or false")
	}
	return p, nil
}

// readConditions parses a Condition element.
func (p *parser) readConditions(n *node) ([]condition, error) {
	if n.kind != objectKind {
		return nil, wrong(n.place, "must be an object")
	}
	var all []condition
	for i := range n.object {
		m := &n.object[i]
		head, err := readOperator(m)
		if err != nil {
			return nil, err
		}
		if m.value.kind != objectKind || len(m.value.object) == 0 {
			return nil, wrong(m.value.place, "must be an object with keys")
		}
		for j := range m.value.object {
			one := head
			if err := p.readKey(&one, &m.value.object[j]); err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// readOperator parses "ForAnyValue:StringLikeIfExists" and the like.
func readOperator(m *member) (condition, error) {
	var c condition
	name := m.name
	for _, set := range []string{forAll, forAny} {
		if rest, ok := strings.CutPrefix(name, set); ok {
			c.set, name = set, rest
		}
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	known, ok := operators[name]
	switch {
	case !ok:
		return c, wrong(m.value.place, "is not a supported operator")
	case known.null && (c.ifExists || c.set != ""):
		return c, wrong(m.value.place, "Null cannot be combined")
	}
	c.operator = known
	return c, nil
}

// readKey parses one key and its values.
func (p *parser) readKey(c *condition, m *member) error {
	c.key = strings.ToLower(m.name)
	if !isKey(c.key) {
		return wrong(m.value.place, "is not a key, SERVICE:NAME")
	}
	texts, err := m.value.texts()
	if err != nil {
		return err
	}
	for _, t := range texts {
		value, err := p.pattern(&t)
		if err == nil {
			value, err = c.operator.prepare(&t, value)
		}
		if err != nil {
			return err
		}
		c.values = append(c.values, value)
	}
	return nil
}

// holds reports whether a request meets the condition. If a variable leaves a negation undecided, it denies and does
// not allow.
func (c *condition) holds(request Context, deny bool) bool {
	if c.operator.negated && !c.values.resolvable(request) {
		return deny
	}
	got, ok := request.get(c.key)
	if c.operator.null {
		return slices.ContainsFunc(c.values, func(v pattern) bool {
			text, _ := v.text(request)
			return strings.EqualFold(text, "true") != ok
		})
	}
	if !ok {
		return c.ifExists || c.set == forAll || c.set == "" && c.operator.negated
	}
	matches := func(s string) bool {
		found := slices.ContainsFunc(c.values, func(v pattern) bool { return c.operator.match(&v, s, request) })
		return found != c.operator.negated
	}
	if c.set == forAll || c.set == "" && c.operator.negated {
		return !slices.ContainsFunc(got, func(s string) bool { return !matches(s) })
	}
	return slices.ContainsFunc(got, matches)
}
