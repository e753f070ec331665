package servicemodel_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVariantsAreAtAndBeyondEveryRule(t *testing.T) {
	m := model(t, "json")
	base := tree(t, `{"Customer":"ann","Items":[{"Count":1}]}`)
	assert.Empty(t, m.Input("PutOrder", base).Problems)
	good, broken := map[string]bool{}, map[string]bool{}
	for _, v := range m.Variants("PutOrder", base) {
		if len(v.Report.Problems) == 0 {
			good[v.Path] = true
		}
		for _, rule := range rules(v.Report) {
			broken[rule] = true
		}
	}
	for _, rule := range []string{
		"PutOrder.Customer missing", "PutOrder.Customer type", "PutOrder.Customer min", "PutOrder.Customer max", "PutOrder.Customer pattern",
		"PutOrder.Items min", "PutOrder.Items max", "PutOrder.Items[0].Count missing", "PutOrder.Items[0].Count min",
		"PutOrder.Items[0].Count max", "PutOrder.Items[0].Count type", "PutOrder.Tags max", "PutOrder.Data type", "PutOrder.At type",
		"PutOrder.Gift type", "PutOrder.Kind enum", "PutOrder.Pay type",
	} {
		assert.True(t, broken[rule], rule)
	}
	for _, path := range []string{
		"PutOrder.Customer=a", "PutOrder.Customer=aaaaaaaa", "PutOrder.Items[0].Count=0", "PutOrder.Items[0].Count=100",
		"PutOrder.Kind=OLD", "PutOrder.Gift=true", "PutOrder.Items left out",
	} {
		assert.True(t, good[path], path)
	}
	assert.Empty(t, m.Variants("Steal", base))
	assert.Equal(t, map[string]any{"Customer": "ann", "Items": []any{map[string]any{"Count": tree(t, "1")}}}, base, "it is not changed")
}
