package filter_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch/filter"
)

const tooComplex = "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"

// What is wrong, where, and in which words.
func TestErrorsSayWhereAndWhy(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		// The text as a whole.
		{``, `line 1: the pattern is not JSON: unexpected end of JSON input`},
		{"{\n\"a\":[1,\n]}", `line 3: the pattern is not JSON: invalid character ']' looking for beginning of value`},
		{"{\n\"a\":[1,\n]}\n\n", `line 3: the pattern is not JSON: invalid character ']' looking for beginning of value`},
		{`{"a":["x"]} {}`, `line 1: the pattern is not JSON: invalid character '{' after top-level value`},
		{`this is no JSON`, `line 1: the pattern is not JSON: invalid character 'h' in literal true (expecting 'r')`},
		{`{'bad':'quotation'}`, `line 1: the pattern is not JSON: invalid character '\'' looking for beginning of object key string`},
		{"{\"a\":[\"\xff\"]}", `line 1: the pattern is not valid UTF-8`},
		{`["not","a","dict"]`, `line 1: Filter is not an object`},
		{`"single-string"`, `line 1: Filter is not an object`},
		{`null`, `line 1: Filter is not an object`},
		{`{}`, `line 1: Empty objects are not allowed`},
		{`{"a":{"b":{}}}`, `line 1, "a.b": Empty objects are not allowed`},

		// Leaves.
		{`{"string":"my-value"}`, `line 1, "string": "string" must be an object or an array`},
		{"{\"x\":[1],\n \"int\":\n42}", `line 3, "int": "int" must be an object or an array`},
		{`{"a":{"b":null}}`, `line 1, "a.b": "b" must be an object or an array`},
		{`{"resources":[]}`, `line 1, "resources": Empty arrays are not allowed`},
		{`{"a":[["x"]]}`, `line 1, "a": Match value must be String, number, true, false, or null`},
		{`{"a":[{}]}`, `line 1, "a": Match expression name not found`},
		{`{"a":["x",{"EXISTS":true}]}`, `line 1, "a", EXISTS: Unrecognized match type EXISTS`},
		{`{"a":[{"b":["x"]}]}`, `line 1, "a", b: Unrecognized match type b`},
		{`{"a":[{"prefix":"x","suffix":"y"}]}`, `line 1, "a", prefix: Only one key allowed in match expression`},
		{`{"a":[{"prefix":"x","prefix":"x"}]}`, `line 1, "a", prefix: Only one key allowed in match expression`},
		{`{"a":[{"exists":false,"b":1}]}`, `line 1, "a", exists: Only one key allowed in match expression`},
		{`{"a":[{"exists":"true"}]}`, `line 1, "a", exists: exists match pattern must be either true or false.`},
		{`{"a":[{"exists":[true]}]}`, `line 1, "a", exists: exists match pattern must be either true or false.`},

		// Strings.
		{`{"a":[{"exactly":1}]}`, `line 1, "a", exactly: exact match pattern must be a string`},
		{`{"a":[{"prefix":["x"]}]}`, `line 1, "a", prefix: prefix match pattern must be a string`},
		{`{"a":[{"prefix":123}]}`, `line 1, "a", prefix: prefix match pattern must be a string`},
		{`{"a":[{"prefix":{"suffix":"x"}}]}`, `line 1, "a", prefix: Unsupported prefix pattern: suffix`},
		{`{"a":[{"prefix":{}}]}`, `line 1, "a", prefix: the name of an operator is missing`},
		{`{"a":[{"suffix":[".png"]}]}`, `line 1, "a", suffix: suffix match pattern must be a string`},
		{`{"a":[{"suffix":{"equals-ignore-case":1}}]}`, `line 1, "a", equals-ignore-case: equals-ignore-case match pattern must be a string`},
		{`{"a":[{"suffix":{"equals-ignore-case":"x","b":1}}]}`, `line 1, "a", suffix: Only one key allowed in match expression`},
		{`{"a":[{"equals-ignore-case":["x"]}]}`, `line 1, "a", equals-ignore-case: equals-ignore-case match pattern must be a string`},
		{`{"a":[{"equals-ignore-case":{"prefix":"ec2"}}]}`, `line 1, "a", equals-ignore-case: equals-ignore-case match pattern must be a string`},
		{`{"a":[{"wildcard":123}]}`, `line 1, "a", wildcard: wildcard match pattern must be a string`},
		{`{"a":[{"wildcard":["x*"]}]}`, `line 1, "a", wildcard: wildcard match pattern must be a string`},
		{`{"a":[{"wildcard":"arn:**:x"}]}`, `line 1, "a", wildcard: Consecutive wildcard characters at pos 5`},
		{`{"a":[{"wildcard":"x\\y"}]}`, `line 1, "a", wildcard: Invalid escape character at pos 2`},
		{`{"a":[{"wildcard":"x\\"}]}`, `line 1, "a", wildcard: Invalid escape character at pos 2`},
		{`{"a":[{"wildcard":"*:*:*:*:*:event-bus/*"}]}`, `line 1, "a", wildcard: ` + tooComplex},
		{`{"a":[{"anything-but":{"wildcard":"*aaaaaaaaaaaaaaaaaaa"}}]}`, `line 1, "a", anything-but wildcard: ` + tooComplex},
		{`{"a":[{"cidr":["x"]}]}`, `line 1, "a", cidr: cidr match pattern must be a string`},
		{`{"a":[{"cidr":"10.0.0.0"}]}`, `line 1, "a", cidr: Malformed CIDR, one '/' required`},
		{`{"a":[{"cidr":"10.0.0.0/"}]}`, `line 1, "a", cidr: Malformed CIDR, one '/' required`},
		{`{"a":[{"cidr":"10.0.0.0/8/8"}]}`, `line 1, "a", cidr: Malformed CIDR, one '/' required`},
		{`{"a":[{"cidr":"10.0.0.0/xx"}]}`, `line 1, "a", cidr: Malformed CIDR, mask bits must be an integer`},
		{`{"a":[{"cidr":"10.0.0.0/-1"}]}`, `line 1, "a", cidr: Malformed CIDR, mask bits must not be negative`},
		{`{"a":[{"cidr":"10.0.0.0/32"}]}`, `line 1, "a", cidr: IP address of 32 bits: mask bits must be less`},
		{`{"a":[{"cidr":"::/128"}]}`, `line 1, "a", cidr: IP address of 128 bits: mask bits must be less`},
		{`{"a":[{"cidr":"xx.11.xx/8"}]}`, `line 1, "a", cidr: Nonstandard IP address: xx.11.xx`},
		{`{"a":[{"cidr":"xxxx:db8:1234:1a00::/64"}]}`, `line 1, "a", cidr: Nonstandard IP address: xxxx:db8:1234:1a00::`},

		// Numbers.
		{`{"a":[{"numeric":5}]}`, `line 1, "a", numeric: Value of numeric must be an array.`},
		{`{"a":[{"numeric":[]}]}`, `line 1, "a", numeric: Invalid member in numeric match: it begins with =, <, <=, > or >=`},
		{`{"a":[{"numeric":[5]}]}`, `line 1, "a", numeric: Invalid member in numeric match: it begins with =, <, <=, > or >=`},
		{`{"a":[{"NUMERIC":["=",5]}]}`, `line 1, "a", NUMERIC: Unrecognized match type NUMERIC`},
		{`{"a":[{"numeric":["!=",5]}]}`, `line 1, "a", numeric: Unrecognized numeric range operator: !=`},
		{`{"a":[{"numeric":["="]}]}`, `line 1, "a", numeric: Value of = must be numeric`},
		{`{"a":[{"numeric":[">","5"]}]}`, `line 1, "a", numeric: Value of > must be numeric`},
		{`{"a":[{"numeric":[">",0,"<"]}]}`, `line 1, "a", numeric: Value of < must be numeric`},
		{`{"a":[{"numeric":[">",0,">",0]}]}`, `line 1, "a", numeric: Bad numeric range operator: >`},
		{`{"a":[{"numeric":[">",0,5]}]}`, `line 1, "a", numeric: Bad numeric range operator: 5`},
		{`{"a":[{"numeric":["<",5,">",0]}]}`, `line 1, "a", numeric: Too many elements in numeric expression`},
		{`{"a":[{"numeric":["=",5,"=",5]}]}`, `line 1, "a", numeric: Too many elements in numeric expression`},
		{`{"a":[{"numeric":[">",0,"<",5,"<",6]}]}`, `line 1, "a", numeric: Too many terms in numeric range expression`},
		{`{"a":[{"numeric":[">",5,"<",5.0]}]}`, `line 1, "a", numeric: Bottom must be less than top`},
		{`{"a":[{"numeric":[">=",5,"<=",4]}]}`, `line 1, "a", numeric: Bottom must be less than top`},

		// anything-but.
		{`{"a":[{"anything-but":null}]}`, `line 1, "a", anything-but: Value of anything-but must be an array or single string/number value.`},
		{`{"a":[{"anything-but":true}]}`, `line 1, "a", anything-but: Value of anything-but must be an array or single string/number value.`},
		{`{"a":[{"anything-but":[]}]}`, `line 1, "a", anything-but: Empty arrays are not allowed`},
		{`{"a":[{"anything-but":["x",null]}]}`, `line 1, "a", anything-but: Inside anything but list, start|null|boolean is not supported.`},
		{`{"a":[{"anything-but":["x",1]}]}`, `line 1, "a", anything-but: Inside anything but list, either all values are number or string, mixed type is not supported`},
		{`{"a":[{"anything-but":{}}]}`, `line 1, "a", anything-but: the name of an operator is missing`},
		{`{"a":[{"anything-but":{"numeric":["=",1]}}]}`, `line 1, "a", anything-but: Unsupported anything-but pattern: numeric`},
		{`{"a":[{"anything-but":{"prefix":""}}]}`, `line 1, "a", anything-but: Null prefix/suffix not allowed`},
		{`{"a":[{"anything-but":{"suffix":["x",""]}}]}`, `line 1, "a", anything-but: Null prefix/suffix not allowed`},
		{`{"a":[{"anything-but":{"prefix":123}}]}`, `line 1, "a", anything-but prefix: prefix/suffix match pattern must be a string`},
		{`{"a":[{"anything-but":{"suffix":["x",1]}}]}`, `line 1, "a", anything-but suffix: prefix/suffix match pattern must be a string`},
		{`{"a":[{"anything-but":{"prefix":{"equals-ignore-case":"x"}}}]}`, `line 1, "a", anything-but prefix: prefix/suffix match pattern must be a string`},
		{`{"a":[{"anything-but":{"equals-ignore-case":123}}]}`, `line 1, "a", anything-but equals-ignore-case: Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.`},
		{`{"a":[{"anything-but":{"wildcard":[123,"x"]}}]}`, `line 1, "a", anything-but wildcard: wildcard match pattern must be a string`},
		{`{"a":[{"anything-but":{"wildcard":"**"}}]}`, `line 1, "a", anything-but wildcard: Consecutive wildcard characters at pos 1`},
		{`{"a":[{"anything-but":{"wildcard":"x","b":1}}]}`, `line 1, "a", anything-but: Only one key allowed in match expression`},

		// $or.
		{`{"$or":[{"a":[1]}]}`, `line 1, "$or", a: Unrecognized match type a`},
		{`{"$or":[{"a":[1]},{"b":"x"}]}`, `line 1, "b": "b" must be an object or an array`},
		{`{"x":{"$or":[{"a":[1]},{"b":[{"prefix":1}]}]}}`, `line 1, "x.b", prefix: prefix match pattern must be a string`},
		{`{"x":{"$or":[{"a":[1]},{}]}}`, `line 1, "x": Empty objects are not allowed`},
		{`{"$or":[{"prefix":["x"]},{"suffix":["x"]}]}`, `line 1, "$or", prefix: prefix match pattern must be a string`},
		{`{"$or":[["x"],["y"]]}`, `line 1, "$or": Match value must be String, number, true, false, or null`},
		{`{"$or":"x"}`, `line 1, "$or": "$or" must be an object or an array`},
		{`{` + strings.Repeat(`"$or":[{"a":[1]},{"b":[1]}],`, 10) + `"c":[1]}`, `line 1, $or: more than 1000 combinations`},
	} {
		_, err := filter.Parse(c.pattern)
		require.Error(t, err, c.pattern)
		require.Equal(t, filter.InvalidDefinition+" "+c.want, err.Error(), c.pattern)
		require.Equal(t, c.want, errors.Unwrap(err).Error(), c.pattern)
		var e *filter.Error
		require.ErrorAs(t, err, &e, c.pattern)
	}
}

