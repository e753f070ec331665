package servicemodel

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// restRequest checks a request whose operation is in its method and address.
func (c *check) restRequest(r Request) string {
	op, values := c.route(r)
	if op == nil {
		c.problem(c.metadata.ServiceID, Unknown, "no operation has the address %s %s?%s", r.Method, r.Path, r.Query)
		return ""
	}
	if op.Input == nil {
		c.whole(op.name, nil, nil)
		return op.name
	}
	s := c.shapes[op.Input.Shape]
	members := c.payload(op.name, s, r.Header.Get("Content-Type"), r.Body)
	for name, member := range s.Members {
		if v, ok := values[cmp.Or(member.LocationName, name)]; ok && member.Location == "uri" {
			members[name] = Text(v)
		}
	}
	c.parameters(op, s, r.Query, members)
	c.members(op.name, s, c.outside(op.name, s, r.Header, members))
	return op.name
}

// route finds the operation of a request, and the values of the labels in its address. Of two the one with more literal
// parts counts, and of those with one address, such as S3's PutObject and CopyObject, one that lacks no required header or
// parameter.
func (c *check) route(r Request) (found *operation, values map[string]string) {
	query, _ := url.ParseQuery(r.Query)
	best := -1
	for _, name := range c.Operations() {
		op := c.operations[name]
		if op.HTTP.Method != r.Method {
			continue
		}
		labels, literal, ok := match(op.path, strings.Split(strings.Trim(r.Path, "/"), "/"))
		for _, key := range op.keys {
			k, _, _ := strings.Cut(key, "=")
			ok = ok && query.Has(k)
			literal++
		}
		score := 2 * literal
		if ok && c.hasRequired(op, r.Header, query) {
			score++
		}
		if ok && score > best {
			found, values, best = op, labels, score
		}
	}
	return found, values
}

// hasRequired reports whether a request has the headers and parameters that an operation requires.
func (c *check) hasRequired(op *operation, header http.Header, query url.Values) bool {
	if op.Input == nil {
		return true
	}
	s := c.shapes[op.Input.Shape]
	for _, name := range s.Required {
		switch at := s.Members[name]; {
		case at.Location == "header" && header.Get(cmp.Or(at.LocationName, name)) == "",
			at.Location == "querystring" && !query.Has(cmp.Or(at.LocationName, name)):
			return false
		}
	}
	return true
}

// match compares the parts of an address with those of a path. A label is {Name}, one that takes the rest {Name+}.
func match(address, path []string) (labels map[string]string, literal int, ok bool) {
	labels = map[string]string{}
	for i, part := range address {
		if i >= len(path) {
			return nil, 0, false
		}
		value := path[i]
		name, isLabel := strings.CutPrefix(strings.TrimSuffix(part, "}"), "{")
		if !isLabel {
			if part != value {
				return nil, 0, false
			}
			literal++
			continue
		}
		name, rest := strings.CutSuffix(name, "+")
		if rest {
			value = strings.Join(path[i:], "/")
		}
		text, err := url.PathUnescape(value)
		if err != nil || text == "" {
			return nil, 0, false
		}
		labels[name] = text
		if rest {
			return labels, literal, true
		}
	}
	return labels, literal, len(address) == len(path)
}

// parameters puts the members of the query string into members.
func (c *check) parameters(op *operation, s *shape, text string, members map[string]any) {
	query, err := url.ParseQuery(text)
	if err != nil {
		c.problem(op.name, Protocol, "%v", err)
	}
	for name, member := range s.Members {
		key := cmp.Or(member.LocationName, name)
		if values, ok := query[key]; ok && member.Location == "querystring" {
			members[name] = c.parameter(member, values)
			delete(query, key)
		}
	}
	for key := range query {
		literal := slices.ContainsFunc(op.keys, func(k string) bool { k, _, _ = strings.Cut(k, "="); return k == key })
		if !literal && key != "x-id" { // the operation's name, which newer clients add
			c.problem(op.name+"?"+key, Unknown, "the operation has no such parameter")
		}
	}
}

