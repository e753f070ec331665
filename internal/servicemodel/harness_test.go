package servicemodel_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/servicemodel"
)

// model reads one of testdata's models.
func model(t testing.TB, name string) *servicemodel.Model {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	require.NoError(t, err)
	m, err := servicemodel.Parse(text)
	require.NoError(t, err)
	return m
}

// rules returns the places and rules of a report's problems.
func rules(r servicemodel.Report) []string {
	all := []string{}
	for _, p := range r.Problems {
		all = append(all, p.Path+" "+string(p.Rule))
	}
	return all
}

// tree decodes JSON.
func tree(t testing.TB, text string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	return v
}
