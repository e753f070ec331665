package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/shardmill/shardmill/invoke"
)

// builtins are functions without dependencies, to try the server.
var builtins = map[string]func(name string, h *host) invoke.Invoker{
	"print": newPrint,
	"count": newCount,
	"fail":  newFail,
}

// shown is the maximum number of bytes of a record that are printed.
const shown = 1000

// done is the answer of a builtin: the state of a tumbling window is returned unchanged, because there must be one.
func done(e *invoke.Event) *invoke.Response {
	r := &invoke.Response{}
	if e.Window != nil {
		r.State = append(r.State, e.Window.State...)
		if len(r.State) == 0 {
			r.State = []byte("{}")
		}
	}
	return r
}

// newPrint prints each record on a line of standard output.
func newPrint(name string, h *host) invoke.Invoker {
	return invoke.ResponseFunc(func(_ context.Context, e *invoke.Event) (*invoke.Response, error) {
		var lines strings.Builder
		for r := range e.Records() {
			fmt.Fprintf(&lines, "%s: %s %s key=%q data=%q\n", name, e.Origin.ShardID, r.SequenceNumber, r.PartitionKey, r.Data[:min(len(r.Data), shown)])
		}
		_, err := h.out.Write([]byte(lines.String())) // in one write, because other shards print too
		return done(e), err
	})
}

// newCount logs the number of records so far, with each batch.
func newCount(_ string, h *host) invoke.Invoker {
	var total atomic.Int64
	return invoke.ResponseFunc(func(_ context.Context, e *invoke.Event) (*invoke.Response, error) {
		h.log.Info("a batch came", "shard", e.Origin.ShardID, "records", e.Len(), "total", total.Add(int64(e.Len())))
		return done(e), nil
	})
}

// newFail always fails, to show retries and destinations.
func newFail(string, *host) invoke.Invoker {
	return invoke.ResponseFunc(func(context.Context, *invoke.Event) (*invoke.Response, error) {
		return nil, errors.New("this function always fails")
	})
}
