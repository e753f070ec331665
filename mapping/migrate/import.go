package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/internal/parentage"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
	"github.com/shardmill/shardmill/poller"
)

// Target is the mapping that positions are moved to.
type Target struct {
	Store   driver.Store
	Mapping string // as mapping.StoreKey returns it

	// StartingPosition is the mapping's. LATEST is refused if a shard would begin at a later place than in the other
	// program.
	StartingPosition mapping.StartingPosition

	// Shards are those that the stream lists, as poller.Poller returns them. With them, parents whose rows are deleted
	// are known to be complete, shards that have left the stream are skipped, and a shard without progress is stored as
	// such if that is not evident otherwise. Without them, the mapping treats each parent without progress as complete
	// if its children have some: that is wrong if the other program has begun a child before both its parents.
	Shards []poller.Shard

	// StreamCreated is when the stream was created, as poller.Poller describes it. It is stored with the positions, so
	// that the mapping notices when the stream is recreated. Zero means that it is not known.
	StreamCreated time.Time

	// Plain says that no record of the stream is a KPL aggregate. Then a checkpoint of KCL at record n is after all of
	// it, and nothing is repeated.
	Plain bool

	// AllowBack allows positions that the store already has to fall.
	AllowBack bool
}

// Import plans to move the positions in a table to a mapping.
func Import(ctx context.Context, from Table, to Target) (*Plan, error) {
	if err := errors.Join(from.check(), to.check()); err != nil {
		return nil, err
	}
	items, err := from.scan(ctx, from.Name)
	if err != nil {
		return nil, err
	}
	shards, streams, err := from.shards(items)
	if err != nil {
		return nil, err
	}
	stored, err := to.Store.Progress(ctx, to.Mapping)
	if err != nil {
		return nil, fmt.Errorf("migrate: read the progress of %s: %w", to.Mapping, err)
	}
	p := &Plan{}
	if p.Refusals, err = from.signs(ctx, items, shards); err != nil {
		return nil, err
	}
	if len(shards) == 0 {
		p.Refusals = append(p.Refusals, fmt.Sprintf("table %s has no shard of the stream%s", from.Name, streams))
	}
	if other := to.otherStream(shards); other != "" {
		p.Refusals = append(p.Refusals, fmt.Sprintf("table %s has rows of another stream: %s", from.Name, other))
	}
	shards = to.complete(shards, from.deletes())
	to.plan(p, shards, stored)
	owner := "migrate-" + uuid.NewString()
	p.apply = func(ctx context.Context, s *Step) error { return to.store(ctx, s, owner) }
	return p, nil
}

func (t *Target) check() error {
	var errs []error
	if t.Store == nil {
		errs = append(errs, errors.New("migrate: Store is required"))
	}
	if t.Mapping == "" {
		errs = append(errs, errors.New("migrate: Mapping is required"))
	}
	switch t.StartingPosition {
	case mapping.TrimHorizon, mapping.Latest, mapping.AtTimestamp:
	default:
		errs = append(errs, fmt.Errorf("migrate: StartingPosition is %q, must be that of the mapping: TRIM_HORIZON, LATEST or AT_TIMESTAMP", t.StartingPosition))
	}
	return errors.Join(errs...)
}

// complete adds complete parents, if the program deletes their rows, and drops the shards that the stream does not
// list.
func (t *Target) complete(shards []Shard, deletes bool) []Shard {
	if t.Shards == nil {
		return shards
	}
	listed, rows := map[string]poller.Shard{}, map[string]Shard{}
	for _, s := range t.Shards {
		listed[s.ID] = s
	}
	shards = slices.DeleteFunc(shards, func(s Shard) bool { _, ok := listed[s.ID]; return !ok })
	for _, s := range shards {
		rows[s.ID] = s
	}
	if deletes {
		parentage.ImplyFinished(begun(slices.Clone(shards)), parentsIn(listed), func(id string) bool {
			_, known := rows[id]
			_, ok := listed[id]
			if known || !ok {
				return false
			}
			rows[id] = Shard{ID: id, End: true}
			shards = append(shards, rows[id])
			return true
		})
	}
	for _, s := range t.Shards {
		if _, known := rows[s.ID]; !known {
			shards = append(shards, Shard{ID: s.ID, Begin: noRow})
		}
	}
	slices.SortFunc(shards, func(a, b Shard) int { return cmp.Compare(a.ID, b.ID) })
	return shards
}

// noRow is the Begin of a shard that only the stream knows.
const noRow = "no row"

// begun yields the shards with progress.
func begun(shards []Shard) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, s := range shards {
			if s.Begin == "" && !yield(s.ID) {
				return
			}
		}
	}
}

// parentsIn returns a function that returns the parents of a listed shard.
func parentsIn(listed map[string]poller.Shard) func(id string) []string {
	return func(id string) []string {
		s := listed[id]
		return slices.DeleteFunc([]string{s.Parent, s.AdjacentParent}, func(p string) bool { return p == "" })
	}
}

