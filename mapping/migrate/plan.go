package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// ErrRefused says that a plan must not be carried out. Its text has the reasons.
var ErrRefused = errors.New("migrate: refused")

// Plan is what a migration would change. It belongs to its caller, and nothing changes until Apply.
type Plan struct {
	// Steps are all shards of both sides, by ID, including unchanged ones.
	Steps []Step

	// Refusals are the reasons why the plan must not be carried out.
	Refusals []string

	apply func(ctx context.Context, s *Step) error
}

// Step is the change of one shard.
type Step struct {
	Shard string

	// Was is the shard's place on the side that is written to, Will its new place, in printed form: a position, "end",
	// or "-" for nothing. They are equal if nothing is written.
	Was, Will string

	// Note describes the particulars of the step.
	Note string

	// Write is set if the step changes something.
	Write bool

	from  Shard  // the row that it is about
	start string // the shard's starting sequence number, empty if it is not known
}

// note adds to the Note.
func (s *Step) note(text string) {
	if s.Note != "" {
		s.Note += ", "
	}
	s.Note += text
}

// Changes returns how many shards would be written.
func (p *Plan) Changes() int {
	n := 0
	for i := range p.Steps {
		if p.Steps[i].Write {
			n++
		}
	}
	return n
}

// Refused returns an error that wraps ErrRefused and has all reasons, nil if the plan can be carried out.
func (p *Plan) Refused() error {
	if len(p.Refusals) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrRefused, strings.Join(p.Refusals, "; "))
}

// Apply carries out the plan, shard by shard, up to the first error. It stores nothing of a refused plan, nor for a
// shard that has changed since the plan was made. A plan is applied once.
func (p *Plan) Apply(ctx context.Context) error {
	if err := p.Refused(); err != nil {
		return err
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		if !s.Write {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("migrate: %s: %w", s.Shard, err)
		}
		if err := p.apply(ctx, s); err != nil {
			return fmt.Errorf("migrate: %s: %w", s.Shard, err)
		}
	}
	return nil
}

// WriteTo prints the difference as a table, and below it the refusals.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tSHARD\tIS\tWILL BE\tNOTE")
	for i := range p.Steps {
		s := &p.Steps[i]
		mark := " "
		if s.Write {
			mark = "*"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", mark, s.Shard, s.Was, s.Will, s.Note)
	}
	if err := table.Flush(); err != nil {
		return 0, err
	}
	var out bytes.Buffer
	for line := range bytes.Lines(b.Bytes()) {
		out.Write(bytes.TrimRight(line, " \n")) // the last cell is padded too
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "%d of %d shards change\n", p.Changes(), len(p.Steps))
	for _, r := range p.Refusals {
		fmt.Fprintf(&out, "refused: %s\n", r)
	}
	return out.WriteTo(w)
}
