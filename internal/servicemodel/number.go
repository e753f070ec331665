package servicemodel

import (
	"cmp"
	"encoding/json"
	"math"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// bits are the sizes of the types of whole numbers.
var bits = map[string]int{"byte": 8, "short": 16, "integer": 32, "long": 64}

// number checks a number of any type.
func (c *check) number(path string, s *shape, v any) {
	text, ok := numberText(v)
	if size := bits[s.Type]; size > 0 {
		c.whole64(path, s, text, ok, size, v)
		return
	}
	if !ok && isSpecial(v) {
		return
	}
	f, _, err := big.ParseFloat(text, 10, 64, big.ToNearestEven)
	if !ok || err != nil {
		c.mistyped(path, s.Type, v)
		return
	}
	n, _ := f.Float64()
	c.within(path, "as its value", s, n)
}

// whole64 checks a whole number. A fraction is refused even where it is zero: no client of AWS writes it.
func (c *check) whole64(path string, s *shape, text string, ok bool, size int, v any) {
	n, isWhole := new(big.Int).SetString(text, 10)
	if !ok || !isWhole {
		c.problem(path, Type, "%v (%T) is no %s", v, v, s.Type)
		return
	}
	limit := new(big.Int).Lsh(big.NewInt(1), uint(size-1))
	if n.Cmp(limit) >= 0 || n.Cmp(new(big.Int).Neg(limit)) < 0 {
		c.problem(path, Type, "%v does not fit the %d bits of its type", n, size)
		return
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	c.within(path, "as its value", s, f)
}

// numberText returns the text of a number.
func numberText(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return string(v), true
	case Text:
		return string(v), true
	}
	return "", false
}

// isSpecial reports whether a value is a number that JSON has no notation for.
func isSpecial(v any) bool { return v == "NaN" || v == "Infinity" || v == "-Infinity" }

// The forms of a time.
const (
	unixTimestamp = "unixTimestamp"
	iso8601       = "iso8601"
	rfc822        = "rfc822"
)

// timestamp checks a time: in the form that the model gives it here, or else in that of the place where it stands.
func (c *check) timestamp(path string, at reference, s *shape, v any) {
	as := at.TimestampFormat
	if as == "" {
		as = s.TimestampFormat
	}
	switch v := v.(type) {
	case time.Time:
		return
	case json.Number:
		if c.binary || as != "" && as != unixTimestamp {
			c.problem(path, Type, "a number stands for a time")
		}
	case string:
		if as == "" || as == unixTimestamp || !isTime(as, v) {
			c.problem(path, Type, "%q is no time here", v)
		}
	case Text:
		if !isTime(cmp.Or(as, textTime(at.Location)), string(v)) {
			c.problem(path, Type, "%q is no time here", v)
		}
	default:
		c.mistyped(path, "timestamp", v)
	}
}

// textTime is the form of a time in a place that holds text.
func textTime(location string) string {
	if location == "header" {
		return rfc822
	}
	return iso8601
}

func isTime(as, text string) bool {
	var err error
	switch as {
	case iso8601:
		_, err = time.Parse(time.RFC3339Nano, text)
	case rfc822:
		_, err = http.ParseTime(strings.TrimSpace(text))
	default:
		var f *big.Float
		if f, _, err = big.ParseFloat(text, 10, 64, big.ToNearestEven); err == nil {
			n, _ := f.Float64()
			return !math.IsInf(n, 0)
		}
	}
	return err == nil
}
