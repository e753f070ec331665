package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
	"github.com/shardmill/shardmill/poller"
)

// Export plans to move the progress of a mapping to the lease table of a KCL application, which must exist; the
// application creates it. Rows are updated or created, without an owner, in KCL's form; other attributes are unchanged.
// Shards, as the stream lists them, give new rows their parents, children and hash keys. In a table of several streams
// only the rows of to.Stream are written; for new rows it must be the result of KCLStream. A shard without progress
// gets no row: KCL creates it, and begins at its initial position. The exception is a child whose parents have all ended:
// its row begins at TRIM_HORIZON. KCL writes that row itself when it ends a shard, and would miss it for minutes. Rows that name another stream than the mapping's are
// refused, as far as name is from mapping.StoreKey. A row whose checkpoint would fall is refused unless
// allowBack is set.
func Export(ctx context.Context, store driver.Store, name string, to Table, shards []poller.Shard, allowBack bool) (*Plan, error) {
	if to.Format != KCL {
		return nil, fmt.Errorf("migrate: Format is %q, and progress can be exported to %s only", to.Format, KCL)
	}
	if err := to.check(); err != nil {
		return nil, err
	}
	items, err := to.scan(ctx, to.Name)
	if err != nil {
		return nil, err
	}
	rows, _, err := to.shards(items)
	if err != nil {
		return nil, err
	}
	stream, err := to.writes(items)
	if err != nil {
		return nil, err
	}
	stored, err := store.Progress(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("migrate: read the progress of %s: %w", name, err)
	}
	p := &Plan{}
	if p.Refusals, err = to.signs(ctx, items, rows); err != nil {
		return nil, err
	}
	if other := otherStream(stream, name, time.Time{}); other != "" {
		p.Refusals = append(p.Refusals, fmt.Sprintf("rows of another stream would be written to table %s: %s", to.Name, other))
	}
	e := export{table: to, stream: stream, store: store, name: name, owner: "migrate-" + uuid.NewString(), listed: map[string]poller.Shard{}, rows: map[string]Shard{}}
	for _, s := range shards {
		e.listed[s.ID] = s
	}
	for _, r := range rows {
		e.rows[r.ID] = r
	}
	e.plan(p, stored, allowBack)
	p.apply = e.write
	return p, nil
}

// export is a plan to write to a table of KCL.
type export struct {
	table  Table
	stream string // as the keys of the table begin; empty where they are the IDs of shards alone
	store  driver.Store
	name   string
	owner  string
	listed map[string]poller.Shard
	rows   map[string]Shard
}

func (e *export) plan(p *Plan, stored map[string]driver.Progress, allowBack bool) {
	ids := map[string]bool{}
	for id := range stored {
		ids[id] = true
	}
	for id := range e.rows {
		ids[id] = true
	}
	next := e.next(stored)
	for id := range next {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		row, hasRow := e.rows[id]
		s := Step{Shard: id, Was: placeOf(row, hasRow), from: row}
		s.Will = s.Was
		will, has := stored[id]
		switch {
		case next[id]:
			s.Write, s.Will, s.Note = true, kcl.TrimHorizon, "the mapping has not begun it, and its parents have ended"
		case !has:
			s.Note = "the mapping has not begun it: the row stays"
		case placed(will) != s.Was:
			s.Write, s.Will = true, placed(will)
			e.note(p, &s, will, hasRow && row.Begin == "", allowBack)
		}
		p.Steps = append(p.Steps, s)
	}
}

// next returns the listed shards without progress and without a row whose turn it is: a parent has ended, and no other one is
// left to read.
func (e *export) next(stored map[string]driver.Progress) map[string]bool {
	next := map[string]bool{}
	for id, s := range e.listed {
		_, begun := stored[id]
		_, hasRow := e.rows[id]
		if begun || hasRow {
			continue
		}
		ended, left := 0, 0
		for _, parent := range parentsOf(&s) {
			_, listed := e.listed[parent]
			switch p, known := stored[parent]; {
			case p.End:
				ended++
			case known || listed:
				left++
			}
		}
		if ended > 0 && left == 0 {
			next[id] = true
		}
	}
	return next
}

// note describes the particulars of a step that writes, and refuses one that goes back.
func (e *export) note(p *Plan, s *Step, will driver.Progress, begun, allowBack bool) {
	if will.Window != nil {
		s.note(fmt.Sprintf("the open window with %d bytes of state is not moved", len(will.Window.State)))
	}
	was := driver.Progress{Position: s.from.Position, End: s.from.End}
	if !begun || !isBack(was, Shard{Position: will.Position, End: will.End}) {
		return
	}
	s.note("goes back")
	if !allowBack {
		p.Refusals = append(p.Refusals, fmt.Sprintf("%s would go back from %s to %s", s.Shard, s.Was, s.Will))
	}
}

// placeOf prints a row's checkpoint, and placed the checkpoint that progress becomes, both in KCL's form.
func placeOf(s Shard, hasRow bool) string {
	switch {
	case !hasRow:
		return "-"
	case s.Begin != "":
		return s.Begin
	}
	return placed(driver.Progress{Position: s.Position, End: s.End})
}

func placed(p driver.Progress) string {
	checkpoint, sub := kcl.CheckpointOf(p.Position, p.End)
	if sub > 0 {
		return checkpoint + "." + strconv.FormatInt(sub, 10)
	}
	return checkpoint
}

