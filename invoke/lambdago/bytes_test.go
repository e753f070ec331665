package lambdago_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/lambdago"
)

var _ lambdago.BytesHandler = lambda.Handler(nil)

// echo is a handler of its own that answers what it is given, or fails.
type echo struct{ err error }

func (h echo) Invoke(_ context.Context, payload []byte) ([]byte, error) { return payload, h.err }

func TestBytesGivesTheEventAsJSON(t *testing.T) {
	e := event(2, nil)
	got, outcome := run(t.Context(), lambdago.Bytes(echo{}), e)
	if want := string(e.AppendJSON(nil)); outcome.Kind != batch.Success || string(got.Payload) != want {
		t.Errorf("got %v, %s\nwant %s", outcome, got.Payload, want)
	}
	if got, outcome = run(t.Context(), lambdago.Bytes(echo{io.EOF}), e); outcome.Kind != batch.FunctionError || !errors.Is(got.Err, io.EOF) {
		t.Errorf("got %v, %v, want a function error", outcome.Kind, got.Err)
	}
}

type streamed struct{ io.Reader }

// The answer is taken past aws-lambda-go's pooled buffer. It has to be what aws-lambda-go answers.
func TestBytesAnswersWhatTheHandlerDoes(t *testing.T) {
	for name, handler := range map[string]any{
		"response": func(events.KinesisEvent) (events.KinesisEventResponse, error) {
			return events.KinesisEventResponse{}, nil
		},
		"any": func(context.Context, events.KinesisEvent) (any, error) {
			return map[string]any{"<a>": 1.5, "b": nil}, nil
		},
		"nil":           func(context.Context, events.KinesisEvent) (any, error) { return nil, nil },
		"text":          func(json.RawMessage) (string, error) { return "", nil },
		"no event":      func() (string, error) { return "done", nil },
		"stream":        func(events.KinesisEvent) (io.Reader, error) { return streamed{strings.NewReader(`{"x":1}`)}, nil },
		"other reader":  func(events.KinesisEvent) (io.Reader, error) { return bytes.NewBufferString(`{"x":2}`), nil },
		"bytes handler": echo{},
		"no answer":     func() error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			e := event(1, nil)
			want, err := lambda.NewHandler(handler).Invoke(t.Context(), e.AppendJSON(nil))
			if err != nil {
				t.Fatal(err)
			}
			got, outcome := run(t.Context(), lambdago.Bytes(lambda.NewHandler(handler)), e)
			if outcome.Kind != batch.Success || string(got.Payload) != string(want) {
				t.Errorf("got %v, %s, want %s", outcome, got.Payload, want)
			}
		})
	}
	got, outcome := run(t.Context(), lambdago.Bytes(lambda.NewHandler(func(events.KinesisEvent) error { return nil })), event(1, nil))
	if outcome.Kind != batch.Success || len(got.Payload) != 0 {
		t.Errorf("event and no answer: got %v, %s, want no payload", outcome, got.Payload)
	}
}

func TestBytesReadsFailedItems(t *testing.T) {
	inv := lambdago.Bytes(lambda.NewHandler(func(_ context.Context, e events.KinesisEvent) (events.KinesisEventResponse, error) {
		id := e.Records[1].Kinesis.SequenceNumber
		return events.KinesisEventResponse{BatchItemFailures: []events.KinesisBatchItemFailure{{ItemIdentifier: id}}}, nil
	}))
	_, outcome := run(t.Context(), inv, event(2, nil))
	if len(outcome.FailedItems) != 1 || !strings.HasSuffix(outcome.FailedItems[0], "5881") {
		t.Errorf("got %q, want the second record's sequence number", outcome.FailedItems)
	}
}

// aws-lambda-go hands out bytes that its next invocation overwrites. With invocations side by side one would read
// another's answer, and pass records that failed.
func TestAnswersOfConcurrentInvocationsDoNotMix(t *testing.T) {
	inv := lambdago.Bytes(lambda.NewHandler(func(_ context.Context, e events.KinesisEvent) (string, error) {
		return strings.Repeat(e.Records[0].EventID, 20), nil
	}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			o := origin
			o.ShardID = fmt.Sprintf("shardId-%012d", i)
			e := invoke.NewEvent(&o, batch.RecordsOf([]batch.Record{{SequenceNumber: "1"}}), nil)
			want := `"` + strings.Repeat(o.ShardID+":1", 20) + `"`
			var kept [][]byte
			for range 50 {
				got, err := inv.Invoke(t.Context(), &invoke.Invocation{Event: e})
				if err != nil {
					t.Error(err)
					return
				}
				kept = append(kept, got.Payload)
			}
			for _, got := range kept {
				if string(got) != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
	wg.Wait()
}
