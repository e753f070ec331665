package batch_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// maxScriptRecords bounds what one range of a script may name, so that a slip of the pen is an error and no long wait.
const maxScriptRecords = 100_000

func parseInt(what, s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a whole number", what, s)
	}
	return n, nil
}

func parseCount(what, s string) (int, error) {
	n, err := parseInt(what, s)
	if err == nil && n < 0 {
		err = fmt.Errorf("%s: %d is negative", what, n)
	}
	return n, err
}

func parseDuration(what, s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a duration such as 200ms, 5s or 1m30s", what, s)
	}
	return d, nil
}

func parseElapsed(what, s string) (time.Duration, error) {
	d, err := parseDuration(what, s)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s: %s is negative", what, d)
	}
	return d, err
}

func parseSeconds(what, s string) (time.Duration, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %q is not a whole number", what, s)
	case n < -1e9 || n > 1e9:
		err = fmt.Errorf("%s: %d is out of any reason", what, n)
	}
	return time.Duration(n) * time.Second, err
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// parseNumbers returns the sequence numbers of "7" or "1-4".
func parseNumbers(s string) ([]string, error) {
	from, to, isRange := strings.Cut(s, "-")
	if !isNumber(from) || isRange && !isNumber(to) {
		return nil, fmt.Errorf("%q is not a record number such as 7 nor a range such as 1-4", s)
	}
	if !isRange {
		return []string{from}, nil
	}
	first, err1 := strconv.ParseInt(from, 10, 62)
	last, err2 := strconv.ParseInt(to, 10, 62)
	switch {
	case err1 != nil || err2 != nil:
		return nil, fmt.Errorf("range %s: its numbers are too large; list them instead", s)
	case last < first:
		return nil, fmt.Errorf("range %s runs backwards", s)
	case last-first >= maxScriptRecords:
		return nil, fmt.Errorf("range %s has more than %d records", s, maxScriptRecords)
	}
	numbers := make([]string, 0, last-first+1)
	for n := first; n <= last; n++ {
		numbers = append(numbers, strconv.FormatInt(n, 10))
	}
	return numbers, nil
}

// parsePosition reads what Position.String prints.
func parsePosition(s string) (batch.Position, error) {
	if s == "-" {
		return batch.Position{}, nil
	}
	rest, partial := strings.CutSuffix(s, "+")
	number, member, isMember := strings.Cut(rest, ".")
	p := batch.Position{SequenceNumber: number, Partial: partial}
	var err error
	if isMember {
		p.SubSequence, err = strconv.ParseInt(member, 10, 62)
	}
	if err != nil || !isNumber(number) || partial && !isMember || p.SubSequence < 0 {
		return p, fmt.Errorf("%q is not a position such as -, 17, 17.2 or 17.2+", s)
	}
	return p, nil
}

