package serve

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// places are the settings of a file, each with its place.
type places []place

// place is a setting of a file. Its value may be a secret, and so may a key that is not ours: a missing space after a colon
// makes the value a part of the key.
type place struct {
	path  string // functions.print.timeout, keys[0].id
	shown string // the path as errors show it: functions.<name>.timeout
	key   string // the last part of the path; empty of an element of a list
	line  int    // of the key

	value *yaml.Node
}

// vocabulary is every key of the server. Errors print no other text of a file.
var vocabulary = []string{
	"listen", "hosts", "keys", "id", "secret", "tls", "certificate", "key", "region", "account", "drain",
	"store", "bolt", "dynamodb", "table", "endpoint", "worker", "noCreate",
	"kinesis", "embedded", "path", "streams", "name", "shards",
	"endpoints", "lambda", "sts", "sqs", "sns", "s3",
	"functions", "command", "url", "builtin", "dir", "handler", "environment", "maxProcesses", "outputRate", "headers",
	"role", "externalId", "timeout",
	"admin", "token", "tokenFile",
}

// anyName replaces a key that is not the server's.
const anyName = "<name>"

func shownKey(key string) string {
	if slices.Contains(vocabulary, key) {
		return key
	}
	return anyName
}

// placesOf returns the settings of a document, parents before children.
func placesOf(document *yaml.Node) (p places) {
	for _, n := range document.Content {
		p.gather(place{}, n)
	}
	return p
}

// gather adds the settings below in.
func (p *places) gather(in place, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			p.add(place{
				path:  strings.TrimPrefix(in.path+"."+key.Value, "."),
				shown: strings.TrimPrefix(in.shown+"."+shownKey(key.Value), "."),
				key:   key.Value, line: key.Line, value: value,
			})
		}
	case yaml.SequenceNode:
		for i, element := range n.Content {
			p.add(place{
				path: fmt.Sprintf("%s[%d]", in.path, i), shown: fmt.Sprintf("%s[%d]", in.shown, i), line: element.Line, value: element,
			})
		}
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode: // contain no setting here
	}
}

func (p *places) add(at place) {
	*p = append(*p, at)
	p.gather(at, at.value)
}

// find returns the place of a path, or of its nearest parent. false means that the file has neither.
func (p places) find(path string) (place, bool) {
	for path != "" {
		for _, at := range p {
			if at.path == path {
				return at, true
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return place{}, false
}

// only returns the shown path of the one place that satisfies is; empty if there are several, or none.
func (p places) only(is func(place) bool) (path string) {
	for _, at := range p {
		if !is(at) {
			continue
		}
		if path != "" {
			return ""
		}
		path = at.shown
	}
	return path
}

// part is a key in a path.
var part = regexp.MustCompile(`(^|\.)[^.\[]+`)

// shown returns a path in the form for errors.
func (p places) shown(path string) string {
	at, _ := p.find(path)
	return at.shown + part.ReplaceAllStringFunc(path[len(at.path):], func(key string) string {
		name := strings.TrimPrefix(key, ".")
		return key[:len(key)-len(name)] + shownKey(name)
	})
}

// where returns the place of a setting: "server.yaml: line 3: drain", or "-listen". A setting outside the file has no
// line.
func (c *config) where(path string) string {
	if flag := c.flags[path]; flag != "" {
		return flag
	}
	if c.file == "" {
		return path
	}
	at, ok := c.places.find(path)
	if !ok {
		return c.file + ": " + c.places.shown(path)
	}
	return fmt.Sprintf("%s: line %d: %s", c.file, at.line, c.places.shown(path))
}
