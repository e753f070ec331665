package batch_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// longState is the length from which on a state prints as large(N).
const longState = 60

// final stands for the final invocations of tumbling windows in the list behind on.
const final = "final"

// windowOf returns the window of an action, nil without one.
func windowOf(a batch.Action) *batch.Window {
	switch a := a.(type) {
	case *batch.Invoke:
		return a.Window
	case *batch.Discard:
		return a.Window
	case *batch.Commit:
		return a.Window
	}
	return nil
}

// actionLine prints an action with the bounds of its window as times since the beginning, and a long state as large(N).
func (w *world) actionLine(a batch.Action) string {
	window := windowOf(a)
	if window == nil {
		return fmt.Sprint(a)
	}
	core, ours := *window, w.windowLine(window)
	core.Final, core.TerminatedEarly = false, false
	printed := (&batch.Commit{Window: &core}).String()
	_, printed, _ = strings.Cut(printed, "position=- ")
	return strings.Replace(fmt.Sprint(a), printed, ours, 1)
}

func (w *world) windowLine(window *batch.Window) string {
	state := string(window.State)
	if len(state) >= longState {
		state = fmt.Sprintf("large(%d)", len(state))
	}
	return fmt.Sprintf("window=%s/%s state=%s", w.elapsed(window.Start), w.elapsed(window.End), state)
}

// parseState reads what stands behind state=: a JSON object, large(N), or none.
func parseState(c *cursor) ([]byte, error) {
	value, err := c.value("state")
	if err != nil {
		return nil, err
	}
	if number, ok := strings.CutPrefix(value, "large("); ok {
		return largeState(number)
	}
	switch {
	case value == "none":
		return nil, nil
	case !strings.HasPrefix(value, "{"):
		return nil, fmt.Errorf("state: %q is neither a JSON object such as {\"n\":1}, nor large(N), nor none", value)
	}
	return []byte(value), nil
}

// largeState reads the N of large(N), and returns a JSON object of that many bytes.
func largeState(number string) ([]byte, error) {
	const open, end = `{"x":"`, `"}`
	n, err := parseCount("state", strings.TrimSuffix(number, ")"))
	if pad := n - len(open+end); err == nil && pad >= 0 && n <= 16<<20 {
		return []byte(open + strings.Repeat("x", pad) + end), nil
	}
	if err == nil {
		err = fmt.Errorf("state: large(%d) is not between %d bytes and 16 MiB", n, len(open+end))
	}
	return nil, err
}

// objectLength returns the length of the JSON object that text begins with.
func objectLength(text string) (int, error) {
	d := json.NewDecoder(strings.NewReader(text))
	var object map[string]json.RawMessage
	if err := d.Decode(&object); err != nil {
		return 0, fmt.Errorf("a JSON object is wrong: %w", err)
	}
	return int(d.InputOffset()), nil
}

// countedState returns the state of a window behind n more records: {"n":TOTAL}.
func countedState(window *batch.Window, n int) []byte {
	var before struct {
		N int `json:"n"`
	}
	if json.Unmarshal(window.State, &before) != nil {
		before.N = 0
	}
	return fmt.Appendf(nil, `{"n":%d}`, before.N+n)
}

// succeeding returns how many leading records count as successful where items are reported.
func succeeding(records []batch.Record, items []string) int {
	for i := range records {
		for _, item := range items {
			if batch.CompareSequenceNumbers(records[i].SequenceNumber, item) == 0 {
				return i
			}
		}
	}
	return len(records)
}

// parseBounds reads the bounds of a window as they are printed, such as 0s/10s.
func (w *world) parseBounds(s string) (start, end time.Time, err error) {
	first, second, ok := strings.Cut(s, "/")
	from, err1 := time.ParseDuration(first)
	to, err2 := time.ParseDuration(second)
	if !ok || err1 != nil || err2 != nil || to <= from {
		return start, end, fmt.Errorf("window: %q are no bounds such as 0s/10s", s)
	}
	return w.start.Add(from), w.start.Add(to), nil
}

// resumeWindow reads window= or state= of a restart.
func (w *world) resumeWindow(c *cursor, name string, window *batch.Window) (*batch.Window, error) {
	resumed := batch.Window{State: []byte("{}")}
	if window != nil {
		resumed = *window
	}
	var err error
	if name == "state" {
		resumed.State, err = parseState(c)
		return &resumed, err
	}
	value, err := c.value(name)
	if err == nil {
		resumed.Start, resumed.End, err = w.parseBounds(value)
	}
	return &resumed, err
}

// tidyBounds writes 0s/90s as 0s/1m30s.
func tidyBounds(value string) (string, bool) {
	first, second, ok := strings.Cut(value, "/")
	from, err1 := time.ParseDuration(first)
	to, err2 := time.ParseDuration(second)
	return from.String() + "/" + to.String(), ok && err1 == nil && err2 == nil
}
