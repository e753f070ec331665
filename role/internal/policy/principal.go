package policy

import (
	"slices"
	"strings"
)

// principal is one entry of a Principal element.
type principal struct {
	anyone  bool   // "*"
	account string // a whole account
	role    string // a role's last name, in account, with all its sessions
	exact   string // an ARN, or the name of a service, a federation or a canonical user
}

// readPrincipals parses "*", or an object of kinds.
func readPrincipals(n *node) ([]principal, error) {
	if n.kind == textKind && n.text == "*" {
		return []principal{{anyone: true}}, nil
	}
	if n.kind != objectKind || len(n.object) == 0 {
		return nil, wrong(n.place, `must be "*" or an object with AWS, Service, Federated or CanonicalUser`)
	}
	var all []principal
	for i := range n.object {
		m := &n.object[i]
		if !slices.Contains([]string{"AWS", "Service", "Federated", "CanonicalUser"}, m.name) {
			return nil, wrong(m.value.place, "is not a kind of principal")
		}
		texts, err := m.value.texts()
		if err != nil {
			return nil, err
		}
		for _, t := range texts {
			one, err := readPrincipal(m.name, &t)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// readPrincipal parses one principal. As in IAM, a * must be alone.
func readPrincipal(kind string, n *node) (principal, error) {
	switch {
	case n.text == "*" && kind == "AWS":
		return principal{anyone: true}, nil
	case n.text == "" || strings.ContainsAny(n.text, "*?$"):
		return principal{}, wrong(n.place, "%q names no principal: principals cannot have wildcards and variables", n.text)
	case kind != "AWS":
		return principal{exact: n.text}, nil
	case isAccount(n.text):
		return principal{account: n.text}, nil
	}
	service, account, resource, ok := splitPrincipal(n.text)
	switch {
	case !ok:
		return principal{}, wrong(n.place, "%q is neither an account nor the ARN of a principal", n.text)
	case service == "iam" && resource == "root":
		return principal{account: account}, nil
	case service == "iam" && strings.HasPrefix(resource, "role/"):
		return principal{account: account, role: lastName(resource)}, nil
	}
	return principal{exact: n.text}, nil
}

// matches reports whether the entry covers the principal of a request.
func (p *principal) matches(who string) bool {
	if p.anyone || p.exact != "" {
		return p.anyone || p.exact == who
	}
	service, account, resource, ok := splitPrincipal(who)
	if !ok || account != p.account {
		return false
	}
	if p.role == "" {
		return true
	}
	if service == "iam" {
		return strings.HasPrefix(resource, "role/") && lastName(resource) == p.role
	}
	// A session's ARN has the role's name without its path; a name is unique in its account.
	session, ok := strings.CutPrefix(resource, "assumed-role/")
	name, _, _ := strings.Cut(session, "/")
	return ok && name == p.role
}

// splitPrincipal splits the ARN of a user, a role, a session or a root.
func splitPrincipal(arn string) (service, account, resource string, ok bool) {
	p := strings.SplitN(arn, ":", arnParts)
	if len(p) != arnParts || p[0] != "arn" || p[2] != "iam" && p[2] != "sts" || !isAccount(p[4]) || p[5] == "" {
		return "", "", "", false
	}
	return p[2], p[4], p[5], true
}

func lastName(resource string) string { return resource[strings.LastIndexByte(resource, '/')+1:] }

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }
