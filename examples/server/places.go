package main

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// places are the settings of a file, each with the place at which it stands.
type places []place

// place is a setting of a file. Its value may be a secret: no error tells it.
type place struct {
	path string // functions.print.timeout, keys[0].id
	key  string // the last part of the path; empty of an element of a list
	line int    // of the key

	value *yaml.Node
}

// placesOf returns the settings of a document, those that hold others before what they hold.
func placesOf(document *yaml.Node) (p places) {
	for _, n := range document.Content {
		p.gather("", n)
	}
	return p
}

func (p *places) gather(path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			*p = append(*p, place{path: at, key: key.Value, line: key.Line, value: value})
			p.gather(at, value)
		}
	case yaml.SequenceNode:
		for i, element := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			*p = append(*p, place{path: at, line: element.Line, value: element})
			p.gather(at, element)
		}
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode: // hold nothing that is a setting here
	}
}

// line returns where a path stands: its own line, or that of what holds it. 0 means that the file has nothing of it.
func (p places) line(path string) int {
	for path != "" {
		for _, at := range p {
			if at.path == path {
				return at.line
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// only returns the path of the one place that is as it should be; empty if there are several, or none.
func (p places) only(is func(place) bool) (path string) {
	for _, at := range p {
		if !is(at) {
			continue
		}
		if path != "" {
			return ""
		}
		path = at.path
	}
	return path
}

// where says where a setting stands: "server.yaml: line 3: drain", or "-listen". What is not from a file has no line.
func (c *config) where(path string) string {
	switch line := c.places.line(path); {
	case c.flags[path] != "":
		return c.flags[path]
	case c.file == "":
		return path
	case line == 0:
		return c.file + ": " + path
	default:
		return fmt.Sprintf("%s: line %d: %s", c.file, line, path)
	}
}
