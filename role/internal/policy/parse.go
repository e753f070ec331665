package policy

import "strings"

// The versions of the policy language. Only the second one has variables.
const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Policy is a parsed document. It never changes and is safe for concurrent use.
type Policy struct {
	kind       documentKind
	statements []statement
}

// documentKind is what a document is attached to. Its text is AWS's name in refusals.
type documentKind string

const (
	identityKind documentKind = "identity-based policy"
	resourceKind documentKind = "resource-based policy"
	trustKind    documentKind = "role trust policy"
	sessionKind  documentKind = "session policy"
)

// names reports whether such a document has principals.
func (k documentKind) names() bool { return k == resourceKind || k == trustKind }

// statement is one statement.
type statement struct {
	deny         bool
	actions      patterns
	notActions   bool
	resources    patterns // nil in a trust policy: the role itself
	notResources bool
	principals   []principal // nil in an identity-based policy: its user or role
	notPrincipal bool
	conditions   []condition
}

// ParseIdentity parses a policy of a user or a role, which says what it may do. An unusable document is a *SyntaxError.
func ParseIdentity(document []byte) (*Policy, error) { return parse(document, identityKind) }

// ParseSession parses the policy of a session, which restricts its role: both must allow a request. An unusable
// document is a *SyntaxError.
func ParseSession(document []byte) (*Policy, error) { return parse(document, sessionKind) }

// ParseResource parses the policy of a resource, which says who may do what with it. An unusable document is a
// *SyntaxError.
func ParseResource(document []byte) (*Policy, error) { return parse(document, resourceKind) }

// ParseTrust parses the trust policy of a role, which says who may assume it. An unusable document is a *SyntaxError.
func ParseTrust(document []byte) (*Policy, error) { return parse(document, trustKind) }

func parse(document []byte, kind documentKind) (*Policy, error) {
	root, err := readTree(document)
	if err != nil {
		return nil, err
	}
	p := &parser{kind: kind, version: version2008}
	statements, err := p.head(&root)
	if err != nil {
		return nil, err
	}
	policy := &Policy{kind: kind}
	for _, n := range statements {
		s, err := p.statement(&n)
		if err != nil {
			return nil, err
		}
		policy.statements = append(policy.statements, s)
	}
	return policy, nil
}

// head parses the elements of a policy and returns its statements, at least one.
func (p *parser) head(root *node) ([]node, error) {
	if root.kind != objectKind {
		return nil, wrong("", "is not an object")
	}
	var statements []node
	for i := range root.object {
		m := &root.object[i]
		switch m.name {
		case "Version":
			p.version = m.value.text
			if m.value.kind != textKind || p.version != version2008 && p.version != version2012 {
				return nil, wrong("Version", "must be %q or %q", version2012, version2008)
			}
		case "Id":
			if m.value.kind != textKind {
				return nil, wrong("Id", "must be text")
			}
		case "Statement":
			statements = m.value.elements()
		default:
			return nil, wrong(m.name, "is not an element of a policy")
		}
	}
	if len(statements) == 0 {
		return nil, wrong("Statement", "is missing")
	}
	return statements, nil
}

// parser is the context of parsing a statement.
type parser struct {
	kind    documentKind
	version string
}

// statement parses one statement.
func (p *parser) statement(n *node) (statement, error) {
	if n.kind != objectKind {
		return statement{}, wrong(n.place, "must be an object")
	}
	var s statement
	seen := map[string]bool{}
	for i := range n.object {
		m := &n.object[i]
		seen[m.name] = true
		if err := p.element(&s, m); err != nil {
			return statement{}, err
		}
	}
	return s, p.complete(n.place, &s, seen)
}

// element parses one element of a statement.
func (p *parser) element(s *statement, m *member) (err error) {
	switch m.name {
	case "Sid":
		if m.value.kind != textKind {
			err = wrong(m.value.place, "must be text")
		}
	case "Effect":
		s.deny = m.value.text == "Deny"
		if !s.deny && m.value.text != "Allow" {
			err = wrong(m.value.place, `must be "Allow" or "Deny"`)
		}
	case "Action", "NotAction":
		s.notActions = m.name == "NotAction"
		s.actions, err = readActions(&m.value)
	case "Resource", "NotResource":
		s.notResources = m.name == "NotResource"
		s.resources, err = p.readResources(&m.value)
	case "Principal", "NotPrincipal":
		s.notPrincipal = m.name == "NotPrincipal"
		s.principals, err = readPrincipals(&m.value)
	case "Condition":
		s.conditions, err = p.readConditions(&m.value)
	default:
		err = wrong(m.value.place, "is not an element of a statement")
	}
	return err
}

// complete returns an error if elements are missing or must not be present.
func (p *parser) complete(place string, s *statement, seen map[string]bool) error {
	for _, pair := range [][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"}} {
		if seen[pair[0]] && seen[pair[1]] {
			return wrong(place, "has both %s and %s", pair[0], pair[1])
		}
	}
	principal, resource := s.principals != nil, s.resources != nil
	switch {
	case !seen["Effect"]:
		return wrong(place, "has no Effect")
	case s.actions == nil:
		return wrong(place, "has neither Action nor NotAction")
	case principal && !p.kind.names():
		return wrong(place, "has a Principal, which the policy of a principal must not have")
	case !principal && p.kind.names():
		return wrong(place, "has no Principal")
	case resource && p.kind == trustKind:
		return wrong(place, "has a Resource, which a trust policy must not have")
	case !resource && p.kind != trustKind:
		return wrong(place, "has neither Resource nor NotResource")
	case s.notPrincipal && !s.deny:
		return wrong(place, "allows by NotPrincipal, which allows everybody else in the world")
	}
	return nil
}

// readActions parses "*", "service:Name" or a list of them.
func readActions(n *node) (patterns, error) {
	texts, err := n.texts()
	if err != nil {
		return nil, err
	}
	var all patterns
	for _, t := range texts {
		service, name, ok := strings.Cut(t.text, ":")
		if t.text != "*" && (!ok || service == "" || name == "" || strings.ContainsAny(service, "*?") || strings.Contains(name, ":")) {
			return nil, wrong(t.place, "%q is neither an action, SERVICE:NAME, nor *", t.text)
		}
		all = append(all, pattern{glob: literalVariables(strings.ToLower(t.text))})
	}
	return all, nil
}

// readResources parses "*", an ARN or a list of them.
func (p *parser) readResources(n *node) (patterns, error) {
	texts, err := n.texts()
	if err != nil {
		return nil, err
	}
	var all patterns
	for _, t := range texts {
		if t.text != "*" && !isARN(t.text) {
			return nil, wrong(t.place, "%q is neither an ARN, arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, nor *", t.text)
		}
		one, err := p.pattern(&t)
		if err != nil {
			return nil, err
		}
		one.arn = t.text != "*"
		all = append(all, one)
	}
	return all, nil
}
