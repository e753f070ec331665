package servicemodel

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// events checks the answer of an operation that is a stream of events. A message that is cut off at the end is passed over: a
// client may leave at any time.
func (c *check) events(op *operation, body []byte) {
	path := op.name + " answer"
	if op.stream == nil {
		c.problem(path, Protocol, "the operation's answer is no stream of events")
		return
	}
	decoder := eventstream.NewDecoder()
	messages := bytes.NewReader(body)
	for i := 0; ; i++ {
		message, err := decoder.Decode(messages, nil)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return
		case err != nil:
			c.problem(path, Protocol, "message %d: %v", i, err)
			return
		}
		c.message(op, fmt.Sprintf("%s message %d", path, i), i, message)
	}
}

func headerOf(m eventstream.Message, name string) string {
	if v := m.Headers.Get(name); v != nil {
		return v.String()
	}
	return ""
}

// message checks a message. The first of a stream is the rest of the output.
func (c *check) message(op *operation, path string, i int, m eventstream.Message) {
	kind := headerOf(m, ":message-type")
	name := headerOf(m, ":event-type")
	switch kind {
	case "exception":
		name = headerOf(m, ":exception-type")
	case "error":
		if headerOf(m, ":error-code") == "" {
			c.problem(path, Protocol, "an error has no code")
		}
		return
	case "event":
	default:
		c.problem(path, Protocol, "the message's type is %q", kind)
		return
	}
	tree, ok := c.eventPayload(path, m)
	if !ok {
		return
	}
	member, known := op.stream.Members[name]
	switch {
	case i == 0 && name != "initial-response":
		c.problem(path, Protocol, "the first message is %q, not the initial response", name)
	case i == 0:
		c.whole(path, op.rest, tree)
		return
	}
	switch {
	case !known:
		c.problem(path, Unknown, "the stream has no event %q", name)
	case c.shapes[member.Shape].Exception != (kind == "exception"):
		c.problem(path, Protocol, "%s comes as an %s", name, kind)
	default:
		if object, isObject := tree.(map[string]any); isObject && kind == "exception" {
			delete(object, "__type")
		}
		c.value(path+" "+name, member, tree)
	}
}

// eventPayload decodes the payload of a message, by the type that it says.
func (c *check) eventPayload(path string, m eventstream.Message) (tree any, ok bool) {
	var err error
	c.binary = false
	switch of := headerOf(m, ":content-type"); of {
	case jsonType:
		tree, err = fromJSON(m.Payload)
	case "application/cbor":
		c.binary = true
		tree, err = fromCBOR(m.Payload)
	default:
		err = fmt.Errorf("the payload's type is %q", of)
	}
	if err != nil {
		c.problem(path, Protocol, "%v", err)
	}
	return tree, err == nil
}
