package filter_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch/filter"
)

// rule is what the engine does with one pattern: the events that match it, and those that do not.
type rule struct {
	name    string
	pattern string
	yes     []string
	no      []string
}

func runRules(t *testing.T, rules []rule) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			p, err := filter.Parse(r.pattern)
			require.NoError(t, err)
			for _, event := range r.yes {
				require.True(t, json.Valid([]byte(event)), event)
				require.True(t, p.Match([]byte(event)), "%s: got no match for %s", r.pattern, event)
			}
			for _, event := range r.no {
				require.False(t, p.Match([]byte(event)), "%s: got a match for %s", r.pattern, event)
			}
		})
	}
}

func TestValues(t *testing.T) {
	runRules(t, []rule{
		{"a string is equal to itself only", `{"a":["x"]}`, []string{`{"a":"x"}`, `{"b":1,"a":"x"}`}, []string{`{"a":"X"}`, `{"a":"x "}`, `{"a":""}`, `{"a":null}`, `{}`, `{"A":"x"}`}},
		{"the empty string is a string", `{"a":[""]}`, []string{`{"a":""}`}, []string{`{"a":null}`, `{"a":" "}`, `{}`, `{"a":[]}`, `{"a":{}}`}},
		{"the values of an array are ORed", `{"a":["INSERT","MODIFY"]}`, []string{`{"a":"INSERT"}`, `{"a":"MODIFY"}`}, []string{`{"a":"REMOVE"}`}},
		{"long lists of strings", `{"a":["1","2","3","4","5","6","7","8","9",10]}`, []string{`{"a":"1"}`, `{"a":"9"}`, `{"a":10}`, `{"a":["0","8"]}`}, []string{`{"a":"0"}`, `{"a":"10"}`, `{"a":1}`}},
		{"keys are ANDed", `{"a":["x"],"b":{"c":["y"]}}`, []string{`{"a":"x","b":{"c":"y"}}`, `{"b":{"c":"y","d":[]},"a":"x"}`}, []string{`{"a":"x"}`, `{"b":{"c":"y"}}`, `{"a":"x","b":{"c":"z"}}`, `{"a":"x","b":"y"}`, `{"a":"x","c":"y"}`}},
		{"emoji are exact", `{"a":["😀"]}`, []string{`{"a":"😀"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\uD83D\uDE00"}`}, []string{`{"a":"😀 "}`, `{"a":"😁"}`, `{"a":"\ud83d"}`}},
		{"escapes compare by what they stand for", `{"a":["\u0041/\"\\\n"]}`, []string{`{"a":"A\/\u0022\u005c\u000A"}`, `{"a":"A/\"\\\n"}`}, []string{`{"a":"A/\"\\n"}`, `{"a":"\\u0041/\"\\\n"}`}},
		{"all escapes", `{"a":["\u0008\u000c\u000a\u000d\u0009"]}`, []string{`{"a":"\b\f\n\r\t"}`}, []string{`{"a":"bfnrt"}`}},
		{"escapes in keys too", `{"k\u00e9y":{"\u0062":[1]}}`, []string{`{"kéy":{"b":1}}`, `{"\u006b\u00E9y":{"\u0062":1}}`}, []string{`{"key":{"b":1}}`}},
		{"half a surrogate pair is U+FFFD", `{"a":["\ud800x"]}`, []string{`{"a":"\ud800x"}`, `{"a":"\udbffx"}`, `{"a":"�x"}`}, []string{`{"a":"x"}`}},
		{"null is not absence", `{"a":[null]}`, []string{`{"a":null}`, `{"a":[1,null]}`}, []string{`{"a":"null"}`, `{}`, `{"a":[]}`, `{"a":{}}`, `{"a":0}`, `{"a":false}`}},
		{"booleans are literals", `{"a":[true]}`, []string{`{"a":true}`}, []string{`{"a":"true"}`, `{"a":false}`, `{"a":1}`}},
		{"numbers are no strings", `{"a":[300]}`, []string{`{"a":300}`}, []string{`{"a":"300"}`, `{"a":"3"}`}},
		{"strings are no numbers", `{"a":["300"]}`, []string{`{"a":"300"}`}, []string{`{"a":300}`, `{"a":"300.0"}`}},
		{"numbers are equal by value", `{"a":[300]}`, []string{`{"a":300.0}`, `{"a":3.0e2}`, `{"a":3E+2}`, `{"a":30000e-2}`, `{"a":0.3e3}`}, []string{`{"a":300.0000000000000000000001}`, `{"a":-300}`, `{"a":3}`}},
		{"a number however spelled in the pattern", `{"a":[3.0e2]}`, []string{`{"a":300}`, `{"a":300.00}`}, []string{`{"a":3.0}`}},
		{"zero has no sign", `{"a":[0]}`, []string{`{"a":-0}`, `{"a":0.0}`, `{"a":0e99}`, `{"a":-0.0E-5}`}, []string{`{"a":1e-400}`, `{"a":""}`}},
		{"numbers have no limit", `{"a":[123456789012345678901234567890]}`, []string{`{"a":123456789012345678901234567890}`, `{"a":1.2345678901234567890123456789e29}`}, []string{`{"a":123456789012345678901234567891}`, `{"a":1.2345678901234568e29}`}},
		{"nor have exponents", `{"a":[1e400]}`, []string{`{"a":1e400}`, `{"a":10e399}`, `{"a":0.01e402}`}, []string{`{"a":1e401}`, `{"a":1e99999999999999999999999}`}},
		{"exponents that no machine counts", `{"a":[{"numeric":[">",5]}]}`, []string{`{"a":1e9223372036854775808}`, `{"a":1e18446744073709551617}`}, []string{`{"a":1e-9223372036854775808}`, `{"a":-1e9223372036854775808}`}},
		{"a space is plain wherever it stands", `{"a":[" "]}`, []string{`{"a":" "}`, `{"a":" ","b":"a long text behind it"}`}, []string{`{"a":""}`}},
		{"so is the character of code 0", `{"a":["\u0000"]}`, []string{`{"a":"\u0000"}`}, []string{`{"a":""}`, `{"a":"0"}`}},
		{"JSON within a string is a string", `{"a":{"b":["c"]}}`, []string{`{"a":{"b":"c"}}`}, []string{`{"a":"{\"b\":\"c\"}"}`}},
		{"a string that spells an IP address is a string", `{"a":["10.0.0.1"]}`, []string{`{"a":"10.0.0.1"}`}, []string{`{"a":"010.0.0.1"}`}},
		{"exactly", `{"a":[{"exactly":"x"}]}`, []string{`{"a":"x"}`}, []string{`{"a":"X"}`}},
	})
}

