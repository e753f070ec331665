package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/mapping/internal/lineage"
	"github.com/shardmill/shardmill/poller"
)

// describeTimeout is the timeout of a Source's description of its stream, because listings wait for it.
const describeTimeout = 5 * time.Second

var (
	errNoShards = errors.New("mapping: the source lists no shard, though every stream has some")
	errNoID     = errors.New("mapping: the source lists a shard without an ID")
)

// shards lists the stream's shards. An impossible listing is an error: a shard that it lacks must not count as one that
// has left.
func (m *Mapping) shards(ctx context.Context) ([]poller.Shard, error) {
	shards, err := m.source.Shards(ctx)
	if err != nil {
		return nil, err
	}
	if len(shards) == 0 {
		return nil, errNoShards
	}
	for i := range shards {
		if shards[i].ID == "" {
			return nil, errNoID
		}
	}
	return shards, nil
}

// look lists the stream's shards, and if describe is set also describes the stream.
func (m *Mapping) look(ctx context.Context, describe bool) (*lineage.Look, error) {
	v := &lineage.Look{Began: time.Now()}
	var err error
	if v.Shards, err = m.shards(ctx); err != nil {
		return nil, err
	}
	if describe {
		m.describe(ctx, v)
	}
	return v, nil
}

// describe adds the stream's description of itself, if the Source supports that. The role need not allow it.
func (m *Mapping) describe(ctx context.Context, v *lineage.Look) {
	d, ok := m.source.(poller.Describer)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	described, err := d.Describe(ctx)
	if err != nil {
		m.log.Debug("the stream could not be described", "error", err)
		return
	}
	v.Described, v.Created, v.Retention = true, described.Created, described.Retention
}