// parameter returns the tree of a parameter: a list for a list, and for others their one value.
func (c *check) parameter(member reference, values []string) any {
	if c.shapes[member.Shape].Type != "list" && len(values) == 1 {
		return Text(values[0])
	}
	items := make([]any, len(values))
	for i, v := range values {
		items[i] = Text(v)
	}
	return items
}

// commonHeaders are those of signatures, SDKs and answers, which the models leave out.
var commonHeaders = []string{
	"X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-User-Agent", "X-Amz-Decoded-Content-Length",
	"X-Amz-Trailer", "X-Amz-Id-2", "X-Amz-Request-Id",
}

// outside adds the members of headers to those of the body.
func (c *check) outside(path string, s *shape, header http.Header, members map[string]any) map[string]any {
	rest := header.Clone()
	for name, member := range s.Members {
		key := cmp.Or(member.LocationName, name)
		switch member.Location {
		case "header":
			if header.Get(key) != "" {
				members[name] = Text(header.Get(key))
			}
			rest.Del(key)
		case "headers":
			members[name] = prefixed(rest, key)
		}
	}
	for key := range rest {
		if strings.HasPrefix(key, "X-Amz-") && c.isREST() && !slices.Contains(commonHeaders, key) {
			c.problem(path+" header "+key, Unknown, "the operation has no such header")
		}
	}
	return members
}

// prefixed takes the headers with a prefix out of header.
func prefixed(header http.Header, prefix string) map[string]any {
	entries := map[string]any{}
	for key := range header {
		if name, ok := strings.CutPrefix(strings.ToLower(key), strings.ToLower(prefix)); ok {
			entries[name] = Text(header.Get(key))
			header.Del(key)
		}
	}
	return entries
}

// payload returns the members of a body.
func (c *check) payload(path string, s *shape, contentType string, body []byte) map[string]any {
	members := map[string]any{}
	if s.Payload == "" {
		return c.restBody(path, s, contentType, body)
	}
	member := s.Members[s.Payload]
	switch of := c.shapes[member.Shape]; {
	case len(body) == 0:
	case of.Type == "blob":
		members[s.Payload] = body
	case of.Type == "string":
		members[s.Payload] = Text(body)
	case c.metadata.Protocol == "rest-json":
		members[s.Payload], _ = c.json(path, contentType, body)
	default:
		c.unchecked(path+"."+s.Payload, Protocol, "a body of XML is not read here")
	}
	return members
}

// restBody returns the members of a body that is a structure.
func (c *check) restBody(path string, s *shape, contentType string, body []byte) map[string]any {
	if len(body) == 0 {
		return map[string]any{}
	}
	if c.metadata.Protocol != "rest-json" {
		c.unchecked(path, Protocol, "a body of XML is not read here")
		return map[string]any{}
	}
	tree, ok := c.json(path, contentType, body)
	object, isObject := tree.(map[string]any)
	if ok && !isObject {
		c.mistyped(path, "structure", tree)
	}
	return c.named(path, s, object)
}

func (c *check) json(path, contentType string, body []byte) (any, bool) {
	tree, err := fromJSON(body)
	if err != nil || contentType != jsonType {
		c.problem(path, Protocol, "a body of %q: %v", contentType, err)
	}
	return tree, err == nil
}

// restAnswer checks an answer that is no error.
func (c *check) restAnswer(op *operation, a Answer) {
	path := op.name + " answer"
	if want := cmp.Or(op.HTTP.ResponseCode, http.StatusOK); a.Status != want {
		c.problem(path, Protocol, "the status is %d, not %d", a.Status, want)
	}
	if op.Output == nil {
		if len(a.Body) > 0 {
			c.problem(path, Unknown, "the answer has no body")
		}
		return
	}
	s := c.shapes[op.Output.Shape]
	members := c.outside(path, s, a.Header, c.payload(path, s, a.Header.Get("Content-Type"), a.Body))
	for name, member := range s.Members {
		if member.Location == "statusCode" {
			delete(members, name) // the status is there always
		}
	}
	c.members(path, s, members)
}