func TestOperators(t *testing.T) {
	runRules(t, []rule{
		{"several operators are ORed", `{"a":[{"prefix":"x"},{"suffix":"y"},{"exists":false}]}`, []string{`{"a":"xa"}`, `{"a":"ay"}`, `{}`}, []string{`{"a":"ab"}`, `{"a":null}`}},
		{"prefix", `{"a":[{"prefix":"eu-"}]}`, []string{`{"a":"eu-1"}`, `{"a":"eu-"}`, `{"a":"\u0065u-"}`, `{"a":["us","eu-2"]}`}, []string{`{"a":"EU-1"}`, `{"a":"eu"}`, `{"a":"xeu-"}`, `{"a":1}`, `{"a":null}`, `{}`}},
		{"an empty prefix holds for strings", `{"a":[{"prefix":""}]}`, []string{`{"a":""}`, `{"a":"x"}`}, []string{`{"a":1}`, `{"a":null}`, `{"a":true}`, `{}`, `{"a":[]}`}},
		{"a prefix in any case", `{"a":[{"prefix":{"equals-ignore-case":"eU-É"}}]}`, []string{`{"a":"EU-é1"}`, `{"a":"eu-É"}`}, []string{`{"a":"eu-e"}`, `{"a":"eu-"}`}},
		{"suffix", `{"a":[{"suffix":".png"}]}`, []string{`{"a":"x.png"}`, `{"a":".png"}`}, []string{`{"a":"x.PNG"}`, `{"a":"png"}`, `{"a":"x.png "}`, `{"a":1}`}},
		{"an empty suffix holds for strings", `{"a":[{"suffix":""}]}`, []string{`{"a":""}`, `{"a":"x"}`}, []string{`{"a":1}`}},
		{"a suffix in any case", `{"a":[{"suffix":{"equals-ignore-case":".PnG"}}]}`, []string{`{"a":"x.png"}`, `{"a":".PNG"}`}, []string{`{"a":"png"}`, `{"a":"x.png."}`}},
		{"equals-ignore-case", `{"a":[{"equals-ignore-case":"Straße"}]}`, []string{`{"a":"straße"}`, `{"a":"STRAßE"}`}, []string{`{"a":"strasse"}`, `{"a":"straß"}`, `{"a":"straßes"}`, `{"a":null}`}},
		{"equals-ignore-case of nothing", `{"a":[{"equals-ignore-case":""}]}`, []string{`{"a":""}`}, []string{`{"a":"x"}`, `{"a":null}`}},
		{"wildcard", `{"a":[{"wildcard":"dir/*/x*.txt"}]}`, []string{`{"a":"dir/a/x.txt"}`, `{"a":"dir//x/x1.txt"}`, `{"a":"dir/a/xx.txt.txt"}`}, []string{`{"a":"dir/x.txt"}`, `{"a":"dir/a/y.txt"}`, `{"a":"dir/a/x.txt2"}`, `{"a":1}`}},
		{"a star alone holds for strings", `{"a":[{"wildcard":"*"}]}`, []string{`{"a":""}`, `{"a":"x"}`}, []string{`{"a":1}`, `{"a":null}`}},
		{"the ends of a wildcard do not overlap", `{"a":[{"wildcard":"aba*aba"}]}`, []string{`{"a":"abaaba"}`, `{"a":"abaxaba"}`}, []string{`{"a":"aba"}`, `{"a":"ababa"}`}},
		{"a wildcard without a star", `{"a":[{"wildcard":"x"}]}`, []string{`{"a":"x"}`}, []string{`{"a":"xx"}`}},
		{"escapes in a wildcard", `{"a":[{"wildcard":"\\*\\\\*"}]}`, []string{`{"a":"*\\"}`, `{"a":"*\\x"}`}, []string{`{"a":"x\\"}`, `{"a":"*"}`}},
		{"recorded: a wildcard of repeating sequences", `{"f":[{"wildcard":"/Users/*/dir/dir/dir/dir/dir/doc.txt"}]}`, []string{`{"f":"/Users/ls_user/dir/dir/dir/dir/dir/doc.txt"}`}, []string{`{"f":"/Users/dir/dir/dir/dir/dir/doc.txt"}`}},
		{"numeric range", `{"a":[{"numeric":[">",0,"<=",5]}]}`, []string{`{"a":5}`, `{"a":5.0}`, `{"a":0.000000000001}`, `{"a":1e-400}`, `{"a":[9,3]}`}, []string{`{"a":0}`, `{"a":-1}`, `{"a":5.0000001}`, `{"a":"3"}`, `{"a":null}`, `{"a":1e400}`, `{}`}},
		{"numeric bounds", `{"a":[{"numeric":[">=",-1.5,"<",2e1]}]}`, []string{`{"a":-1.5}`, `{"a":-15e-1}`, `{"a":19.99}`}, []string{`{"a":-1.51}`, `{"a":20}`}},
		{"numeric equality", `{"a":[{"numeric":["=",3.018e2]}]}`, []string{`{"a":301.8}`}, []string{`{"a":301.80001}`}},
		{"numeric less", `{"a":[{"numeric":["<",-3]}]}`, []string{`{"a":-4}`, `{"a":-1e30}`, `{"a":-3.1}`}, []string{`{"a":-3}`, `{"a":-2.9}`, `{"a":0}`, `{"a":4}`}},
		{"numeric beyond the engine's range", `{"a":[{"numeric":[">",1700000000000]}]}`, []string{`{"a":1700000000001}`}, []string{`{"a":1699999999999}`}},
		{"recorded: numeric does not look into strings", `{"n":[{"numeric":[">",100]},{"anything-but":"101"}]}`, []string{`{"n":101}`, `{"n":"102"}`, `{"n":100}`, `{"n":101.0}`}, []string{`{"n":"101"}`}},
		{"cidr", `{"a":[{"cidr":"10.0.0.0/24"}]}`, []string{`{"a":"10.0.0.0"}`, `{"a":"10.0.0.255"}`, `{"a":"010.0.0.1"}`, `{"a":"::ffff:a00:9"}`}, []string{`{"a":"10.0.1.0"}`, `{"a":123}`, `{"a":"10.0.0"}`, `{"a":"10.0.0."}`, `{"a":"10.0.0.1."}`, `{"a":"10.0.0.1.1"}`, `{"a":"10..0.1"}`, `{"a":".0.0.1"}`, `{"a":"10,0,0,1"}`, `{"a":"10.0.0.256"}`, `{"a":"x"}`, `{"a":""}`, `{"a":"::1"}`, `{"a":"10.0.0.1/24"}`, `{"a":"::ffff:10.0.0.9"}`}},
		{"cidr takes the bits of the mask only", `{"a":[{"cidr":"10.0.0.77/25"}]}`, []string{`{"a":"10.0.0.1"}`, `{"a":"10.0.0.127"}`}, []string{`{"a":"10.0.0.128"}`}},
		{"cidr of IPv6", `{"a":[{"cidr":"2001:db8:1234:1a00::/64"}]}`, []string{`{"a":"2001:0db8:1234:1a00:0000:0000:0000:0000"}`, `{"a":"2001:DB8:1234:1a00::ffff"}`}, []string{`{"a":"2001:db8:1234:1a01::"}`, `{"a":"10.0.0.1"}`, `{"a":"2001:db8:1234:1a00:::"}`, `{"a":"2001:db8:1234:1a00::1%eth0"}`, `{"a":"1:2:3:4:5:6:7:8:9"}`, `{"a":":"}`}},
		{"cidr of addresses that are cut short", `{"a":[{"cidr":"0.0.0.0/0"}]}`, []string{`{"a":"0.0.0.0"}`, `{"a":"9.9.9.9"}`}, []string{`{"a":"0.0.0."}`, `{"a":"0..0.0"}`, `{"a":".0.0.0"}`, `{"a":"0,0.0.0"}`, `{"a":"0.0.0.0.0"}`, `{"a":""}`}},
		{"cidr of IPv6 with a gap", `{"a":[{"cidr":"1:2::/16"}]}`, []string{`{"a":"1::"}`, `{"a":"1:2:3:4:5:6:7::"}`, `{"a":"1::3:4:5:6:7:8"}`}, []string{`{"a":"1:2:3:4:5:6:7:8::"}`, `{"a":"1:2:3:4::5:6:7:8"}`, `{"a":"1:2:3:4:5:6:7"}`, `{"a":"::1"}`}},
	})
}

