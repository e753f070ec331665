package servicemodel_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/servicemodel"
)

func TestAValueIsCheckedAgainstEveryRuleOfItsShape(t *testing.T) {
	m := model(t, "json")
	for in, want := range map[string][]string{
		`{"Customer":"ann"}`: {},
		`{"Customer":"ann","Items":[{"Count":0},{"Count":100}],"Tags":{"a":"b"},"Data":"AAECAw==","At":1.5,"Gift":false,"Kind":"OLD"}`: {},
		`{"Customer":"ééééé"}`:            {}, // characters, not bytes
		`{"Customer":null}`:               {"PutOrder.Customer missing"},
		`{}`:                              {"PutOrder.Customer missing"},
		`{"Customer":"ann","Items":null}`: {},
		`[]`:                              {"PutOrder type"},
		`{"customer":"ann"}`:              {"PutOrder.customer unknown", "PutOrder.Customer missing"},
		`{"Customer":7}`:                  {"PutOrder.Customer type"},
		`{"Customer":""}`:                 {"PutOrder.Customer min", "PutOrder.Customer pattern"},
		`{"Customer":"abcdefghi"}`:        {"PutOrder.Customer max"},
		`{"Customer":"a1"}`:               {"PutOrder.Customer pattern"}, // the whole has to match
		`{"Customer":"a","Items":[]}`:     {"PutOrder.Items min"},
		`{"Customer":"a","Items":{}}`:     {"PutOrder.Items type"},
		`{"Customer":"a","Items":[{},{"Count":101},{"Count":-1}]}`: {
			"PutOrder.Items max", "PutOrder.Items[0].Count missing", "PutOrder.Items[1].Count max", "PutOrder.Items[2].Count min",
		},
		`{"Customer":"a","Items":[{"Count":1.0}]}`:         {"PutOrder.Items[0].Count type"},
		`{"Customer":"a","Items":[{"Count":"1"}]}`:         {"PutOrder.Items[0].Count type"},
		`{"Customer":"a","Items":[{"Count":2147483648}]}`:  {"PutOrder.Items[0].Count type"},
		`{"Customer":"a","Total":9223372036854775807}`:     {},
		`{"Customer":"a","Total":9223372036854775808}`:     {"PutOrder.Total type"},
		`{"Customer":"a","Weight":1e2}`:                    {},
		`{"Customer":"a","Weight":"NaN"}`:                  {},
		`{"Customer":"a","Weight":0.4}`:                    {"PutOrder.Weight min"},
		`{"Customer":"a","Weight":true}`:                   {"PutOrder.Weight type"},
		`{"Customer":"a","Tags":{"A":"x","b":7,"c":""}}`:   {"PutOrder.Tags max", `PutOrder.Tags key "A" pattern`, `PutOrder.Tags["b"] type`},
		`{"Customer":"a","Data":"AAEC_w=="}`:               {"PutOrder.Data type"},
		`{"Customer":"a","Data":"AAEC"}`:                   {},
		`{"Customer":"a","Data":"AA"}`:                     {"PutOrder.Data type"},
		`{"Customer":"a","Data":"AAECAwQ="}`:               {"PutOrder.Data max"},
		`{"Customer":"a","Data":[]}`:                       {"PutOrder.Data type"},
		`{"Customer":"a","At":"2026-01-01T00:00:00Z"}`:     {"PutOrder.At type"},
		`{"Customer":"a","At":{}}`:                         {"PutOrder.At type"},
		`{"Customer":"a","AtText":"2026-01-01T00:00:00Z"}`: {},
		`{"Customer":"a","AtText":1}`:                      {"PutOrder.AtText type"},
		`{"Customer":"a","Gift":"true"}`:                   {"PutOrder.Gift type"},
		`{"Customer":"a","Kind":"new"}`:                    {"PutOrder.Kind enum"},
		`{"Customer":"a","Pay":{"Card":"x"}}`:              {},
		`{"Customer":"a","Pay":{}}`:                        {"PutOrder.Pay union"},
		`{"Customer":"a","Pay":{"Card":"x","Cash":true}}`:  {"PutOrder.Pay union"},
		`{"Customer":"a","Arn":"ab"}`:                      {},
		`{"Customer":"a","Arn":"é "}`:                      {"PutOrder.Arn pattern"}, // Java's notation is understood
		`{"Customer":"a","Free":[{"what":1}]}`:             {},
	} {
		report := m.Input("PutOrder", tree(t, in))
		assert.Equal(t, want, rules(report), "%s:\n%s", in, report)
		assert.Empty(t, report.Unchecked, in)
	}
	assert.Equal(t, []string{"PutOrder answer.Id missing"}, rules(m.Output("PutOrder", nil)))
	assert.Equal(t, []string{"Steal unknown"}, rules(m.Input("Steal", nil)))
	assert.Equal(t, []string{"here.Count missing"}, rules(m.Value("here", "Item", tree(t, `{}`))))
	assert.Equal(t, []string{"here unknown"}, rules(m.Value("here", "Nowhere", nil)))
}

func TestAPatternThatGoCannotExpressIsReportedAsUnchecked(t *testing.T) {
	for text, alias := range map[string]string{"matches": "prod1", "does not": "12"} {
		report := model(t, "json").Input("PutOrder", tree(t, `{"Customer":"a","Alias":"`+alias+`"}`))
		assert.Empty(t, report.Problems, text)
		require.Len(t, report.Unchecked, 1, text)
		assert.Equal(t, "PutOrder.Alias", report.Unchecked[0].Path)
		assert.Equal(t, servicemodel.Pattern, report.Unchecked[0].Rule)
		assert.Contains(t, report.Unchecked[0].Text, "(?!")
	}
}

func TestAModelThatIsIncompleteIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{`:  "unexpected end of JSON input",
		`{}`: "no operations",
		`{"operations":{"A":{"input":{"shape":"B"}}},"shapes":{"C":{"type":"string"}}}`:             `shape "B"`,
		`{"operations":{"A":{}},"shapes":{"C":{"type":"list","member":{"shape":"D"}}}}`:             `shape "D"`,
		`{"operations":{"A":{}},"shapes":{"C":{"type":"structure","members":{"E":{"shape":"F"}}}}}`: `shape "F"`,
	} {
		_, err := servicemodel.Parse([]byte(text))
		assert.ErrorContains(t, err, want)
	}
}
