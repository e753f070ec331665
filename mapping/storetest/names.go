package storetest

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
)

// RunNames runs the suite of a ListedStore, each rule as a subtest with a store from open, as Run does.
func RunNames(t *testing.T, open func(t *testing.T) driver.ListedStore) {
	t.Helper()
	rules := map[string]func(*lister){
		"NamesListsWhatWasAcquired":    testNamesAcquired,
		"NamesTakesAnyName":            testAnyName,
		"NamesIsNotShared":             testNamesNotShared,
		"HeldSaysWhatAcquireWould":     testHeld,
		"ContextThatIsDoneListsNoName": testNamesCancelled,
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			rule(&lister{&fixture{T: t, store: store, mapping: t.Name() + "/" + uuid.NewString()}, store})
		})
	}
}

// lister is one test with its ListedStore.
type lister struct {
	*fixture
	listed driver.ListedStore
}

func (f *lister) names() []string {
	f.Helper()
	names, err := f.listed.Names(f.Context())
	require.NoError(f, err)
	return names
}

func (f *lister) held(want bool) {
	f.Helper()
	held, err := f.listed.Held(f.Context(), f.mapping)
	require.NoError(f, err)
	assert.Equal(f, want, held)
}

func testNamesAcquired(f *lister) {
	_, err := f.store.Anchor(f.Context(), f.mapping, start)
	require.NoError(f, err)
	assert.NotContains(f, f.names(), f.mapping)
	for _, shard := range []string{shard, "another"} {
		lease, _ := f.acquireShard(shard, "a")
		assert.Contains(f, f.names(), f.mapping)
		f.commit(lease, at(1, 1))
		f.release(lease)
	}
	n := 0
	for _, name := range f.names() {
		if name == f.mapping {
			n++
		}
	}
	assert.Equal(f, 1, n, "it is listed once")
}

func testAnyName(f *lister) {
	own := f.mapping
	for _, name := range []string{" ", "ä\x00/#?", "arn:aws:kinesis:us-east-1:123456789012:stream/orders ship"} {
		f.mapping = own + name
		f.acquire("a")
		assert.Contains(f, f.names(), f.mapping)
		assert.NotContains(f, f.names(), own)
	}
}

func testNamesNotShared(f *lister) {
	f.acquire("a")
	clear(f.names())
	assert.Contains(f, f.names(), f.mapping)
}

func testHeld(f *lister) {
	f.held(false)
	first, _ := f.acquire("a")
	f.held(true)
	second, _ := f.acquireShard("another", "b")
	f.release(first)
	f.held(true)
	f.commit(second, at(1, 1))
	f.release(second)
	f.held(false)
	f.acquire("c")
	f.held(true)
	f.mapping += "/other"
	f.held(false)
}

func testNamesCancelled(f *lister) {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	_, err := f.listed.Names(ctx)
	require.ErrorIs(f, err, context.Canceled)
	_, err = f.listed.Held(ctx, f.mapping)
	require.ErrorIs(f, err, context.Canceled)
}