func TestAnythingBut(t *testing.T) {
	runRules(t, []rule{
		{"the field must be there", `{"a":[{"anything-but":"x"}]}`, []string{`{"a":"y"}`, `{"a":null}`, `{"a":1}`, `{"a":true}`, `{"a":["x","y"]}`}, []string{`{"a":"x"}`, `{}`, `{"a":[]}`, `{"a":{}}`, `{"a":{"x":1}}`, `{"a":["x","x"]}`}},
		{"a number", `{"a":[{"anything-but":123}]}`, []string{`{"a":"123"}`, `{"a":124}`, `{"a":null}`}, []string{`{"a":123}`, `{"a":123.0}`, `{}`}},
		{"zero", `{"a":[{"anything-but":0}]}`, []string{`{"a":1}`, `{"a":"0"}`}, []string{`{"a":0}`, `{"a":-0.0}`}},
		{"a list of strings", `{"a":[{"anything-but":["x","y"]}]}`, []string{`{"a":"z"}`, `{"a":null}`}, []string{`{"a":"x"}`, `{"a":"y"}`, `{}`}},
		{"a list of numbers", `{"a":[{"anything-but":[1,2.0]}]}`, []string{`{"a":3}`, `{"a":"1"}`}, []string{`{"a":1.0}`, `{"a":2}`}},
		{"a prefix", `{"a":[{"anything-but":{"prefix":"init"}}]}`, []string{`{"a":"in"}`, `{"a":1}`, `{"a":null}`}, []string{`{"a":"initial"}`, `{"a":"init"}`, `{}`}},
		{"a list of prefixes", `{"a":[{"anything-but":{"prefix":["x","y"]}}]}`, []string{`{"a":"z"}`}, []string{`{"a":"xx"}`, `{"a":"yy"}`}},
		{"a list of suffixes", `{"a":[{"anything-but":{"suffix":[".txt",".rtf"]}}]}`, []string{`{"a":".txt.jpg"}`, `{"a":0}`}, []string{`{"a":"x.txt"}`, `{"a":"x.rtf"}`, `{}`}},
		{"nothing of a list that is empty", `{"a":[{"anything-but":{"prefix":[]}}]}`, []string{`{"a":"x"}`, `{"a":""}`, `{"a":1}`, `{"a":null}`}, []string{`{}`, `{"a":{}}`, `{"a":[]}`}},
		{"nothing of other lists that are empty", `{"a":[{"anything-but":{"suffix":[]}}],"b":[{"anything-but":{"equals-ignore-case":[]}}],"c":[{"anything-but":{"wildcard":[]}}]}`, []string{`{"a":"x","b":"x","c":"x"}`}, []string{`{"a":"x","b":"x"}`}},
		{"any case", `{"a":[{"anything-but":{"equals-ignore-case":["Init","Stop"]}}]}`, []string{`{"a":"initial"}`, `{"a":""}`, `{"a":null}`}, []string{`{"a":"INIT"}`, `{"a":"stop"}`}},
		{"wildcards", `{"a":[{"anything-but":{"wildcard":["*/bin/*","x"]}}]}`, []string{`{"a":"bin"}`, `{"a":1}`}, []string{`{"a":"usr/bin/go"}`, `{"a":"x"}`}},
		{"the empty wildcard", `{"a":[{"anything-but":{"wildcard":""}}]}`, []string{`{"a":"dir/init/file"}`}, []string{`{"a":""}`}},
	})
}

