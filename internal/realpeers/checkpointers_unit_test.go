package realpeers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exchange is a write as KCL or we made it, and DynamoDB's answer.
type exchange struct{ Request, Answer json.RawMessage }

// with returns the exchange with other texts in it.
func (e exchange) with(pairs ...string) exchange {
	r := strings.NewReplacer(pairs...)
	return exchange{json.RawMessage(r.Replace(string(e.Request))), json.RawMessage(r.Replace(string(e.Answer)))}
}

// answered is a DynamoDB that gives recorded answers to writes that ask for the row.
type answered struct {
	t      *testing.T
	answer json.RawMessage
	status int
}

func (a *answered) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	require.NoError(a.t, err)
	assert.Len(a.t, body, int(r.ContentLength))
	assert.Contains(a.t, string(body), `"ReturnValues":"ALL_NEW"`)
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader(string(a.answer)))}, nil
}

// Checkpoints of KCL and of ours that were recorded pass, and the same leaseCounter twice, or a checkpoint without a condition
// that keeps another owner's, is found.
func TestTwoCheckpointersAtOneLeaseCounterAreFound(t *testing.T) {
	data, err := os.ReadFile("testdata/checkpoints.json")
	require.NoError(t, err)
	var recorded struct{ KCL, Ours exchange }
	require.NoError(t, json.Unmarshal(data, &recorded))
	kcl, ours := recorded.KCL, recorded.Ours
	const at, owner = "49680649636317682357456176474879112585034474807915184146", "ours-2/3jxgah2gyq4rw#1"

	for name, c := range map[string]struct {
		all      []exchange
		refused  bool // the last one
		violates string
	}{
		"as recorded":                      {all: []exchange{kcl, ours}},
		"one checkpoint after another":     {all: []exchange{kcl, kcl.with(`"N": "7"`, `"N": "8"`, `"N": "6"`, `"N": "7"`, at, at+"1")}},
		"the second is refused":            {all: []exchange{kcl, kcl.with("kcl-1", "kcl-9", at, at+"1")}, refused: true},
		"another owner":                    {all: []exchange{kcl, kcl.with("kcl-1", "kcl-9")}, violates: "two writes of shardId-000000000001 succeeded at leaseCounter 7"},
		"another checkpoint":               {all: []exchange{kcl, kcl.with(at, at+"1")}, violates: "two writes of shardId-000000000001 succeeded at leaseCounter 7"},
		"ours twice":                       {all: []exchange{ours, ours.with(`#1"`, `#2"`)}, violates: "succeeded at leaseCounter"},
		"KCL's without its condition":      {all: []exchange{kcl.with("Expected", "Ignored")}, violates: `depends on owner "" and leaseCounter ""`},
		"ours without its condition":       {all: []exchange{ours.with("ConditionExpression", "Ignored")}, violates: `depends on owner "" and leaseCounter ""`},
		"ours, while another is the owner": {all: []exchange{{ours.Request, ours.with(owner, "kcl-1").Answer}}, violates: `whose owner is "kcl-1"`},
	} {
		t.Run(name, func(t *testing.T) {
			dynamo := &answered{t: t, status: http.StatusOK}
			proxy := &checkpointers{next: dynamo, table: "orders-app"}
			for i, e := range c.all {
				if dynamo.answer = e.Answer; c.refused && i == len(c.all)-1 {
					dynamo.status = http.StatusBadRequest
				}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", strings.NewReader(string(e.Request)))
				require.NoError(t, err)
				r.Header.Set("X-Amz-Target", "DynamoDB_20120810.UpdateItem")
				response, err := proxy.RoundTrip(r)
				require.NoError(t, err)
				got, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				assert.JSONEq(t, string(e.Answer), string(got), "the answer is passed on")
			}
			if c.violates == "" {
				assert.Empty(t, proxy.violations)
				return
			}
			require.Len(t, proxy.violations, 1)
			assert.Contains(t, proxy.violations[0], c.violates)
		})
	}
}

// A write of several rows has no condition on one.
func TestWritesOfSeveralLeasesAreFound(t *testing.T) {
	proxy := &checkpointers{table: "orders-app"}
	body := []byte(`{"RequestItems":{"orders-app":[{"PutRequest":{"Item":{"leaseKey":{"S":"shardId-000000000000"}}}}]}}`)
	require.NoError(t, proxy.note("BatchWriteItem", leaseRequest{}, body, nil))
	assert.Len(t, proxy.violations, 1)
	require.NoError(t, proxy.note("BatchWriteItem", leaseRequest{}, []byte(`{"RequestItems":{"others":[]}}`), nil))
	assert.Len(t, proxy.violations, 1)
}
