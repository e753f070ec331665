package batch_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// function is the scripted function: its rules decide what each invocation comes to, and takes how long it runs.
type function struct {
	rules []*rule
	takes time.Duration
}

// rule is a sequence of answers for the invocations that it applies to. The last answer goes on.
type rule struct {
	answers []answer
	on      map[string]bool // the records that make it apply, and final; nil: all invocations
	used    int
}

// answer is what one invocation comes to. Under items it reports those of the items that are in the batch.
// A success has the given state, or with tumbling windows the one that counts.
type answer struct {
	outcome batch.Outcome
	items   bool
	state   bool // outcome has it, or none
}

// destination is the scripted on-failure destination.
type destination struct {
	outcomes []batch.OutcomeKind // the last goes on; none: Delivered
	used     int
	takes    time.Duration
}

// decide returns the outcome of an invocation by the first rule that applies, success without one.
func (f *function) decide(a *batch.Invoke) batch.Outcome {
	for _, r := range f.rules {
		if r.applies(a) {
			r.used++
			return r.answers[min(r.used, len(r.answers))-1].to(a)
		}
	}
	return answer{outcome: batch.Outcome{Kind: batch.Success}}.to(a)
}

func (r *rule) applies(a *batch.Invoke) bool {
	return r.on == nil || slices.ContainsFunc(copied(a.Records), func(x batch.Record) bool { return r.on[x.SequenceNumber] }) ||
		r.on[final] && a.Window != nil && a.Window.Final
}

// to returns the outcome that an answer is of an invocation.
func (an answer) to(a *batch.Invoke) batch.Outcome {
	o := an.outcome
	if an.items {
		o.FailedItems = nil
		for _, item := range an.outcome.FailedItems {
			if slices.ContainsFunc(copied(a.Records), func(x batch.Record) bool { return x.SequenceNumber == item }) {
				o.FailedItems = append(o.FailedItems, item)
			}
		}
	}
	if o.Kind == batch.Success && !an.state && a.Window != nil {
		o.State = countedState(a.Window, succeeding(copied(a.Records), o.FailedItems))
	}
	return o
}

func (d *destination) decide() batch.Outcome {
	if len(d.outcomes) == 0 {
		return batch.Outcome{Kind: batch.Delivered}
	}
	d.used++
	return batch.Outcome{Kind: d.outcomes[min(d.used, len(d.outcomes))-1]}
}

// setFunction reads "error, ok on 2; items 5 takes 1s". Its rules replace those before, unless only takes is given.
func (w *world) setFunction(c *cursor) error {
	if c.done() {
		return fmt.Errorf("what it does is missing, such as ok, error on 2, items 2, takes 1s")
	}
	if !c.at(0, "takes") {
		w.function.rules = nil
	}
	for !c.done() {
		switch {
		case c.at(0, "takes"):
			if err := readTakes(c, &w.function.takes); err != nil {
				return err
			}
		case c.accept(";"):
		default:
			r, err := parseRule(c)
			if err != nil {
				return err
			}
			w.function.rules = append(w.function.rules, r)
			if !c.done() && !c.at(0, ";") && !c.at(0, "takes") {
				return fmt.Errorf("unexpected %q; want a comma, on, takes or a semicolon", c.tokens[0].text)
			}
		}
	}
	return nil
}

func readTakes(c *cursor, d *time.Duration) error {
	c.accept("takes")
	word, err := c.word("the duration of takes")
	if err == nil {
		*d, err = parseElapsed("takes", word)
	}
	return err
}

func parseRule(c *cursor) (*rule, error) {
	r := &rule{}
	for {
		a, err := parseAnswer(c)
		if err != nil {
			return nil, err
		}
		r.answers = append(r.answers, a)
		if !c.accept(",") {
			break
		}
	}
	switch a := r.answers[0]; {
	case c.accept("on"):
		return r, r.readOn(c)
	case a.items && len(r.answers) == 1: // it applies to the batches that have any of its items
		r.on = map[string]bool{}
		for _, item := range a.outcome.FailedItems {
			r.on[item] = true
		}
	}
	return r, nil
}

// readOn reads the records of "on 2, 5-7".
func (r *rule) readOn(c *cursor) error {
	r.on = map[string]bool{}
	for !c.done() && !c.at(0, ";") && !c.at(0, "takes") {
		if c.accept(",") {
			continue
		}
		if c.accept(final) {
			r.on[final] = true
			continue
		}
		word, err := c.word("a record number")
		if err != nil {
			return err
		}
		numbers, err := parseNumbers(word)
		if err != nil {
			return err
		}
		for _, n := range numbers {
			r.on[n] = true
		}
	}
	if len(r.on) == 0 {
		return fmt.Errorf("on: a record number is missing")
	}
	return nil
}

func parseAnswer(c *cursor) (answer, error) {
	word, err := c.word("an outcome")
	if err != nil {
		return answer{}, err
	}
	a := answer{outcome: batch.Outcome{Kind: batch.Success}}
	if word == "items" {
		a.items = true
		if a.outcome.FailedItems, err = parseItems(c); err == nil {
			a.state, err = parseSuccess(c, &a.outcome)
		}
		return a, err
	}
	kind, ok := invocationKinds[word]
	if !ok {
		return a, fmt.Errorf("unknown outcome %q of a function; want ok, error, not-run, too-large, items or success failed=", word)
	}
	a.outcome.Kind = kind
	a.state, err = parseSuccess(c, &a.outcome)
	return a, err
}

// setDestination reads "drops, delivers takes 1s".
func (w *world) setDestination(c *cursor) error {
	if c.done() {
		return fmt.Errorf("what it does is missing: delivers, drops, takes 1s")
	}
	if !c.at(0, "takes") {
		w.destination.outcomes, w.destination.used = nil, 0
	}
	for !c.done() {
		if c.accept(",") {
			continue
		}
		if c.at(0, "takes") {
			if err := readTakes(c, &w.destination.takes); err != nil {
				return err
			}
			continue
		}
		word, err := c.word("an outcome")
		if err != nil {
			return err
		}
		kind, ok := discardKinds[word]
		if !ok {
			return fmt.Errorf("unknown outcome %q of a destination; want delivers or drops", word)
		}
		w.destination.outcomes = append(w.destination.outcomes, kind)
	}
	return nil
}
