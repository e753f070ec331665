package dynamostore

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// Attributes of attrWindow, and of a piece of a state.
const (
	windowStart    = "start"    // S
	windowEnd      = "end"      // S
	windowFinal    = "final"    // BOOL
	windowEarly    = "early"    // BOOL
	windowDeflated = "deflated" // BOOL: whether the state is, as RFC 1951 says
	windowSize     = "size"     // N: bytes of the state as it is stored
	windowState    = "state"    // B: the state, where it is small
	windowSlot     = "slot"     // N: else the slot that its pieces are in

	pieceData = "data" // B; attrEpoch and attrVersion identify the commit that wrote it
)

// An item can have 400 KB, and a listing of the leases reads all of each row, so only small states are in the row.
// Sizes are those of the stored state.
const (
	maxInline   = 32 << 10  // most of a state that is stored in the row
	pieceSize   = 384 << 10 // most of it in an item of its own
	deflateFrom = 1 << 10   // below that, deflating does not pay: a write costs by the kilobyte
	maxState    = 64 << 20  // no state that is read back is larger; Lambda's are up to 1 MB
)

// stateAt is where a window's state is stored: in the row, or in pieces in the second table. A piece is never changed
// while a row refers to it: each commit writes to a slot that no row can refer to, then moves the row over to it.
type stateAt struct {
	inline   []byte
	slot     int // from 1; 0: inline
	size     int
	deflated bool
}

// pieces returns how many items the state is in.
func (s stateAt) pieces() int {
	if s.slot == 0 {
		return 0
	}
	return (s.size + pieceSize - 1) / pieceSize
}

// pack makes the bytes that are stored of a state.
func pack(state []byte) (data []byte, deflated bool) {
	if len(state) < deflateFrom {
		return state, false
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(state)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil || b.Len() >= len(state) { // a Buffer gives no error
		return state, false
	}
	return b.Bytes(), true
}

// unpack is the inverse of pack.
func unpack(data []byte, deflated bool) ([]byte, error) {
	if !deflated {
		return data, nil
	}
	r := flate.NewReader(bytes.NewReader(data))
	defer r.Close()
	state, err := io.ReadAll(io.LimitReader(r, maxState+1))
	if err == nil && len(state) > maxState {
		err = fmt.Errorf("it has more than %d bytes", maxState)
	}
	return state, err
}

func encodeWindow(w *batch.Window, s stateAt) types.AttributeValue {
	if w == nil {
		return nil
	}
	m := kcl.Item{
		windowStart: text(stamp(w.Start)), windowEnd: text(stamp(w.End)), windowFinal: boolean(w.Final), windowEarly: boolean(w.TerminatedEarly),
		windowDeflated: boolean(s.deflated), windowSize: number(s.size),
	}
	switch {
	case s.slot > 0:
		m[windowSlot] = number(s.slot)
	case s.size > 0:
		m[windowState] = &types.AttributeValueMemberB{Value: s.inline}
	}
	return &types.AttributeValueMemberM{Value: m}
}

// window reads attrWindow. The window has no state yet.
func (d *decoder) window() (*batch.Window, stateAt) {
	w := &batch.Window{
		Start: d.time(windowStart), End: d.time(windowEnd), Final: d.boolean(windowFinal), TerminatedEarly: d.boolean(windowEarly),
	}
	s := stateAt{slot: int(d.uint(windowSlot)), size: int(d.uint(windowSize)), deflated: d.boolean(windowDeflated)}
	if b, ok := d.item[windowState].(*types.AttributeValueMemberB); ok {
		s.inline = b.Value
	}
	if s.slot < 0 || s.size < 0 || s.size > maxState || s.slot == 0 && len(s.inline) != s.size {
		d.bad = true
	}
	return w, s
}

// pieceKey returns the key of a piece. The length of the shard's name keeps apart names that are prefixes of one
// another.
func pieceKey(k key, slot, piece int) kcl.Item {
	return kcl.Item{partKey: text(partOf(k.mapping)), itemKey: text(fmt.Sprintf("%s%d/%04d", piecePrefix(k), slot, piece))}
}

func piecePrefix(k key) string { return fmt.Sprintf("state/%d:%s/", len(k.shard), k.shard) }

// partOf returns the part of the second table that is a mapping's.
func partOf(mapping string) string { return "mapping/" + mapping }

// storePieces writes the pieces of a state to the slot that at names. A piece that a later commit has written stays.
func (s *Store) storePieces(ctx context.Context, k key, data []byte, at stateAt, epoch, version uint64) error {
	for i := range at.pieces() {
		item := pieceKey(k, at.slot, i)
		item[attrEpoch], item[attrVersion] = number(epoch), number(version)
		item[pieceData] = &types.AttributeValueMemberB{Value: data[i*pieceSize : min((i+1)*pieceSize, len(data))]}
		x := newExpr()
		e, v := x.value(number(epoch)), x.value(number(version))
		ne, nv := x.name(attrEpoch), x.name(attrVersion)
		err := s.tables.in(ctx, s.options.Table, otherKeys, func() error {
			_, err := s.options.Client.PutItem(ctx, &dynamodb.PutItemInput{
				TableName: &s.options.Table, Item: item, ExpressionAttributeNames: x.names, ExpressionAttributeValues: x.values,
				ConditionExpression: aws.String(fmt.Sprintf(
					"attribute_not_exists(%[1]s) OR %[1]s < %[2]s OR (%[1]s = %[2]s AND %[3]s <= %[4]s)", ne, e, nv, v)),
			})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// load gives the open window of r its state. It returns errMoved when the pieces are not those that r refers to: then r
// is out of date, or something is lost.
func (s *Store) load(ctx context.Context, k key, r *row) error {
	if r.progress.Window == nil {
		return nil
	}
	data := r.state.inline
	for i := range r.state.pieces() {
		out, err := s.options.Client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &s.options.Table, Key: pieceKey(k, r.state.slot, i), ConsistentRead: aws.Bool(true),
		})
		if err != nil {
			return wrap(err, "%s: read the state of its window from table %s", k, s.options.Table)
		}
		d := decoder{item: out.Item}
		b, ok := out.Item[pieceData].(*types.AttributeValueMemberB)
		if !ok || d.uint(attrEpoch) != r.written || d.uint(attrVersion) != r.progress.Version || d.bad {
			return errMoved
		}
		data = append(data, b.Value...)
	}
	if len(data) != r.state.size {
		return errMoved
	}
	state, err := unpack(data, r.state.deflated)
	if err != nil {
		return damagef(k, "the state of its window: %v", err)
	}
	r.progress.Window.State = state
	return nil
}
