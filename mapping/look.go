package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/shardmill/shardmill/poller"
)

// describeTimeout is what a Source is given to describe its stream: listings wait for it.
const describeTimeout = 5 * time.Second

var (
	errNoShards = errors.New("mapping: the source lists no shard, though every stream has some")
	errNoID     = errors.New("mapping: the source lists a shard without an ID")
)

// sight is what a look at the stream showed.
type sight struct {
	shards []poller.Shard
	began  time.Time

	described bool          // it was asked for what follows, and answered
	created   time.Time     // zero where it is not known
	retention time.Duration // 0 where it is not known
}

// shards lists the stream's shards. A listing that can't be one is an error: none of them must be taken for one that has left.
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

// look lists the stream's shards, and has the stream described if that is wanted.
func (m *Mapping) look(ctx context.Context, describe bool) (*sight, error) {
	v := &sight{began: time.Now()}
	var err error
	if v.shards, err = m.shards(ctx); err != nil {
		return nil, err
	}
	if describe {
		m.describe(ctx, v)
	}
	return v, nil
}

// describe adds what the stream says of itself, if the Source can ask. A role need not allow that.
func (m *Mapping) describe(ctx context.Context, v *sight) {
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
	v.described, v.created, v.retention = true, described.Created, described.Retention
}