// policyFields sets each field of a policy by its name. A flag may stand without a value.
var policyFields = map[string]func(p *batch.Policy, name, value string) error{
	"BatchSize":             intField(func(p *batch.Policy) *int { return &p.BatchSize }),
	"ParallelizationFactor": intField(func(p *batch.Policy) *int { return &p.ParallelizationFactor }),
	"PayloadLimit":          intField(func(p *batch.Policy) *int { return &p.PayloadLimit }),
	"EnvelopeSize":          intField(func(p *batch.Policy) *int { return &p.EnvelopeSize }),
	"WindowSize":            intField(func(p *batch.Policy) *int { return &p.WindowSize }),
	"BufferBytes":           intField(func(p *batch.Policy) *int { return &p.BufferBytes }),
	"MaximumRetryAttempts": func(p *batch.Policy, name, value string) error {
		n, err := parseInt(name, value)
		p.MaximumRetryAttempts = &n
		return err
	},
	"MaximumBatchingWindow":          durationField(parseDuration, func(p *batch.Policy) *time.Duration { return &p.MaximumBatchingWindow }),
	"MaximumBatchingWindowInSeconds": durationField(parseSeconds, func(p *batch.Policy) *time.Duration { return &p.MaximumBatchingWindow }),
	"MaximumRecordAge":               durationField(parseDuration, func(p *batch.Policy) *time.Duration { return &p.MaximumRecordAge }),
	"MaximumRecordAgeInSeconds":      durationField(parseSeconds, func(p *batch.Policy) *time.Duration { return &p.MaximumRecordAge }),
	"TumblingWindow":                 durationField(parseDuration, func(p *batch.Policy) *time.Duration { return &p.TumblingWindow }),
	"TumblingWindowInSeconds":        durationField(parseSeconds, func(p *batch.Policy) *time.Duration { return &p.TumblingWindow }),
	"TumblingWindowGrace":            durationField(parseDuration, func(p *batch.Policy) *time.Duration { return &p.TumblingWindowGrace }),
	"TumblingWindowGraceInSeconds":   durationField(parseSeconds, func(p *batch.Policy) *time.Duration { return &p.TumblingWindowGrace }),
	"BisectBatchOnFunctionError":     flagField(func(p *batch.Policy) *bool { return &p.BisectBatchOnFunctionError }),
	"ReportBatchItemFailures":        flagField(func(p *batch.Policy) *bool { return &p.ReportBatchItemFailures }),
	"FunctionResponseTypes": func(p *batch.Policy, name, value string) error {
		p.ReportBatchItemFailures = value == "ReportBatchItemFailures"
		if !p.ReportBatchItemFailures && value != "" {
			return fmt.Errorf("%s: %q is not ReportBatchItemFailures", name, value)
		}
		return nil
	},
	"Seed": func(p *batch.Policy, name, value string) (err error) {
		if p.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
			err = fmt.Errorf("%s: %q is not a whole number of at least 0", name, value)
		}
		return err
	},
}

func intField(field func(*batch.Policy) *int) func(*batch.Policy, string, string) error {
	return func(p *batch.Policy, name, value string) (err error) {
		*field(p), err = parseInt(name, value)
		return err
	}
}

func durationField(parse func(string, string) (time.Duration, error), field func(*batch.Policy) *time.Duration) func(*batch.Policy, string, string) error {
	return func(p *batch.Policy, name, value string) (err error) {
		*field(p), err = parse(name, value)
		return err
	}
}

func flagField(field func(*batch.Policy) *bool) func(*batch.Policy, string, string) error {
	return func(p *batch.Policy, name, value string) error {
		switch value {
		case "true", "false":
			*field(p) = value == "true"
			return nil
		}
		return fmt.Errorf("%s: %q is neither true nor false", name, value)
	}
}

// outcomeKinds are the names of outcomes in scripts, the first group for invocations, the second for discards.
var (
	invocationKinds = map[string]batch.OutcomeKind{
		"success": batch.Success, "ok": batch.Success, "counts": batch.Success,
		"function-error": batch.FunctionError, "error": batch.FunctionError,
		"not-run": batch.NotRun, "throttled": batch.NotRun,
		"too-large": batch.TooLarge,
	}
	discardKinds = map[string]batch.OutcomeKind{
		"delivered": batch.Delivered, "delivers": batch.Delivered,
		"dropped": batch.Dropped, "drops": batch.Dropped,
	}
)

var errUnknownOutcome = errors.New("want success, function-error, not-run, too-large, delivered or dropped")

// parseItems takes "2,4" off the cursor: identifiers separated by commas, "" for one that is no string.
func parseItems(c *cursor) ([]string, error) {
	var items []string
	for {
		item, err := c.word("an item identifier")
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if !c.at(0, ",") || len(c.tokens) > 1 && isAnswer(c.tokens[1]) {
			return items, nil
		}
		c.accept(",")
	}
}

// isAnswer reports whether a token begins a further answer of a function.
func isAnswer(t token) bool {
	_, ok := invocationKinds[t.text]
	return !t.mark && (ok || t.text == "items")
}
