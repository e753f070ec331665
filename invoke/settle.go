package invoke

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// maxQuoted bounds the quotation of an error document in an error, so that a log line stays short.
const maxQuoted = 1024

// settle sets the result and the outcome of a function that returned err. The order matters: a function that never ran
// was not late, and one that was late was not cancelled.
func (c *call) settle(parent, within context.Context, err error) {
	switch {
	case errors.Is(err, ErrNotRun):
		c.notRun(batch.NotRun, err)
	case errors.Is(err, ErrTooLarge):
		c.notRun(batch.TooLarge, err)
	case c.timeout != nil && context.Cause(within) == error(c.timeout): //nolint:errorlint // this very deadline, not that of an invocation around it
		c.failed(c.late(err))
	case cancelledBy(parent, err):
		c.notRun(batch.NotRun, err)
	case err != nil:
		c.returned(err)
	case c.result.FunctionError != "":
		c.reported()
	default:
		c.succeeded()
	}
}

// cancelledBy reports whether err says that the function ended because ctx did.
func cancelledBy(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() == nil {
		return false
	}
	return errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))
}

// late joins the timeout and the error that the function returned after it, if any.
func (c *call) late(err error) error {
	if err == nil {
		return c.timeout
	}
	return fmt.Errorf("%w: %w", c.timeout, err)
}

// notRun settles a function that did not run.
func (c *call) notRun(kind batch.OutcomeKind, err error) {
	c.result.Err = err
	c.outcome = batch.Outcome{Kind: kind}
}

// returned settles a function that ran and returned an error.
func (c *call) returned(err error) {
	if c.opts.ReportBatchItemFailures {
		if items, ok := failedItems(err); ok {
			response := Response{FailedItems: items}
			if c.result.Response != nil {
				response.State = c.result.Response.State
			}
			c.result.Response = &response
			c.result.Err = err
			c.succeeded()
			return
		}
	}
	c.failed(err)
}

// failed settles a function error whose document is ours to write.
func (c *call) failed(err error) {
	c.result.FunctionError = unhandled
	c.result.Payload = errorDocument(err, c.in.RequestID, time.Now())
	c.result.Err = err
	c.reported()
}

// reported settles a function error that the result reports.
func (c *call) reported() {
	c.ran()
	c.result.Response = nil
	if c.result.Err == nil {
		document := c.result.Payload[:min(len(c.result.Payload), maxQuoted)]
		c.result.Err = fmt.Errorf("invoke: function error %s: %s", c.result.FunctionError, document)
	}
	c.outcome = batch.Outcome{Kind: batch.FunctionError}
}

// succeeded settles a function that returned, and parses its answer if it counts.
func (c *call) succeeded() {
	windowed := c.in.Event != nil && c.in.Event.Window != nil
	outcome := batch.Outcome{Kind: batch.Success}
	if windowed || c.opts.ReportBatchItemFailures {
		answer := c.result.Response
		if answer == nil {
			parsed := ParseResponse(c.result.Payload)
			answer = &parsed
		}
		if c.opts.ReportBatchItemFailures {
			outcome.FailedItems = answer.FailedItems
		}
		if windowed && isObject(answer.State) {
			outcome.State = answer.State
		}
	}
	if windowed {
		if err := c.checkState(outcome.State); err != nil {
			c.failed(err)
			return
		}
	}
	c.ran()
	c.outcome = outcome
}

// errNoState says that an answer lacks the state that a window needs. That this fails the invocation is AWS's rule.
var errNoState = errors.New("invoke: the answer has no state; a tumbling window needs one, as a JSON object")

// checkState returns why a window cannot continue with the returned state, nil if it can.
func (c *call) checkState(state []byte) error {
	w := c.in.Event.Window
	if w.Final {
		return nil // it is dropped
	}
	if state == nil {
		return errNoState
	}
	final := batch.Window{Start: w.Start, End: w.End, State: state, Final: true}
	size := c.in.Event.Origin.EnvelopeSize() + c.in.Event.Origin.WindowSize(&final)
	if limit := c.opts.PayloadLimit; limit > 0 && size > limit {
		return fmt.Errorf("invoke: the answer has a state of %d bytes: the window's final event would have %d, and the payload limit is %d",
			len(state), size, limit)
	}
	return nil
}

// ran fills in the fields that every function that ran has.
func (c *call) ran() {
	if c.result.StatusCode == 0 {
		c.result.StatusCode = statusOK
	}
	if c.result.ExecutedVersion == "" {
		c.result.ExecutedVersion = latestVersion
	}
}
