package modeltest

import (
	"encoding/json"
	"math/big"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/document"
)

// Tree returns an input or an output of the SDK as servicemodel takes it: by the SDK's own serialiser, which has the names of
// the members on the wire.
func Tree(v smithy.Serializable) any {
	var s serializer
	v.Serialize(&s)
	return s.root
}

// serializer is a smithy.ShapeSerializer that builds a tree.
type serializer struct {
	root any
	open []*level
}

// level is a structure, a map or a list that is not closed yet.
type level struct {
	schema  *smithy.Schema // of what it is a member
	key     string         // of the next value of a map
	members map[string]any // of a structure or a map
	items   []any          // of a list
	isMap   bool
	isList  bool
}

var _ smithy.ShapeSerializer = (*serializer)(nil)

// put puts a value where it belongs: the end of a list, the key of a map, the member of a structure.
func (s *serializer) put(schema *smithy.Schema, v any) {
	if len(s.open) == 0 {
		s.root = v
		return
	}
	switch at := s.open[len(s.open)-1]; {
	case at.isList:
		at.items = append(at.items, v)
	case at.isMap:
		at.members[at.key] = v
	default:
		at.members[schema.MemberName()] = v
	}
}

func (s *serializer) begin(l *level) { s.open = append(s.open, l) }

func (s *serializer) end() {
	l := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	if l.isList {
		s.put(l.schema, l.items)
	} else {
		s.put(l.schema, l.members)
	}
}

func (s *serializer) number(schema *smithy.Schema, n int64) {
	s.put(schema, json.Number(strconv.FormatInt(n, 10)))
}

func (s *serializer) float(schema *smithy.Schema, f float64) {
	s.put(schema, json.Number(strconv.FormatFloat(f, 'g', -1, 64)))
}

func (s *serializer) Bytes() []byte                            { return nil }
func (s *serializer) WriteInt8(c *smithy.Schema, v int8)       { s.number(c, int64(v)) }
func (s *serializer) WriteInt16(c *smithy.Schema, v int16)     { s.number(c, int64(v)) }
func (s *serializer) WriteInt32(c *smithy.Schema, v int32)     { s.number(c, int64(v)) }
func (s *serializer) WriteInt64(c *smithy.Schema, v int64)     { s.number(c, v) }
func (s *serializer) WriteFloat32(c *smithy.Schema, v float32) { s.float(c, float64(v)) }
func (s *serializer) WriteFloat64(c *smithy.Schema, v float64) { s.float(c, v) }
func (s *serializer) WriteBool(c *smithy.Schema, v bool)       { s.put(c, v) }
func (s *serializer) WriteString(c *smithy.Schema, v string)   { s.put(c, v) }
func (s *serializer) WriteBigInt(c *smithy.Schema, v *big.Int) { s.put(c, json.Number(v.String())) }

func (s *serializer) WriteBigFloat(c *smithy.Schema, v *big.Float) { s.put(c, json.Number(v.String())) }
func (s *serializer) WriteBlob(c *smithy.Schema, v []byte)         { s.put(c, v) }
func (s *serializer) WriteTime(c *smithy.Schema, v time.Time)      { s.put(c, v) }
func (s *serializer) WriteNil(c *smithy.Schema)                    { s.put(c, nil) }
func (s *serializer) WriteDocument(c *smithy.Schema, v document.Value) {
	s.put(c, v)
}

func (s *serializer) WriteStruct(c *smithy.Schema) {
	s.begin(&level{schema: c, members: map[string]any{}})
}
func (s *serializer) CloseStruct() { s.end() }

// WriteUnion writes a structure of one member, which the next value is.
func (s *serializer) WriteUnion(c, _ *smithy.Schema) { s.WriteStruct(c) }
func (s *serializer) CloseUnion()                    { s.end() }

func (s *serializer) WriteList(c *smithy.Schema) {
	s.begin(&level{schema: c, items: []any{}, isList: true})
}
func (s *serializer) CloseList() { s.end() }

func (s *serializer) WriteMap(c *smithy.Schema) {
	s.begin(&level{schema: c, members: map[string]any{}, isMap: true})
}
func (s *serializer) WriteKey(_ *smithy.Schema, key string) { s.open[len(s.open)-1].key = key }
func (s *serializer) CloseMap()                             { s.end() }