func TestErrorCarriesItsParts(t *testing.T) {
	_, err := filter.Parse("{\n \"order\": {\"total\": [\n  {\"numeric\": [\">\", \"5\"]}\n ]}\n}")
	var e *filter.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, filter.Error{Line: 3, Path: "order.total", Operator: "numeric", Reason: "Value of > must be numeric"}, *e)
}

func TestLengthIsLimited(t *testing.T) {
	pattern := `{"a":["` + strings.Repeat("é", filter.MaxLength-10) + `"]}`
	_, err := filter.Parse(pattern)
	require.NoError(t, err)
	_, err = filter.Parse(pattern + " ")
	require.EqualError(t, err, "Invalid filter pattern definition. line 1: 4097 characters, where at most 4096 are allowed")
}

func TestOrMultipliesUpToALimit(t *testing.T) {
	or := `"$or":[{"a":[1]},{"b":[1]},{"c":[1]},{"d":[1]},{"e":[1]},{"f":[1]},{"g":[1]},{"h":[1]},{"i":[1]},{"j":[1]}]`
	_, err := filter.Parse("{" + or + "," + or + "," + or + "}")
	require.NoError(t, err)
	_, err = filter.Parse("{" + or + "," + or + "," + or + `,"$or":[{"a":[1]},{"b":[1]}]}`)
	require.ErrorContains(t, err, "more than 1000 combinations")
	_, err = filter.Parse("{" + or + "," + or + "," + or + `,"$or":["x"]}`)
	require.ErrorContains(t, err, "Unrecognized match type a", "1000 are not too many: $or is a key")
}

// Long wildcards are measured in reasonable time, whatever they look like.
func TestLongWildcards(t *testing.T) {
	for _, w := range []string{strings.Repeat("*ab", 1000), "*" + strings.Repeat("abcdefghij", 400), strings.Repeat("abcd*", 3) + strings.Repeat("bcdefg", 600)} {
		_, err := filter.Parse(`{"a":[{"wildcard":"` + w + `"}]}`)
		if err != nil {
			require.ErrorContains(t, err, tooComplex)
		}
	}
}

func TestStringIsTheText(t *testing.T) {
	require.Equal(t, `{ "a":[1] }`, filter.MustParse(`{ "a":[1] }`).String())
	require.Panics(t, func() { filter.MustParse("") })
}
