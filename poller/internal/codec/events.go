package codec

import (
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Events is a protocol of the SDK for one subscription. The SDK decodes its events in a goroutine of its own, where a
// panic would end the process. Here a panic is an error of the subscription, and so is an invalid time.
type Events struct {
	smithyhttp.ClientProtocol

	registry *smithy.TypeRegistry // the SDK's, with guarded events
}

// DeserializeInitialResponse implements smithyhttp.ClientProtocol.
func (p *Events) DeserializeInitialResponse(schema *smithy.Schema, r io.Reader, out smithy.Deserializable) (err error) {
	defer recovered(&err)
	return p.ClientProtocol.DeserializeInitialResponse(schema, r, out)
}

// DeserializeEventMessage implements smithyhttp.ClientProtocol.
func (p *Events) DeserializeEventMessage(schema *smithy.Schema, known *smithy.TypeRegistry, r io.Reader) (event smithy.Deserializable, err error) {
	defer recovered(&err)
	if p.registry == nil {
		p.registry = guarded(known)
	}
	event, err = p.ClientProtocol.DeserializeEventMessage(schema, p.registry, r)
	if t, ok := event.(timely); ok {
		event = t.Deserializable
	}
	return event, err
}

// guarded returns a registry whose events have their times checked.
func guarded(known *smithy.TypeRegistry) *smithy.TypeRegistry {
	entries := make(map[string]*smithy.TypeRegistryEntry, len(known.Entries))
	for id, e := range known.Entries {
		entries[id] = e
		if _, ok := e.New().(*types.SubscribeToShardEvent); ok {
			entries[id] = &smithy.TypeRegistryEntry{
				Schema: e.Schema,
				New:    func() any { return timely{e.New().(smithy.Deserializable)} }, //nolint:errcheck,forcetypeassert // just seen
			}
		}
	}
	return &smithy.TypeRegistry{Entries: entries}
}

// recovered turns a panic of the SDK's decoder into an error. It must be deferred.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &smithy.DeserializationError{Err: fmt.Errorf("the SDK's decoder panics: %v", v)}
	}
}
