package lineage

import (
	"time"

	"github.com/shardmill/shardmill/poller"
)

// Look is the result of a look at the stream.
type Look struct {
	Shards []poller.Shard
	Began  time.Time

	Described bool          // the Source was asked for the following fields, and answered
	Created   time.Time     // zero if unknown
	Retention time.Duration // 0 if unknown
}
