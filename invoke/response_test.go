package invoke_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/shardmill/shardmill/invoke"
)

func TestParseResponse(t *testing.T) {
	bad := []string{""}
	deep := strings.Repeat("[", 20_000)
	for _, c := range []struct {
		payload string
		items   []string
		state   string
	}{
		// Successes, as recorded on AWS.
		{``, nil, ``},
		{`""`, nil, ``},
		{`[]`, nil, ``},
		{`null`, nil, ``},
		{`{}`, nil, ``},
		{`{"batchItemFailures":[]}`, nil, ``},
		{`{"batchItemFailures":null}`, nil, ``},
		{" \r\n\t", nil, ``},
		{" [ ]\n", nil, ``},
		{`{"statusCode":200}`, nil, ``},

		// Items.
		{`{"batchItemFailures":[{"itemIdentifier":"4"}]}`, []string{"4"}, ``},
		{`{"batchItemFailures":[{"itemIdentifier":"4"},{"itemIdentifier":"2","why":{}}],"x":1}`, []string{"4", "2"}, ``},
		{` {"batchItemFailures" : [ {"itemIdentifier" : "\u0034"} ] } `, []string{"4"}, ``},

		// Complete failures, as recorded on AWS.
		{`{"batchItemFailures":[{"itemIdentifier":123}]}`, bad, ``},
		{`{"batchItemFailures":[{"itemIdentifier":""}]}`, bad, ``},
		{`{"batchItemFailures":[{"itemIdentifier":null}]}`, bad, ``},
		{`{"batchItemFailures":[{"foo":123}]}`, bad, ``},
		{`{"batchItemFailures":[{"foo":null}]}`, bad, ``},
		{`{"batchItemFailures":[{}]}`, bad, ``},
		{`{"batchItemFailures":[{"itemidentifier":"4"}]}`, bad, ``},
		{`{"batchItemFailures":[{"itemIdentifier":"4"},{"itemIdentifier":5}]}`, []string{"4", ""}, ``},

		// Other shapes: ours to decide.
		{`{"BatchItemFailures":[{"itemIdentifier":"4"}]}`, nil, ``},
		{`{"batchItemFailures":["4"]}`, bad, ``},
		{`{"batchItemFailures":[null]}`, bad, ``},
		{`{"batchItemFailures":3}`, bad, ``},
		{`{"batchItemFailures":"4"}`, bad, ``},
		{`{"batchItemFailures":""}`, bad, ``},
		{`{"batchItemFailures":{}}`, bad, ``},
		{`{"batchItemFailures":false}`, bad, ``},
		{`[{"itemIdentifier":"4"}]`, bad, ``},
		{`[null]`, bad, ``},
		{`[`, bad, ``},
		{`"done"`, bad, ``},
		{`true`, bad, ``},
		{`0`, bad, ``},
		{`{`, bad, ``},
		{`{} {}`, bad, ``},
		{`not JSON`, bad, ``},
		{"\v", bad, ``},
		{deep, bad, ``},

		// Window states.
		{`{"state":{}}`, nil, `{}`},
		{`{"state": {"a" : 1.50} ,"batchItemFailures":[]}`, nil, `{"a" : 1.50}`},
		{`{"state":{"a":1},"batchItemFailures":7}`, bad, `{"a":1}`},
		{`{"state":null}`, nil, ``},
		{`{"state":"x"}`, nil, ``},
		{`{"state":[1]}`, nil, ``},
		{`{"State":{}}`, nil, ``},
	} {
		got := invoke.ParseResponse([]byte(c.payload))
		if !slices.Equal(got.FailedItems, c.items) || string(got.State) != c.state {
			t.Errorf("%.80s: got %q and state %q, want %q and %q", c.payload, got.FailedItems, got.State, c.items, c.state)
		}
	}
}

func TestParsedStateIsACopy(t *testing.T) {
	payload := []byte(`{"state":{"a":1}}`)
	got := invoke.ParseResponse(payload)
	clear(payload)
	if string(got.State) != `{"a":1}` {
		t.Errorf("got %s, want what it was before the payload was overwritten", got.State)
	}
}

func FuzzParseResponse(f *testing.F) {
	for _, s := range []string{
		``, `""`, `[]`, `{}`, `null`, `{"batchItemFailures":[{"itemIdentifier":"4"},{"foo":1}],"state":{"a":[]}}`, `[[`, `{"state":`, "\v\"\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := invoke.ParseResponse(payload)
		if got.State != nil && (!json.Valid(got.State) || got.State[0] != '{') {
			t.Errorf("%q: got the state %q, want an object", payload, got.State)
		}
		if !json.Valid(payload) && strings.Trim(string(payload), " \t\r\n") != "" && !slices.Contains(got.FailedItems, "") {
			t.Errorf("%q: got %q, want a complete failure", payload, got.FailedItems)
		}
	})
}
