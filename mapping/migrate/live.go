package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// signs returns the signs that the table's program is running; none, as far as is visible, if it is stopped. Times in
// rows are compared with this machine's clock.
func (t *Table) signs(ctx context.Context, items []kcl.Item, shards []Shard) ([]string, error) {
	now := time.Now()
	var signs []string
	for _, s := range shards {
		if s.Owner != "" && s.until.After(now) {
			signs = append(signs, fmt.Sprintf("%s of table %s is claimed by %s until %s", s.ID, t.Name, s.Owner, s.until.UTC().Format(time.RFC3339)))
		}
	}
	if t.Format != KCL {
		return signs, nil
	}
	for _, item := range items {
		if kcl.Text(item, kcl.EntityType) == kcl.TypeWorkerMetrics {
			signs = append(signs, reports(t.Name, kcl.Text(item, kcl.LeaseKey), item, now)...)
		}
	}
	metrics, err := t.scan(ctx, t.Name+kcl.MetricsTable)
	if err != nil && !isMissing(err) {
		return nil, err
	}
	for _, item := range metrics {
		signs = append(signs, reports(t.Name+kcl.MetricsTable, kcl.Text(item, kcl.MetricsKey), item, now)...)
	}
	moved, err := t.watch(ctx, shards)
	return append(signs, moved...), err
}

// reports returns the signs in the row of a KCL 3 worker.
func reports(table, worker string, item kcl.Item, now time.Time) []string {
	at, fresh := kcl.Reported(item, now)
	if !fresh {
		return nil
	}
	return []string{fmt.Sprintf("a KCL 3 fleet is alive: worker %s reported to table %s at %s",
		worker, table, at.Format(time.RFC3339))}
}

// watch returns the signs of leases with an owner within the table's Patience.
func (t *Table) watch(ctx context.Context, shards []Shard) ([]string, error) {
	before := map[string]Shard{}
	for _, s := range shards {
		if s.Owner != "" {
			before[s.ID] = s
		}
	}
	if t.Patience <= 0 || len(before) == 0 {
		return nil, nil
	}
	timer := time.NewTimer(t.Patience)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, fmt.Errorf("migrate: watch table %s: %w", t.Name, ctx.Err())
	}
	now, err := t.Read(ctx)
	if err != nil {
		return nil, err
	}
	var signs []string
	for _, s := range now {
		if b, ok := before[s.ID]; ok && s.counter != b.counter {
			signs = append(signs, fmt.Sprintf("%s of table %s is alive: the leaseCounter of %s went from %s to %s", s.Owner, t.Name, s.ID, b.counter, s.counter))
		}
	}
	return signs, nil
}