// impliedFinished returns the shards with a descendant that has progress. The mapping treats such a shard as finished
// if it has no checkpoint.
func (t *Target) impliedFinished(shards []Shard) map[string]bool {
	listed, implied := map[string]poller.Shard{}, map[string]bool{}
	for _, s := range t.Shards {
		listed[s.ID] = s
	}
	parentage.ImplyFinished(begun(shards), parentsIn(listed), func(id string) bool {
		news := !implied[id]
		implied[id] = true
		return news
	})
	return implied
}

// starts returns the starting sequence numbers of the listed shards.
func (t *Target) starts() map[string]string {
	starts := make(map[string]string, len(t.Shards))
	for i := range t.Shards {
		starts[t.Shards[i].ID] = t.Shards[i].StartingSequenceNumber
	}
	return starts
}

// plan adds the steps.
func (t *Target) plan(p *Plan, shards []Shard, stored map[string]driver.Progress) {
	implied, starts := t.impliedFinished(shards), t.starts()
	for _, from := range shards {
		if t.Plain && from.Position.SubSequence == 0 {
			from.Position.Partial = false
		}
		was, isStored := stored[from.ID]
		s := Step{Shard: from.ID, Was: place(was, isStored), from: from, start: starts[from.ID]}
		if !from.Position.IsZero() && batch.CompareSequenceNumbers(from.Position.SequenceNumber, s.start) < 0 {
			s.start = "" // the position is another shard's: the mapping refuses it
		}
		s.Will = s.Was
		switch {
		case from.Begin != "":
			s.Note = t.begins(p, from, isStored)
			if implied[from.ID] && !isStored {
				s.Write, s.Will = true, place(driver.Progress{}, true)
				s.note("though shards that follow it have progress")
			}
		case isStored && same(was, from):
		default:
			s.Write, s.Will = true, place(driver.Progress{Position: from.Position, End: from.End}, true)
			t.note(p, &s, was, isStored)
		}
		p.Steps = append(p.Steps, s)
	}
}

// begins judges a shard without progress.
func (t *Target) begins(p *Plan, from Shard, isStored bool) string {
	if isStored {
		return "the table has no progress for it: the stored progress is kept"
	}
	later := t.StartingPosition == mapping.Latest && from.Begin != kcl.Latest && from.Begin != initially ||
		t.StartingPosition == mapping.AtTimestamp && (from.Begin == kcl.TrimHorizon || from.Begin == noRow)
	if later {
		p.Refusals = append(p.Refusals, fmt.Sprintf("%s is not begun (%s), and a mapping with StartingPosition %s may skip its records: use TRIM_HORIZON",
			from.ID, from.Begin, t.StartingPosition))
	}
	return fmt.Sprintf("not begun (%s): will be read from %s", from.Begin, t.StartingPosition)
}

// note describes the particulars of a step that writes, and refuses one that goes back.
func (t *Target) note(p *Plan, s *Step, was driver.Progress, isStored bool) {
	switch {
	case s.from.Position.Partial && s.from.Position.SubSequence == 0:
		s.note("comes again if it is an aggregate and read as one record")
	case s.from.Position.Partial:
		s.note("resumes within the aggregate")
	}
	if s.from.Owner != "" {
		s.note("assigned to " + s.from.Owner)
	}
	if !isStored {
		return
	}
	if isBack(was, s.from) {
		s.note("goes back")
		if !t.AllowBack {
			p.Refusals = append(p.Refusals, fmt.Sprintf("%s would go back from %s to %s", s.Shard, s.Was, s.Will))
		}
	}
	if was.Window != nil {
		s.note(fmt.Sprintf("drops the open window with %d bytes of state", len(was.Window.State)))
	}
}

// same reports whether the store and the table agree on the shard. A checkpoint of KCL does not say whether its record
// is resolved; the store does.
func same(was driver.Progress, from Shard) bool {
	if was.End || from.End {
		return was.End == from.End
	}
	if from.Position.Partial && !was.Position.Partial {
		return was.Position.SequenceNumber == from.Position.SequenceNumber
	}
	return was.Position.Compare(from.Position) == 0
}

func isBack(was driver.Progress, from Shard) bool {
	return was.End || !from.End && from.Position.Compare(was.Position) < 0
}

// place prints progress.
func place(p driver.Progress, isStored bool) string {
	switch {
	case !isStored:
		return "-"
	case p.End:
		return "end"
	case p.Position == (batch.Position{}):
		return "begin"
	}
	return p.Position.String()
}

// store writes one shard under its lease.
func (t *Target) store(ctx context.Context, s *Step, owner string) (err error) {
	lease, was, err := t.Store.Acquire(ctx, t.Mapping, s.Shard, owner)
	if errors.Is(err, driver.ErrLeaseHeld) {
		return fmt.Errorf("the mapping is running, stop it first: %w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Store.Release(context.WithoutCancel(ctx), lease)) }()
	isStored := was.End || !was.Position.IsZero() || was.Version != 0
	if now := place(was, isStored); now != s.Was {
		return fmt.Errorf("it was %s when the plan was made, and is %s now: make the plan again", s.Was, now)
	}
	return t.Store.Commit(ctx, lease, driver.Progress{
		Version: 1, Position: s.from.Position, End: s.from.End, ShardStart: s.start, StreamCreated: t.StreamCreated,
	})
}
