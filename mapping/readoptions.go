package mapping

import "time"

// ReadOptions are the settings of Config that go with Client only: a Source reads in its own way. The zero value reads as
// Lambda does.
type ReadOptions struct {
	// PollInterval is the time from one read of a shard to the next: 200 ms to 4 min, default 1 s as on Lambda. An
	// extension. A shard grants 5 reads per second to all its consumers together: if they want more, the interval
	// grows, so that each gets about an equal part. ShardStatus.Shared shows that.
	PollInterval time.Duration

	// FallBackToPolling polls the shards of a consumer while subscriptions fail: see poller.Config.FallBackToPolling.
	// It goes with the ARN of a consumer. An extension.
	FallBackToPolling bool

	// Deaggregate makes a record of each member of an aggregate of the Kinesis Producer Library (KPL). It is off by
	// default: Lambda passes an aggregate on as the one record that it is in the stream. With the ARN of a consumer it
	// is always on, as on Lambda. It may be changed with a restart. An aggregate that was partly resolved then resumes
	// after its resolved members, or is delivered again raw. A member whose hash key lies outside the shard is skipped
	// and counted (Counts.PassedOver). An extension. A Source deaggregates itself.
	Deaggregate bool

	// KeepMembersOutsideShard keeps the members of aggregates whose hash keys lie outside the shard: see
	// poller.Config.KeepMembersOutsideShard for the producers that need it. It goes with Deaggregate, or the ARN of a
	// consumer. An extension.
	KeepMembersOutsideShard bool

	// SDKDecoding and CBOR control how the answers of reads are encoded and decoded: see the fields of poller.Config.
	// Extensions.
	SDKDecoding, CBOR bool
}
