package lambdaapi

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// value is the text of one JSON value, valid and without surrounding white space.
//
// It refuses values in the words of the framework that parses requests to AWS. These were recorded from other APIs:
// strings, integers, lists and structures from Athena, booleans from SES, times from X-Ray.
type value []byte

const (
	unexpectedList   = "Start of list found where not expected"
	unexpectedObject = "Start of structure or map found where not expected."
)

// members are the possible members of an object, by name, each with the function for its value. Others are ignored.
type members map[string]func(value) error

func (v value) isNull() bool { return v[0] == 'n' }

func (v value) isNumber() bool { return v[0] == '-' || '0' <= v[0] && v[0] <= '9' }

// token is AWS's name for a value that is neither null, a list nor an object.
func (v value) token() string {
	switch v[0] {
	case '"':
		return "STRING_VALUE"
	case 't':
		return "TRUE_VALUE"
	case 'f':
		return "FALSE_VALUE"
	default:
		return "NUMBER_VALUE"
	}
}

// not refuses v; scalar is the answer if v is neither a list nor an object.
func (v value) not(scalar string) error {
	switch v[0] {
	case '[':
		return mistyped(unexpectedList)
	case '{':
		return mistyped(unexpectedObject)
	default:
		return mistyped(scalar)
	}
}

// typeError refuses v where a value of another type, want, is expected.
func (v value) typeError(want string) error {
	return v.not(v.token() + " can not be converted to " + want)
}

// text returns a string.
func (v value) text() (s string, err error) {
	if v[0] != '"' {
		return "", v.typeError("a String")
	}
	err = json.Unmarshal(v, &s)
	return s, err
}

// boolean returns true or false. AWS is said to accept every string as true, even "false"; refusing it is ours.
func (v value) boolean() (bool, error) {
	if v[0] != 't' && v[0] != 'f' {
		return false, v.typeError("a Boolean")
	}
	return v[0] == 't', nil
}

// integer returns a number of 32 bits. A fraction is cut off, and a number out of range becomes the nearest limit, as
// on AWS: 1e2 is 100, and 99999999999 is refused later by the range check.
func (v value) integer() (int, error) {
	if !v.isNumber() {
		return 0, v.typeError("an Integer")
	}
	// Text that is valid JSON can only be out of range, where it is an infinity.
	f, _ := strconv.ParseFloat(string(v), 64)
	return int(max(math.MinInt32, min(math.Trunc(f), math.MaxInt32))), nil
}

// The times with a four-digit year, except the first second, because a zero time.Time means none.
const (
	firstSecond = -62135596799
	lastSecond  = 253402300799
)

// instant returns the time of a number of seconds since 1970, cut off to milliseconds, after a correction for binary
// fractions. A number out of range becomes the nearest limit.
func (v value) instant() (time.Time, error) {
	if !v.isNumber() {
		return time.Time{}, v.typeError("milliseconds since epoch")
	}
	f, _ := strconv.ParseFloat(string(v), 64) // As above.
	f = max(firstSecond, min(f, lastSecond))
	return time.UnixMilli(int64(math.Floor(math.Round(f*1e6) / 1e3))).UTC(), nil
}

// each calls f with the elements of a list that are not null.
func (v value) each(f func(value) error) error {
	if v[0] != '[' {
		return v.not("Expected list or null")
	}
	d := v.decoder()
	for d.More() {
		element, err := next(d)
		if err != nil {
			return err
		}
		if element.isNull() {
			continue
		}
		if err := f(element); err != nil {
			return err
		}
	}
	return nil
}

// texts returns a list of strings, which is not nil.
func (v value) texts() ([]string, error) {
	list := []string{}
	err := v.each(func(element value) error {
		s, err := element.text()
		list = append(list, s)
		return err
	})
	return list, err
}

// structure passes the members of a structure to m. If a name occurs twice, the later one counts.
func (v value) structure(m members) error {
	if v[0] != '{' {
		return v.not("Expected null")
	}
	return v.entries(func(name string, member value) error {
		if take := m[name]; take != nil {
			return take(member)
		}
		return nil
	})
}

// dictionary returns a map of strings, without null values.
func (v value) dictionary() (map[string]string, error) {
	if v[0] != '{' {
		return nil, v.not("Expected map or null")
	}
	m := map[string]string{}
	err := v.entries(func(name string, member value) (err error) {
		if member.isNull() {
			delete(m, name)
			return nil
		}
		m[name], err = member.text()
		return err
	})
	return m, err
}

// entries calls f with the members of an object, in their order.
func (v value) entries(f func(name string, member value) error) error {
	d := v.decoder()
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // Anything else here is not JSON.
		member, err := next(d)
		if err != nil {
			return err
		}
		if err := f(name, member); err != nil {
			return err
		}
	}
	return nil
}

// decoder returns a decoder after the first bracket of v.
func (v value) decoder() *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(v))
	_, _ = d.Token() // v is valid.
	return d
}

// next returns the next value of a list or an object.
func next(d *json.Decoder) (value, error) {
	var raw json.RawMessage
	err := d.Decode(&raw)
	return value(raw), err
}
