package servicemodel

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Model is the description of one service. It does not change once it is parsed.
type Model struct {
	metadata   metadata
	operations map[string]*operation
	shapes     map[string]*shape
	patterns   map[string]pattern // by the text in the model
}

type metadata struct {
	Protocol     string `json:"protocol"`
	JSONVersion  string `json:"jsonVersion"`
	APIVersion   string `json:"apiVersion"`
	TargetPrefix string `json:"targetPrefix"`
	ServiceID    string `json:"serviceId"`
}

// operation is one of a service. Its name is that of requests.
type operation struct {
	name string
	path []string // of its address, split at slashes; empty for protocols that have one address
	keys []string // literal parts of the query that the address has

	rest   *reference // of Output, what is not its stream of events; nil without an Output
	stream *shape     // of the events, or nil

	HTTP struct {
		Method       string `json:"method"`
		RequestURI   string `json:"requestUri"`
		ResponseCode int    `json:"responseCode"`
	} `json:"http"`
	Input  *reference  `json:"input"`
	Output *reference  `json:"output"`
	Errors []reference `json:"errors"`
}

// shape is a type. Which of its fields count depends on Type.
type shape struct {
	Type     string               `json:"type"`
	Members  map[string]reference `json:"members"`
	Required []string             `json:"required"`
	Payload  string               `json:"payload"`
	wire     map[string]string    // the names of Members as a body has them, to those of the model
	Member   *reference           `json:"member"`
	Key      *reference           `json:"key"`
	Value    *reference           `json:"value"`

	Min     *float64 `json:"min"`
	Max     *float64 `json:"max"`
	Pattern string   `json:"pattern"`
	Enum    []string `json:"enum"`

	TimestampFormat string `json:"timestampFormat"`
	Flattened       bool   `json:"flattened"`
	Union           bool   `json:"union"`
	Document        bool   `json:"document"`
	EventStream     bool   `json:"eventstream"`
	Exception       bool   `json:"exception"`
	Fault           bool   `json:"fault"`
	Error           struct {
		Code           string `json:"code"`
		HTTPStatusCode int    `json:"httpStatusCode"`
	} `json:"error"`
}

// reference is where a shape is used.
type reference struct {
	Shape           string `json:"shape"`
	Location        string `json:"location"`
	LocationName    string `json:"locationName"`
	TimestampFormat string `json:"timestampFormat"`
	Flattened       bool   `json:"flattened"`
}

// Parse reads a service-2.json. A reference to a shape that is not there is an error.
func Parse(text []byte) (*Model, error) {
	var file struct {
		Metadata   metadata              `json:"metadata"`
		Operations map[string]*operation `json:"operations"`
		Shapes     map[string]*shape     `json:"shapes"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("servicemodel: %w", err)
	}
	if len(file.Operations) == 0 || len(file.Shapes) == 0 {
		return nil, errors.New("servicemodel: the text has no operations or no shapes")
	}
	m := &Model{metadata: file.Metadata, operations: file.Operations, shapes: file.Shapes, patterns: map[string]pattern{}}
	for name, op := range m.operations {
		op.name = name
		if m.isREST() {
			op.address()
		}
	}
	if err := m.complete(); err != nil {
		return nil, err
	}
	for _, s := range m.shapes {
		s.wire = wireNames(s.Members)
		if s.Pattern != "" {
			m.patterns[s.Pattern] = compile(s.Pattern)
		}
	}
	for _, op := range m.operations {
		m.separate(op)
	}
	return m, nil
}

// separate finds the stream of events in an operation's output, and makes a shape of the rest.
func (m *Model) separate(op *operation) {
	op.rest = op.Output
	if op.Output == nil {
		return
	}
	output := m.shapes[op.Output.Shape]
	for name, member := range output.Members {
		if stream := m.shapes[member.Shape]; stream.EventStream {
			rest := *output
			rest.Members = maps.Clone(output.Members)
			delete(rest.Members, name)
			rest.Required = slices.DeleteFunc(slices.Clone(output.Required), func(r string) bool { return r == name })
			rest.wire = wireNames(rest.Members)
			op.stream, op.rest = stream, &reference{Shape: op.Output.Shape + " without events"}
			m.shapes[op.rest.Shape] = &rest
			return
		}
	}
}

// complete returns what references nothing.
func (m *Model) complete() error {
	var all []*reference
	for _, op := range m.operations {
		all = append(all, op.Input, op.Output)
		for i := range op.Errors {
			all = append(all, &op.Errors[i])
		}
	}
	for _, s := range m.shapes {
		all = append(all, s.Member, s.Key, s.Value)
		for _, member := range s.Members {
			all = append(all, &member)
		}
	}
	for _, r := range all {
		if r != nil && m.shapes[r.Shape] == nil {
			return fmt.Errorf("servicemodel: shape %q is used and not described", r.Shape)
		}
	}
	return nil
}

// Operations returns the names of the operations, sorted.
func (m *Model) Operations() []string {
	return slices.Sorted(maps.Keys(m.operations))
}

// ServiceID returns AWS's short name of the service, such as "DynamoDB".
func (m *Model) ServiceID() string { return m.metadata.ServiceID }

func (m *Model) isREST() bool { return strings.HasPrefix(m.metadata.Protocol, "rest-") }

// wireNames returns the names that members have in a body. Those with a place outside of it have none.
func wireNames(members map[string]reference) map[string]string {
	names := make(map[string]string, len(members))
	for name, member := range members {
		if member.Location == "" {
			names[cmp.Or(member.LocationName, name)] = name
		}
	}
	return names
}

// address splits the address of an operation.
func (op *operation) address() {
	path, query, _ := strings.Cut(op.HTTP.RequestURI, "?")
	op.path = strings.Split(strings.Trim(path, "/"), "/")
	if query != "" {
		op.keys = strings.Split(query, "&")
	}
}