// write writes one row, while it has the mapping's lease of the shard.
func (e *export) write(ctx context.Context, s *Step) (err error) {
	lease, p, err := e.store.Acquire(ctx, e.name, s.Shard, e.owner)
	if errors.Is(err, driver.ErrLeaseHeld) {
		return fmt.Errorf("the mapping is running, stop it first: %w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.store.Release(context.WithoutCancel(ctx), lease)) }()
	if now := placed(p); now != s.Will {
		return fmt.Errorf("the mapping had it at %s when the plan was made, and at %s now: make the plan again", s.Will, now)
	}
	_, err = e.table.Client.UpdateItem(ctx, e.update(s, p))
	if _, changed := errors.AsType[*types.ConditionalCheckFailedException](err); changed {
		return fmt.Errorf("its row has changed since the plan was made, or another row has its key: make the plan again: %w", err)
	}
	return err
}

// update returns the write that sets a row's checkpoint, if the row has not changed since it was read.
func (e *export) update(s *Step, p driver.Progress) *dynamodb.UpdateItemInput {
	checkpoint, sub := kcl.CheckpointOf(p.Position, p.End)
	values := kcl.Item{
		":checkpoint": &types.AttributeValueMemberS{Value: checkpoint}, ":sub": integer(sub), ":zero": integer(0), ":one": integer(1),
	}
	names := map[string]string{"#counter": kcl.LeaseCounter, "#checkpoint": kcl.Checkpoint, "#sub": kcl.SubSequence, "#switches": kcl.OwnerSwitches}
	set := "SET #checkpoint = :checkpoint, #sub = :sub, #switches = :zero, #counter = if_not_exists(#counter, :zero) + :one"
	for i, a := range e.lineage(s.Shard) {
		n, v := fmt.Sprintf("#l%d", i), fmt.Sprintf(":l%d", i)
		names[n], values[v] = a.name, a.value
		set += fmt.Sprintf(", %[1]s = if_not_exists(%[1]s, %[2]s)", n, v)
	}
	remove := " REMOVE #owner, #handing"
	names["#owner"], names["#handing"] = kcl.LeaseOwner, kcl.CheckpointOwner
	for i, name := range kcl.Pending {
		n := fmt.Sprintf("#p%d", i)
		names[n], remove = name, remove+", "+n
	}
	condition := "attribute_not_exists(#counter)"
	if s.from.counter != "" {
		condition = "#counter = :counter"
		values[":counter"] = &types.AttributeValueMemberN{Value: s.from.counter}
	}
	return &dynamodb.UpdateItemInput{
		TableName: &e.table.Name, Key: kcl.Item{kcl.LeaseKey: &types.AttributeValueMemberS{Value: e.key(s.Shard)}},
		UpdateExpression: aws.String(set + remove), ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}
}

// writes returns the table's name of the stream whose rows are written. It is empty if the keys are just IDs of shards.
func (t *Table) writes(items []kcl.Item) (string, error) {
	leases, several := 0, false
	streams := map[string]bool{}
	for _, item := range items {
		r, ok, err := readKCL(item)
		if err != nil || !ok {
			continue // reading the table has reported it
		}
		leases++
		several = several || r.stream != ""
		if t.isOf(r.stream) {
			streams[r.stream] = true
		}
	}
	several = several || leases == 0 // it is not known yet
	switch {
	case len(streams) == 1: // shards has refused more
		for stream := range streams {
			return stream, nil
		}
	case several && isKCLStream(t.Stream):
		return t.Stream, nil
	case several && leases > 0 && t.Stream != SingleStream:
		return "", fmt.Errorf("migrate: table %s has rows of several streams, and none of %q: set Stream to what KCLStream returns", t.Name, t.Stream)
	}
	return "", nil
}

// key returns the key of a shard's row.
func (e *export) key(shard string) string {
	if e.stream == "" {
		return shard
	}
	return e.stream + ":" + shard
}

// attribute is one of a row.
type attribute struct {
	name  string
	value types.AttributeValue
}

// lineage returns the attributes of a row that identify the shard and its place in the stream.
func (e *export) lineage(id string) (all []attribute) {
	if e.stream != "" {
		all = append(all, attribute{kcl.StreamName, &types.AttributeValueMemberS{Value: e.stream}}, attribute{kcl.ShardID, &types.AttributeValueMemberS{Value: id}})
	}
	s, ok := e.listed[id]
	if !ok {
		return all
	}
	if s.StartingHashKey != "" && s.EndingHashKey != "" {
		all = append(all, attribute{kcl.StartingHashKey, &types.AttributeValueMemberS{Value: s.StartingHashKey}},
			attribute{kcl.EndingHashKey, &types.AttributeValueMemberS{Value: s.EndingHashKey}})
	}
	parents := parentsOf(&s)
	var children []string
	for _, c := range e.listed {
		if c.Parent == id || c.AdjacentParent == id {
			children = append(children, c.ID)
		}
	}
	if len(parents) > 0 {
		all = append(all, attribute{kcl.ParentShardID, kcl.Set(parents)})
	}
	if len(children) > 0 {
		all = append(all, attribute{kcl.ChildShardIDs, kcl.Set(children)})
	}
	return all
}

// parentsOf returns the IDs of a shard's parents, whether or not the stream still has them.
func parentsOf(s *poller.Shard) []string {
	return slices.DeleteFunc([]string{s.Parent, s.AdjacentParent}, func(p string) bool { return p == "" })
}

func integer(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
