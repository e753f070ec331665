package batch_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// world is what a script acts on: one Scheduler, a clock, and a scripted function and destination.
type world struct {
	start, now time.Time
	ahead      time.Duration // of the source's clock
	policy     batch.Policy
	s          *batch.Scheduler
	refused    error // why there is no Scheduler

	resumed     batch.Commit    // what this Scheduler resumed from
	commits     []*batch.Commit // of this Scheduler
	function    function
	destination destination
	flight      []flight

	out []string
}

// worldStart is 0s of every script. It lies on a whole day.
var worldStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld() *world {
	w := &world{}
	w.reset(batch.Policy{})
	return w
}

// reset begins anew with a policy, which may be refused.
func (w *world) reset(p batch.Policy) {
	*w = world{start: worldStart, now: worldStart, policy: p, out: w.out}
	w.s, w.refused = batch.New(p, batch.Commit{})
}

// printf adds a line of output behind the time since the start.
func (w *world) printf(format string, args ...any) {
	w.out = append(w.out, fmt.Sprintf("%-6s %s", w.elapsed(w.now), fmt.Sprintf(format, args...)))
}

func (w *world) elapsed(t time.Time) time.Duration { return t.Sub(w.start) }

// commands are all commands but policy, which needs no Scheduler.
var commands = map[string]func(*world, *cursor) error{
	"offer":       (*world).offer,
	"next":        (*world).next,
	"report":      (*world).report,
	"advance":     (*world).advance,
	"hurry":       (*world).hurry,
	"source":      (*world).source,
	"wake":        (*world).wake,
	"run":         (*world).run,
	"function":    (*world).setFunction,
	"destination": (*world).setDestination,
	"status":      (*world).status,
	"lanes":       (*world).lanes,
	"laneof":      (*world).laneOf,
	"room":        (*world).room,
	"stop":        (*world).stop,
	"restart":     (*world).restart,
}

// do runs one command. A mistake in it is an error, never a panic.
func (w *world) do(tokens []token) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	c := &cursor{tokens: tokens}
	name, err := c.word("a command")
	if err != nil {
		return err
	}
	if name == "policy" {
		return w.setPolicy(c)
	}
	run, ok := commands[name]
	if !ok {
		known := slices.Sorted(maps.Keys(commands))
		return fmt.Errorf("unknown command %q; known are policy, %s (a blank line ends expected output)", name, strings.Join(known, ", "))
	}
	if w.s == nil {
		return fmt.Errorf("%s: there is no scheduler, since its policy was refused: %w", name, w.refused)
	}
	if err := run(w, c); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := c.end(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (w *world) setPolicy(c *cursor) error {
	var p batch.Policy
	for !c.done() {
		if c.accept(",") {
			continue
		}
		name, err := c.word("a policy field")
		if err != nil {
			return fmt.Errorf("policy: %w", err)
		}
		if policyFields[name] == nil {
			known := slices.Sorted(maps.Keys(policyFields))
			return fmt.Errorf("policy: unknown field %q; known are %s", name, strings.Join(known, ", "))
		}
		if err := setField(c, name, &p); err != nil {
			return fmt.Errorf("policy: %w", err)
		}
	}
	w.reset(p)
	if w.refused != nil {
		for line := range strings.Lines(w.refused.Error()) {
			w.printf("refused %s", strings.TrimSpace(line))
		}
	}
	return nil
}

// setField reads the value of a policy field. A flag alone is true.
func setField(c *cursor, name string, p *batch.Policy) (err error) {
	value := "true"
	if c.at(0, "=") {
		if value, err = c.value(name); err != nil {
			return err
		}
	}
	return policyFields[name](p, name, value)
}

func (w *world) next(*cursor) error {
	if w.act() == 0 {
		w.printf("(nothing)")
	}
	return nil
}

// act prints and keeps what Next wants, and returns how much that was.
func (w *world) act() int {
	actions := w.s.Next(w.now)
	for _, a := range actions {
		w.printf("%s", w.actionLine(a))
		if commit, ok := a.(*batch.Commit); ok {
			w.commits = append(w.commits, commit)
			continue
		}
		w.flight = append(w.flight, flight{action: a})
	}
	return len(actions)
}

func (w *world) report(c *cursor) error {
	word, err := c.word("an id")
	if err != nil {
		return err
	}
	id, err := parseInt("id", strings.TrimPrefix(word, "id"))
	if word == "id" { // id=1, as it is printed
		if word, err = c.value("id"); err == nil {
			id, err = parseInt("id", word)
		}
	}
	if err != nil {
		return err
	}
	o, err := parseOutcome(c)
	if err != nil {
		return err
	}
	v := w.s.Report(w.now, batch.ID(id), o)
	if v.Step != batch.Ignored {
		w.land(batch.ID(id))
	}
	w.printf("report id=%d %s", id, dispositionLine(v))
	return nil
}

func parseOutcome(c *cursor) (batch.Outcome, error) {
	word, err := c.word("an outcome")
	if err != nil {
		return batch.Outcome{}, err
	}
	kind, ok := invocationKinds[word]
	if !ok {
		kind, ok = discardKinds[word]
	}
	if !ok {
		return batch.Outcome{}, fmt.Errorf("unknown outcome %q; %w", word, errUnknownOutcome)
	}
	o := batch.Outcome{Kind: kind}
	_, err = parseSuccess(c, &o)
	return o, err
}

// parseSuccess reads failed=2,4 and state={"n":1} where they stand, and reports whether a state does.
func parseSuccess(c *cursor, o *batch.Outcome) (hasState bool, err error) {
	for err == nil {
		switch {
		case c.at(0, "failed") && o.FailedItems == nil:
			o.FailedItems, err = parseFailed(c, o.Kind)
		case c.at(0, "state") && !hasState:
			c.accept("state")
			if o.Kind != batch.Success {
				return true, errStateOfNoSuccess
			}
			hasState = true
			o.State, err = parseState(c)
		default:
			return hasState, nil
		}
	}
	return hasState, err
}

var errStateOfNoSuccess = errors.New("state= goes with success only")

// parseFailed reads failed=2,4.
func parseFailed(c *cursor, kind batch.OutcomeKind) ([]string, error) {
	c.accept("failed")
	switch {
	case kind != batch.Success:
		return nil, fmt.Errorf("failed= goes with success only")
	case !c.accept("="):
		return nil, fmt.Errorf("failed needs a value: failed=2,4")
	case c.done() || c.at(0, "state") && c.at(1, "="):
		return []string{}, nil
	}
	return parseItems(c)
}

func dispositionLine(v batch.Disposition) string {
	s := v.Step.String()
	if v.Resolved > 0 {
		s += fmt.Sprintf(" resolved=%d", v.Resolved)
	}
	if v.Step == batch.Retried {
		s += fmt.Sprintf(" delay=%s", v.Delay)
	}
	if v.BadItem {
		s += " bad-item"
	}
	return s
}

// source says what the source's clock shows: our time and a duration, which may be negative.
func (w *world) source(c *cursor) error {
	word, err := c.word("clock=D")
	if err == nil && word != "clock" {
		err = fmt.Errorf("unknown attribute %q; known is clock", word)
	}
	if err != nil {
		return err
	}
	d, err := timed(c, "clock", parseDuration)
	w.ahead = d
	w.s.SetSourceTime(w.now, w.now.Add(d))
	return err
}

func (w *world) advance(c *cursor) error {
	word, err := c.word("a duration")
	if err != nil {
		return err
	}
	d, err := parseElapsed("duration", word)
	w.now = w.now.Add(d)
	return err
}