func TestExists(t *testing.T) {
	runRules(t, []rule{
		{"a leaf exists", `{"a":{"b":[{"exists":true}]}}`, []string{`{"a":{"b":1}}`, `{"a":{"b":null}}`, `{"a":{"b":""}}`, `{"a":{"b":[1]}}`, `{"a":[{"c":1},{"b":1}]}`}, []string{`{}`, `{"a":1}`, `{"a":{}}`, `{"a":{"b":[]}}`, `{"a":{"b":{}}}`, `{"a":{"b":{"c":1}}}`, `{"a":{"b":[{"c":1}]}}`, `{"a":{"b":[[]]}}`}},
		{"what is no leaf does not", `{"a":{"b":[{"exists":false}]}}`, []string{`{}`, `{"a":1}`, `{"a":null}`, `{"a":{}}`, `{"a":{"b":[]}}`, `{"a":{"b":{}}}`, `{"a":{"b":{"c":1}}}`}, []string{`{"a":{"b":1}}`, `{"a":{"b":null}}`, `{"a":{"b":["x"]}}`, `{"a":[{"b":[[0]]}]}`, `{"a.b":0}`}},
		{"absence or a value", `{"d":{"h":{"S":[{"anything-but":["roses"]},{"exists":false}]}}}`, []string{`{"d":{"p":{"N":"7"}}}`, `{"d":{"h":{"S":"tulips"}}}`}, []string{`{"d":{"h":{"S":"roses"}}}`}},
		{"always or never", `{"a":[{"exists":false},{"exists":true}]}`, []string{`{}`, `{"a":1}`}, nil},
	})
}

