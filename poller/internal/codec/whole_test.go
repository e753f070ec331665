package codec

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/schemas"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
)

// noAnswers are bodies of a good status that are no answer of any operation.
var noAnswers = map[string]string{
	"nothing":         "",
	"white space":     " \n",
	"null":            "null",
	"a list":          "[]",
	"a text":          `"{}"`,
	"HTML":            "<html><body>Bad Gateway</body></html>",
	"two objects":     "{}{}",
	"an object more":  `{"a":1}x`,
	"an object less":  `{"a":`,
	"a member twice":  `{"Shards":[],"Shards":[{}]}`,
	"a member thrice": `{"a":1,"b":{"a":2},"c":1,"a":3}`,
}

// TestWhatIsNoObjectIsNoAnswerOfAnyOperation, though the SDK takes some of it for an answer without members.
func TestWhatIsNoObjectIsNoAnswerOfAnyOperation(t *testing.T) {
	for name, body := range noAnswers {
		for _, c := range []struct {
			schema *smithy.OperationSchema
			out    smithy.Deserializable
			p      Protocol
		}{
			{getRecords, new(kinesis.GetRecordsOutput), Protocol{}},
			{getRecords, new(kinesis.GetRecordsOutput), Protocol{Direct: true}},
			{getRecords, new(kinesis.GetRecordsOutput), Protocol{SDK: true}},
			{getRecords, new(kinesis.GetRecordsOutput), Protocol{CBOR: true}},
			{smithy.NewOperationSchema(schemas.ListShards, schemas.ListShardsInput, schemas.ListShardsOutput), new(kinesis.ListShardsOutput), Protocol{}},
			{smithy.NewOperationSchema(schemas.GetShardIterator, schemas.GetShardIteratorInput, schemas.GetShardIteratorOutput), new(kinesis.GetShardIteratorOutput), Protocol{}},
		} {
			c.p.ClientProtocol = sdk
			resp := httpResponse(http.StatusOK, strings.NewReader(body), int64(len(body)))
			err := c.p.DeserializeResponse(t.Context(), c.schema, kinesis.TypeRegistry, resp, c.out)
			require.ErrorContains(t, err, "deserialization failed, the answer ", "%s: %T", name, c.out)
			require.False(t, c.p.Refused, name)
		}
	}
}

// TestAnAnswerWithoutRecordsIsQuoted: whose answer it is shows in what it says.
func TestAnAnswerWithoutRecordsIsQuoted(t *testing.T) {
	for _, body := range []string{`{}`, `{"Records":null,"MillisBehindLatest":0}`, `{"__type":"InternalFailure","message":"oops"}`} {
		_, err := answerTo(t, new(Protocol), http.StatusOK, body)
		require.ErrorIs(t, err, errNoRecords)
		require.ErrorContains(t, err, strings.ReplaceAll(body, `"`, `\"`))
	}
	_, err := answerTo(t, new(Protocol), http.StatusOK, "<html>"+strings.Repeat("\xff", 10_000))
	require.ErrorContains(t, err, `the answer is not a JSON object: it begins with "<html>�"`)
	require.Less(t, len(err.Error()), 300)
}

func TestMemberNamesAreThoseOfTheOutermostObject(t *testing.T) {
	for body, want := range map[string][]string{
		`{}`:                            nil,
		`{"a":1,"b":"c"}`:               {"a", "b"},
		` { "a" : {"x":{"y":1}} } `:     {"a"},
		`{"a":["b","c",{"d":1}],"e":2}`: {"a", "e"},
		`{"a":"{\"b\":1,","c\\":"\\"}`:  {"a", `c\\`},
	} {
		var got []string
		for name := range memberNames([]byte(body)) {
			got = append(got, string(name))
		}
		require.Equal(t, want, got, body)
	}
}

func TestSequenceNumbersAreDecimal(t *testing.T) {
	digits := strings.Repeat("0123456789", 13)[:129]
	for _, n := range []int{0, 1, 7, 8, 9, 15, 16, 17, 56, 128, 129} {
		number := []byte(digits[:n])
		require.Equal(t, n > 0, isDecimal(number), "%d digits", n)
		for i := range number {
			for _, c := range []byte("/:-+ .eAz\x00\xb0\xff") {
				wrong := slices.Clone(number)
				wrong[i] = c
				require.False(t, isDecimal(wrong), "%q", wrong)
			}
		}
	}
}
