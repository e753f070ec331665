package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Run runs the suite, each rule as a subtest with a Store from open. It may be a new store each time or always the
// same, with or without contents: each test uses its own names of mappings. Times are in whole milliseconds and states
// up to 1 MiB, Lambda's limit. The tests of one Store make up to 64 concurrent calls.
func Run(t *testing.T, open func(t *testing.T) driver.Store) {
	t.Helper()
	rules := map[string]func(*fixture){
		"AnchorStays":                          testAnchorStays,
		"AnchorRaceHasOneWinner":               testAnchorRace,
		"AnchorsOfMappingsAreApart":            testAnchorsApart,
		"AnchorIsSettledOnce":                  testAnchorSettles,
		"AnchorNeverMovesForward":              testAnchorNeverForward,
		"AnchorThatIsSettledFirstIsStored":     testAnchorSettledFirst,
		"AnchorSettledInARaceIsOne":            testAnchorSettleRace,
		"ProgressOfUnknownMappingIsEmpty":      testUnknownMapping,
		"ProgressOmitsShardsWithoutCommit":     testAcquiredOnly,
		"ProgressKeepsAllFields":               testAllFields,
		"ProgressKeepsLargeStates":             testLargeStates,
		"ProgressListsManyShards":              testManyShards,
		"ProgressOfMappingsIsApart":            testMappingsApart,
		"ProgressTakesAnyName":                 testNames,
		"ProgressIsNotShared":                  testNotShared,
		"LeaseEpochGrows":                      testEpochGrows,
		"LeaseIsExclusive":                     testExclusive,
		"LeaseRaceHasOneWinner":                testAcquireRace,
		"AcquireCutShortHoldsNoLease":          testAcquireCutShort,
		"LeaseReleaseIsForItsOwnEpochOnly":     testStaleRelease,
		"LeaseNeedsNames":                      testEmptyNames,
		"CommitAfterReleaseIsLost":             testLateCommit,
		"CommitNeedsTheLeaseInForce":           testForeignCommit,
		"CommitIgnoresOlderVersions":           testVersions,
		"CommitVersionsBeginAnewWithAnEpoch":   testVersionsOfEpochs,
		"CommitPositionsNeverFallInAnEpoch":    testForwardOnly,
		"CommitMayGoBackInANewEpoch":           testSeek,
		"CommitOfManyShardsAtOnce":             testParallelCommits,
		"CommitRacingWithTheNextOwnerIsFenced": testFencingRace,
		"DeleteRemovesOneShard":                testDelete,
		"DeleteNeedsTheEndAndNoLease":          testDeleteKeeps,
		"DeleteBringsNoLeaseBack":              testDeleteFences,
		"ContextThatIsDoneStoresNothing":       testCancelled,
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			rule(&fixture{T: t, store: open(t), mapping: t.Name() + "/" + uuid.NewString()})
		})
	}
}

// fixture is one test with its store.
type fixture struct {
	*testing.T
	store   driver.Store
	mapping string // only this test uses the name
}

const shard = "shardId-000000000000"

// start is the time in the tests. Like the times of AWS, it is in whole milliseconds.
var start = time.UnixMilli(1_700_000_000_123).UTC()

// at returns the progress of a version after a sequence number.
func at(version uint64, sequenceNumber int) driver.Progress {
	return driver.Progress{Version: version, Position: batch.Position{SequenceNumber: strconv.Itoa(sequenceNumber)}}
}

func (f *fixture) acquire(owner string) (driver.Lease, driver.Progress) {
	f.Helper()
	return f.acquireShard(shard, owner)
}

func (f *fixture) acquireShard(shard, owner string) (driver.Lease, driver.Progress) {
	f.Helper()
	lease, p, err := f.store.Acquire(f.Context(), f.mapping, shard, owner)
	require.NoError(f, err)
	assert.Equal(f, driver.Lease{Mapping: f.mapping, Shard: shard, Owner: owner, Epoch: lease.Epoch}, lease)
	assert.NotZero(f, lease.Epoch)
	return lease, p
}

func (f *fixture) commit(lease driver.Lease, p driver.Progress) {
	f.Helper()
	require.NoError(f, f.store.Commit(f.Context(), lease, p))
}

func (f *fixture) release(lease driver.Lease) {
	f.Helper()
	require.NoError(f, f.store.Release(f.Context(), lease))
}

func (f *fixture) progress(name string) map[string]driver.Progress {
	f.Helper()
	all, err := f.store.Progress(f.Context(), name)
	require.NoError(f, err)
	return all
}

// stored asserts the stored progress of the shard.
func (f *fixture) stored(want driver.Progress) {
	f.Helper()
	equal(f, want, f.progress(f.mapping)[shard])
}

// equal compares progress, with times as instants and an empty state the same as none.
func equal(t assert.TestingT, want, got driver.Progress) bool {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	return assert.Equal(t, normal(want), normal(got))
}

func normal(p driver.Progress) driver.Progress {
	if p.Window != nil {
		w := *p.Window
		w.Start, w.End = w.Start.Round(0).UTC(), w.End.Round(0).UTC()
		w.State = append([]byte{}, w.State...)
		p.Window = &w
	}
	p.ResolvedUpTo, p.ClosedUpTo = p.ResolvedUpTo.Round(0).UTC(), p.ClosedUpTo.Round(0).UTC()
	p.StreamCreated = p.StreamCreated.Round(0).UTC()
	return p
}
