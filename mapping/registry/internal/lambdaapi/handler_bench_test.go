package lambdaapi

import (
	"strings"
	"testing"
)

// BenchmarkHostileBody decodes bodies of maxBody that are made to cost much.
func BenchmarkHostileBody(b *testing.B) {
	fill := func(head, part, tail string) []byte {
		return []byte(head + strings.Repeat(part, (maxBody-len(head)-len(tail))/len(part)) + tail)
	}
	for name, body := range map[string][]byte{
		"spaces":      fill(`{"BatchSize":`, " ", `1}`),
		"filters":     fill(`{"FilterCriteria":{"Filters":[{}`, ",{}", `]}}`),
		"criteria":    fill(`{"A":1`, `,"FilterCriteria":{"Filters":[]}`, `}`),
		"nulls":       fill(`{"FunctionResponseTypes":[null`, `,null`, `]}`),
		"nested":      []byte(`{"ScalingConfig":` + strings.Repeat(`{"a":`, 9990) + `1` + strings.Repeat(`}`, 9990) + `}`),
		"list nested": []byte(`{"FilterCriteria":{"Filters":[` + strings.Repeat(strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+",", 10) + `1]}}`),
		"tags":        fill(`{"Tags":{"a":"b"`, `,"a":"b"`, `}}`),
		"members":     fill(`{"a":1`, `,"a":1`, `}`),
		"foreign":     fill(`{"a":1`, `,"Topics":[1]`, `}`),
		"number":      fill(`{"BatchSize":1`, "0", `}`),
		"text":        fill(`{"FunctionName":"`, `\u0001`, `"}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = decodeCreate(body)
			}
		})
	}
}
