package invoketest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The verbs of Scripted.
const (
	digest  = "digest"
	last    = "last"
	count   = "count"
	nothing = "nothing"
	large   = "large"
	wait    = "wait"
	fail    = "fail"
	exit    = "exit"
	sleep   = "sleep"
)

const (
	waitTime  = 200 * time.Millisecond
	sleepTime = time.Minute
	padding   = 5_000_000 // bytes; AWS allows an answer of 6 MB
	message   = "the kettle is broken"
)

// Handler is the function Scripted in Go. It is a lambda.Handler of aws-lambda-go, and may be called concurrently.
type Handler struct {
	// Exit ends the function's process; in a program of its own it is os.Exit. nil panics instead, for a function that
	// shares its process with the test; a server that calls it turns the panic into a function error.
	Exit func(code int)
}

// scriptedEvent is the part of an event that Scripted reads.
type scriptedEvent struct {
	Records []struct {
		Kinesis struct {
			PartitionKey   string `json:"partitionKey"`
			SequenceNumber string `json:"sequenceNumber"`
		} `json:"kinesis"`
	}
	State windowState `json:"state"`
}

type windowState struct {
	Count int `json:"count"`
}

// Invoke does what the event says. It returns early, with ctx's error, when ctx is done. A malformed event is an error.
func (h Handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	var e scriptedEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, fmt.Errorf("invoketest: read the event: %w", err)
	}
	if len(e.Records) == 0 {
		return answerCount(e), nil
	}
	switch verb := e.Records[0].Kinesis.PartitionKey; verb {
	case digest:
		return answerItem(sum(event)), nil
	case last:
		return answerItem(e.Records[len(e.Records)-1].Kinesis.SequenceNumber), nil
	case count:
		return answerCount(e), nil
	case nothing:
		return nil, nil
	case large:
		return []byte(`{"padding":"` + strings.Repeat("x", padding) + `"}`), nil
	case wait:
		return []byte("{}"), pause(ctx, waitTime)
	case fail:
		return nil, errors.New(message)
	case exit:
		return nil, h.exit()
	case sleep:
		return []byte("{}"), pause(ctx, sleepTime)
	default:
		return nil, fmt.Errorf("invoketest: the first record's partition key is %q, which is not a verb", verb)
	}
}

func (h Handler) exit() error {
	if h.Exit == nil {
		panic("the function ends here")
	}
	h.Exit(1)
	return errors.New("invoketest: Exit has returned")
}

// sum returns the SHA-256 of the event in hex.
func sum(event []byte) string {
	s := sha256.Sum256(event)
	return hex.EncodeToString(s[:])
}

func answerItem(id string) []byte {
	return fmt.Appendf(nil, `{"batchItemFailures":[{"itemIdentifier":%q}]}`, id)
}

func answerCount(e scriptedEvent) []byte {
	return fmt.Appendf(nil, `{"state":{"count":%d}}`, e.State.Count+len(e.Records))
}

// pause returns after d, or with ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
