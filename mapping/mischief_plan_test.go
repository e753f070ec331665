package mapping_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// habits may give the service a way that it keeps to the end of the trial, as emulators, and clocks, have theirs.
func (t *trial) habits() {
	ways := slices.DeleteFunc([]kinesistest.Kind{
		kinesistest.EndlessShard, kinesistest.BehindForEver, kinesistest.SmallPages, kinesistest.ClockOff,
	}, func(k kinesistest.Kind) bool {
		// A time of our clock may be one that the service refuses.
		return !isWanted(k) || k == kinesistest.ClockOff && t.base.StartingPosition == mapping.AtTimestamp
	})
	if draw := t.rng.IntN(10); len(ways) == 0 || draw > len(ways) && *mischiefKinds == "" {
		return
	}
	k := pick(t.rng, ways...)
	t.habit = t.service.Misbehave(kinesistest.Mischief{Seed: t.seed, Kinds: []kinesistest.Kind{k}, Rate: 1})
	t.note("a habit: %s", k)
}

// misbehave begins one more mischief.
func (t *trial) misbehave() {
	kinds := t.kinds()
	if len(kinds) == 0 {
		return
	}
	t.rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	plan := kinesistest.Mischief{
		Seed: t.seed<<8 + uint64(len(t.mischief)), Kinds: kinds[:min(len(kinds), 1+t.rng.IntN(4))], Rate: pick(t.rng, 0.05, 0.2, 0.5, 0.9),
	}
	switch t.rng.IntN(4) {
	case 0:
		plan.Calls = 1 + t.rng.IntN(10)
	case 1:
		plan.For = time.Duration(1+t.rng.IntN(90)) * time.Second
	}
	t.note("mischief %d: %v, rate %v, calls %d, for %s", plan.Seed, plan.Kinds, plan.Rate, plan.Calls, plan.For)
	if slices.Contains(plan.Kinds, kinesistest.RepeatedPage) {
		t.witness.allowEarly()
	}
	t.mischief = append(t.mischief, t.service.Misbehave(plan))
}

// kinds returns those that may befall the trial.
func (t *trial) kinds() []kinesistest.Kind {
	return slices.DeleteFunc(kinesistest.Kinds(), func(k kinesistest.Kind) bool { return !t.fits(k) || !isWanted(k) })
}

// fits reports whether a kind may be drawn for the trial.
func (t *trial) fits(k kinesistest.Kind) bool {
	switch k {
	case kinesistest.ReplacedStream, kinesistest.ClockOff:
		return false // the trial does so itself
	case kinesistest.WrongDate:
		// The Date is all that is known of the service's clock. One that lies makes LATEST earlier, and two that agree, of many,
		// make records too old.
		return t.base.MaximumRecordAge == 0 && t.base.StartingPosition != mapping.Latest
	case kinesistest.EmptyEvent, kinesistest.NoContinuation, kinesistest.ZeroContinuation, kinesistest.RefusedContinuation,
		kinesistest.EarlyEnd, kinesistest.BrokenSubscription, kinesistest.HalfOpenSubscription:
		return t.face == fanOut
	case kinesistest.EmptyPage, kinesistest.ExpiredIterator:
		return t.face != fanOut || t.base.Read.FallBackToPolling
	}
	return true
}

// isWanted reports whether a kind may be drawn, by the flag.
func isWanted(k kinesistest.Kind) bool {
	return *mischiefKinds == "" || slices.Contains(strings.Split(*mischiefKinds, ","), string(k))
}

// change does something to the stream.
func (t *trial) change() {
	switch t.rng.IntN(7) {
	case 0:
		t.reshard()
	case 1: // generations that no listing sees one by one
		for range 2 {
			t.reshard()
			t.put(1 + t.rng.IntN(4))
		}
	default:
		t.put(1 + t.rng.IntN(8))
	}
}

// put puts records, some of them aggregates of one key.
func (t *trial) put(n int) {
	must := t.begun || t.base.StartingPosition == mapping.TrimHorizon
	never := !must && !t.clockIsOff()
	t.note("put %d from %d", n, t.n)
	for range n {
		key := fmt.Sprint("key ", t.rng.IntN(t.keys))
		if t.replaced {
			key = "new " + key // the order of keys ends with their stream
		}
		members := []string{t.name()}
		raw := []byte(members[0])
		if t.rng.IntN(4) == 0 {
			for range 1 + t.rng.IntN(4) {
				members = append(members, t.name())
			}
			raw = aggregateOf(key, members...)
		}
		require.NoError(t, t.witness.enter(key, raw, members, must, never, func() (string, string, error) { return t.stream.Put(key, raw) }))
	}
}

func (t *trial) name() string {
	t.n++
	return fmt.Sprintf("%04d", t.n-1)
}

// reshard splits a shard, or merges two.
func (t *trial) reshard() {
	open := slices.DeleteFunc(t.stream.Shards(), func(s types.Shard) bool { return s.SequenceNumberRange.EndingSequenceNumber != nil })
	one := *open[t.rng.IntN(len(open))].ShardId
	if len(open) < 4 && t.rng.IntN(2) == 0 {
		low, high, err := t.stream.Split(one)
		require.NoError(t, err)
		t.note("split %s into %s and %s", one, low, high)
		return
	}
	for _, other := range open {
		if child, err := t.stream.Merge(one, *other.ShardId); err == nil {
			t.note("merge %s and %s into %s", one, *other.ShardId, child)
			return
		}
	}
}

// replace deletes the stream and creates another under its name, once, in the trials in which that happens.
func (t *trial) replace() {
	if !t.replaces || t.replaced {
		return
	}
	t.note("the stream is replaced")
	require.NoError(t, t.stream.Replace())
	t.retain()
	t.replaced = true
	names := make([]string, len(t.crew))
	for i, a := range t.crew {
		names[i] = a.name
	}
	t.witness.replaced(names)
}

// retain makes the stream keep its records over all that the trial's processes may rest.
func (t *trial) retain() {
	if !t.rests {
		return
	}
	_, err := t.service.Client().IncreaseStreamRetentionPeriod(t.Context(), &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: new("orders"), RetentionPeriodHours: new(int32(7 * 24)),
	})
	require.NoError(t, err)
}

// clockIsOff reports whether the service's clock is not ours.
func (t *trial) clockIsOff() bool {
	return t.habit != nil && t.habit.Counts()[kinesistest.ClockOff] > 0
}