func TestArrays(t *testing.T) {
	const people = `{"employees":[{"first":"John","last":"Doe"},{"first":"Anna","last":"Smith"},{"first":"Peter","last":"Jones"}]}`
	const teams = `{"employees":[[{"first":"John","last":"Doe"},{"first":"Anna","last":"Smith"}],[{"first":"Peter","last":"Jones"}]]}`
	runRules(t, []rule{
		{"arrays intersect", `{"a":["x","y"]}`, []string{`{"a":["z","y"]}`, `{"a":[["y"]]}`, `{"a":[[[]],["x"]]}`}, []string{`{"a":["z"]}`, `{"a":[]}`, `{"a":[{"x":"x"}]}`}},
		{"arrays of objects are looked into", `{"employees":{"first":["Anna"]}}`, []string{people, teams}, []string{`{"employees":["Anna"]}`}},
		{"fields of one element", `{"employees":{"first":["Anna"],"last":["Smith"]}}`, []string{people, teams}, nil},
		{"fields of different elements", `{"employees":{"first":["Anna"],"last":["Jones"]}}`, nil, []string{people, teams}},
		{"elements of different arrays", `{"a":{"x":[1]},"b":{"y":[2]}}`, []string{`{"a":[{"x":0},{"x":1}],"b":[{"y":2},{"y":0}]}`}, nil},
		{"arrays within arrays", `{"r":{"a":{"x":[1]},"b":{"y":[2]},"z":[3]}}`, []string{`{"r":[{"a":[{"x":0},{"x":1}],"b":[{"y":1},{"y":2}],"z":3}]}`}, []string{`{"r":[{"a":[{"x":0},{"x":1}],"b":[{"y":1},{"y":2}],"z":0},{"z":3}]}`}},
		{"scalars belong to all elements", `{"a":["x"],"a.b":[1]}`, []string{`{"a":["x",{"b":1}]}`, `{"a":[["x",{"b":1}]]}`}, []string{`{"a":[["x"],{"b":1}]}`}},
		{"an array given twice is two arrays", `{"a":{"x":[1],"y":[2]}}`, []string{`{"a":[{"x":1}],"a":[{"y":2}]}`}, []string{`{"a":[{"x":1},{"y":2}]}`}},
		{"absence within the element of an earlier field", `{"r":{"a":[1],"b":[{"exists":false}]}}`, []string{`{"r":[{"a":1},{"b":2}]}`, `{"r":[{"a":1,"b":2},{"a":1}]}`}, []string{`{"r":[{"a":1,"b":2},{"a":2}]}`}},
		{"absence everywhere before that", `{"r":{"a":[{"exists":false}],"b":[1]}}`, []string{`{"r":[{"b":1},{"b":2}]}`}, []string{`{"r":[{"b":1},{"a":2}]}`}},
		{"recorded: some element has the field", `{"detail":{"automations":{"id":[{"exists":true}]}}}`, []string{`{"detail":{"automations":[{"k":"v"},{"id":"x"},{"l":"w"}]}}`}, []string{`{"detail":{"automations":[{"k":"v"},"id"]}}`}},
	})
}

