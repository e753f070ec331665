package servicemodel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// fromJSON decodes a JSON text. A member that stands twice is an error, which encoding/json passes over.
func fromJSON(text []byte) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	tree, err := jsonValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the JSON value")
	}
	return tree, nil
}

func jsonValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return jsonList(d)
	case json.Delim('{'):
		return jsonObject(d)
	}
	return token, nil
}

func jsonList(d *json.Decoder) (any, error) {
	items := []any{}
	for d.More() {
		item, err := jsonValue(d)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := d.Token()
	return items, err
}

func jsonObject(d *json.Decoder) (any, error) {
	members := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("member %q stands twice", name)
		}
		if members[name], err = jsonValue(d); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return members, err
}

// fromCBOR decodes an item of CBOR 1.1.
func fromCBOR(item []byte) (any, error) {
	if len(item) == 0 {
		return nil, nil
	}
	v, err := cbor.Decode(item)
	if err != nil {
		return nil, err
	}
	return plain(v)
}

// plain turns an item into a tree. Only a time may have a tag.
func plain(v cbor.Value) (any, error) {
	switch v := v.(type) {
	case cbor.Map:
		return plainMap(v)
	case cbor.List:
		return plainList(v)
	case *cbor.Tag:
		return plainTime(v)
	case cbor.String:
		return string(v), nil
	case cbor.Slice:
		return []byte(v), nil
	case cbor.Bool:
		return bool(v), nil
	case cbor.Uint:
		return json.Number(strconv.FormatUint(uint64(v), 10)), nil
	case cbor.NegInt:
		return json.Number("-" + strconv.FormatUint(uint64(v), 10)), nil
	case cbor.Float32:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 32)), nil
	case cbor.Float64:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 64)), nil
	case *cbor.Nil, *cbor.Undefined:
		return nil, nil
	}
	return nil, fmt.Errorf("an item of CBOR is a %T", v)
}

func plainMap(v cbor.Map) (any, error) {
	members := make(map[string]any, len(v))
	for name, item := range v {
		tree, err := plain(item)
		if err != nil {
			return nil, err
		}
		members[name] = tree
	}
	return members, nil
}

func plainList(v cbor.List) (any, error) {
	items := make([]any, len(v))
	for i, item := range v {
		tree, err := plain(item)
		if err != nil {
			return nil, err
		}
		items[i] = tree
	}
	return items, nil
}

// plainTime reads a time: milliseconds since 1970 under tag 1.
func plainTime(tag *cbor.Tag) (any, error) {
	ms, ok := tag.Value.(cbor.Uint)
	if tag.ID != 1 || !ok || ms > math.MaxInt64 {
		return nil, fmt.Errorf("tag %d of a %T is no time", tag.ID, tag.Value)
	}
	return time.UnixMilli(int64(ms)).UTC(), nil
}