func TestKeys(t *testing.T) {
	dotted := []string{`{"a":{"b":{"c":1}}}`, `{"a.b":{"c":1}}`, `{"a":{"b.c":1}}`, `{"a.b.c":1}`, `{"a":[{"b.c":[1]}]}`}
	runRules(t, []rule{
		{"dots join keys", `{"a":{"b":{"c":[1]}}}`, dotted, []string{`{"a":{"b.c.c":1}}`, `{"a.b":{"b":{"c":1}}}`, `{"a.b.c.":1}`, `{".a.b.c":1}`}},
		{"dots in the pattern too", `{"a.b":{"c":[1]}}`, dotted, nil},
		{"recorded: joined, not merged", `{"detail":{"state.status":{"status":["running"]}}}`, nil, []string{`{"detail":{"state":{"status":"running"}}}`}},
		{"empty keys are keys", `{"":{"":[1]}}`, []string{`{"":{"":1}}`, `{".":1}`}, []string{`{"":1}`, `{"..":1}`}},
		{"the last of two values for a field counts", `{"a":["x"],"a":["y"]}`, []string{`{"a":"y"}`}, []string{`{"a":"x"}`}},
		{"recorded: it counts alone", `{"detail":{"l":[{"prefix":"us-"}],"l":[{"anything-but":"us-east"}]}}`, []string{`{"detail":{"l":"eu-central-1"}}`}, nil},
		{"objects of one key are joined", `{"a":{"x":[1]},"a":{"y":[2]}}`, []string{`{"a":{"x":1,"y":2}}`}, []string{`{"a":{"y":2}}`}},
		{"a field is its joined path", `{"a":{"b":[1]},"a.b":[2]}`, []string{`{"a":{"b":2}}`}, []string{`{"a":{"b":1}}`}},
		{"all values of a key given twice count", `{"a":["x"]}`, []string{`{"a":"x","a":"y"}`, `{"a":"y","a":"x"}`, `{"a":{},"a":"x"}`}, nil},
		{
			"many keys", `{"k00":[0],"k01":[1],"k02":[2],"k03":[3],"k04":[4],"k05":[5],"k06":[6],"k07":[7],"k08":[8],"k09":[9],"k10":[10],"k11":[11],"k12":{"x":[12]}}`,
			[]string{`{"k00":0,"k01":1,"k02":2,"k03":3,"k04":4,"k05":5,"k06":6,"k07":7,"k08":8,"k09":9,"k10":10,"k11":11,"k12.x":12,"k13":13,"k1":1}`},
			[]string{`{"k00":0}`},
		},
	})
}

func TestOr(t *testing.T) {
	const counts = `{"detail":{"$or":[{"c":[{"numeric":[">",0,"<=",5]}]},{"d":[{"numeric":["<",10]}]},{"x":[{"numeric":["=",3.018e2]}]}]}}`
	runRules(t, []rule{
		{"one branch is enough", counts, []string{`{"detail":{"c":0,"d":0,"x":9.018e2}}`, `{"detail":{"x":301.8}}`}, []string{`{"detail":{"c":0,"d":10,"x":0}}`, `{}`}},
		{"with fields beside it", `{"s":["a"],"$or":[{"x":[1]},{"y":[2],"z":[3]}]}`, []string{`{"s":"a","x":1}`, `{"s":"a","y":2,"z":3}`}, []string{`{"x":1}`, `{"s":"a","y":2}`, `{"s":"a"}`}},
		{"two multiply", `{"$or":[{"a":[1]},{"b":[1]}],"d":{"$or":[{"a":[1]},{"b":[1]}]}}`, []string{`{"a":1,"d":{"b":1}}`, `{"b":1,"d":{"a":1}}`}, []string{`{"a":1,"b":1}`, `{"d":{"a":1,"b":1}}`}},
		{"nested", `{"$or":[{"a":[1],"$or":[{"b":[1]},{"c":[1]}]},{"d":[1]}]}`, []string{`{"a":1,"c":1}`, `{"d":1}`}, []string{`{"a":1}`, `{"b":1}`}},
		{"a branch replaces the field beside it", `{"a":["1"],"$or":[{"a":["2"]},{"b":["3"]}]}`, []string{`{"a":"2"}`, `{"a":"1","b":"3"}`}, []string{`{"a":"1"}`, `{"b":"3"}`}},
		{"and the other way round", `{"$or":[{"a":["2"]},{"b":["3"]}],"a":["1"]}`, []string{`{"a":"1"}`, `{"a":"1","b":"3"}`}, []string{`{"a":"2"}`}},
		{"exists within it", `{"$or":[{"a":[{"exists":false}]},{"a":["x"]}]}`, []string{`{}`, `{"a":"x"}`}, []string{`{"a":"y"}`}},
		{"an object is no $or", `{"s":["a"],"$or":{"m":["x"]}}`, []string{`{"s":"a","$or":{"m":"x"}}`}, []string{`{"s":"a","m":"x"}`}},
		{"names of operators make it a key", `{"$or":[{"prefix":"abc"},{"exists":false}]}`, []string{`{"$or":"abcd"}`, `{}`}, []string{`{"$or":"x"}`, `{"prefix":"abc","$or":null}`}},
		{"strings make it a key", `{"$or":["x","y"]}`, []string{`{"$or":"y"}`}, []string{`{"x":"y"}`}},
		{"elements are consistent within a branch", `{"r":{"$or":[{"a":[1],"b":[1]},{"c":[1]}]}}`, []string{`{"r":[{"a":1},{"a":1,"b":1}]}`, `{"r":[{},{"c":1}]}`}, []string{`{"r":[{"a":1},{"b":1}]}`}},
	})
}

func TestEventsThatAreNoObjectsNeverMatch(t *testing.T) {
	p := filter.MustParse(`{"a":[{"exists":false}]}`)
	require.True(t, p.Match([]byte(" \r\n\t{ } ")))
	for _, event := range []string{``, ` `, `[]`, `[{"b":1}]`, `1`, `"x"`, `null`, `true`} {
		require.False(t, p.Match([]byte(event)), event)
	}
}

func TestTextThatIsNotJSONNeverMatches(t *testing.T) {
	p := filter.MustParse(`{"a":[{"exists":false},1],"o":{"p":[{"exists":false},1]}}`)
	require.True(t, p.Match([]byte(`{"a":1,"o":{"p":1}}`)))
	for _, event := range []string{
		`{`, `{"a":1`, `{"a":1}}`, `{"a":1} x`, `{"a":1,}`, `{"a" 1}`, `{"a":}`, `{,}`, `{a:1}`, `{"a":1 "b":2}`, `{'a':1}`, "\ufeff{}", `{"a":1}{}`,
		`{"b":tru}`, `{"b":nulL}`, `{"b":01}`, `{"b":1.}`, `{"b":.5}`, `{"b":-}`, `{"b":1e}`, `{"b":+1}`, `{"b":NaN}`, `{"b":0x1}`,
		`{"a":tru}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":1e+}`, `{"a":"x}`, `{"a":[1,]}`, `{"a":[1}`, `{"a":[`, `{"o":{"p":1,}}`, `{"o":{"p":1]`, `{"o":{"p"`, `{"o":{1:1}}`,
		`{"b":"\x"}`, `{"b":"\u12g4"}`, `{"b":"\u123"}`, `{"b":"\`, "{\"b\":\"\n\"}", "{\"b\":\"\x1f\"}", "{\"\x00\":1}", `{"b":[}`, `{"b":[1 2]}`, `{"b":{"c"}}`, `{"b":{"c":1,}}`, `{"b":{"c":1,`, `{"b":{1":1}}`, `{"o":{1":1}}`, `{"o":{"p"x1}}`, `{1":1}`, `{"b":{"c"x1}}`, `{"a"x1}`, `{"b`, `{"b":"aaaaaaaaaaaaaaaaaaaa`,
	} {
		require.False(t, json.Valid([]byte(event)), event)
		require.False(t, p.Match([]byte(event)), event)
	}
}

// Bytes that are not UTF-8 are let through, as json.Valid does, and are equal to nothing that a pattern can say.
func TestInvalidUTF8IsValidAndUnequal(t *testing.T) {
	event := []byte("{\"a\":\"x\xff\",\"\xfe\":1,\"b\":1}")
	require.True(t, filter.MustParse(`{"b":[1],"a":[{"prefix":"x"}]}`).Match(event))
	for _, pattern := range []string{`{"a":["x\ufffd"]}`, `{"a":[{"equals-ignore-case":"x\ufffd"}]}`, `{"a":[{"suffix":{"equals-ignore-case":"\ufffd"}}]}`, `{"\ufffd":[1]}`} {
		require.False(t, filter.MustParse(pattern).Match(event), pattern)
	}
}

func TestDepthIsBoundedAsInJSONValid(t *testing.T) {
	p := filter.MustParse(`{"a":{"a":[1]},"b":[{"exists":false}]}`)
	for _, c := range []struct{ open, end string }{{"[", "]"}, {`{"x":`, "}"}} {
		for _, key := range []string{"a", "c"} {
			for _, depth := range []int{9_998, 9_999, 10_000, 10_001, 1_000_000} {
				event := `{"a":{"a":1},"` + key + `":` + strings.Repeat(c.open, depth-1) + "1" + strings.Repeat(c.end, depth-1) + "}"
				require.Equal(t, json.Valid([]byte(event)), p.Match([]byte(event)), "%s %s %d", c.open, key, depth)
			}
		}
	}
	for _, depth := range []int{9_999, 10_000, 10_001} {
		inner := strings.Repeat("[", depth-2) + `{"a":1}` + strings.Repeat("]", depth-2)
		require.Equal(t, depth <= 10_000, p.Match([]byte(`{"a":`+inner+`}`)), "an object in %d others", depth)
		inner = strings.Repeat(`{"x":`, depth-1) + "1" + strings.Repeat("}", depth-1)
		require.Equal(t, depth <= 10_000, p.Match([]byte(`{"a":{"a":1},"b":`+inner+`}`)), "%d objects where only leaves count", depth)
	}
	require.False(t, p.Match([]byte(strings.Repeat(`{"a":`, 1_000_000))))
}

// Arrays that have nothing to do with each other are not tried in all combinations.
func TestIndependentArraysTakeNoCombinations(t *testing.T) {
	p := filter.MustParse(`{"r":{"a":{"x":[1],"y":[1]},"b":{"x":[1],"y":[1]},"c":{"x":[1],"y":[1]},"d":{"x":[1],"y":[1]},"z":[1]}}`)
	element := strings.TrimSuffix(strings.Repeat(`{"x":1,"y":1},`, 300), ",")
	arrays := `"a":[` + element + `],"b":[` + element + `],"c":[` + element + `],"d":[` + element + `]`
	require.False(t, p.Match([]byte(`{"r":[{"z":1},{`+arrays+`,"z":0}]}`)))
	require.True(t, p.Match([]byte(`{"r":[{`+arrays+`,"z":1},{`+arrays+`,"z":0}]}`)))
}

// Nor are elements of one array tried with each other.
func TestLongArraysTakeNoSquareTime(t *testing.T) {
	if raceEnabled {
		t.Skip("a matter of speed")
	}
	p := filter.MustParse(`{"r":{"a":[1],"b":[1],"c":[{"exists":false}]}}`)
	event := `{"r":[` + strings.Repeat(`{"a":1,"c":1},{"b":1},`, 100_000)
	require.False(t, p.Match([]byte(event+`{}]}`)))
	require.True(t, p.Match([]byte(event+`{"a":1,"b":1}]}`)))
	require.True(t, p.Match([]byte(`{"r":[{"a":1,"b":1},`+event[6:]+`{}]}`)))
	require.False(t, p.Match([]byte(event+`{"a":1,"b":1,"c":null}]}`)))
}

// An event of duplicate keys can hold many arrays for one field, in which leaves are looked for in all combinations.
// The search for it ends.
func TestSearchEnds(t *testing.T) {
	p := filter.MustParse(`{"a":{"p":[1],"q":[1],"r":[1],"s":[1],"t":[1]}}`)
	var b strings.Builder
	for _, key := range "pqrs" {
		b.WriteString(`"a":[` + strings.Repeat(`{"`+string(key)+`":1},`, 200) + `{"t":%}],`)
	}
	event := "{" + b.String() + `"a":{"t":2}}`
	require.False(t, p.Match([]byte(strings.ReplaceAll(strings.Replace(event, "%", "1", 1), "%", "0"))))
	require.True(t, p.Match([]byte(strings.ReplaceAll(strings.Replace(event, `{"t":2}`, `{"t":1}`, 1), "%", "0"))))
}

func TestLargeEvents(t *testing.T) {
	p := filter.MustParse(`{"r":{"a":[1],"b":["\u00e9` + strings.Repeat("long", 100) + `"]}}`)
	long := strings.Repeat("long", 100)
	elements := strings.Repeat(`{"a":1,"b":"x"},`, 10_000)
	require.True(t, p.Match([]byte(`{"r":[`+elements+`{"a":1,"b":"\u00e9`+long+`"}]}`)))
	require.False(t, p.Match([]byte(`{"r":[`+elements+`{"a":2,"b":"\u00e9`+long+`"}]}`)))
}
