package storetest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func testAnchorStays(f *fixture) {
	for i, proposed := range []time.Time{start, start.Add(time.Hour), start.Add(-time.Hour)} {
		got, err := f.store.Anchor(f.Context(), f.mapping, proposed)
		require.NoError(f, err)
		assert.True(f, start.Equal(got), "call %d: got %s, want %s", i, got, start)
	}
}

func testAnchorRace(f *fixture) {
	got := make([]time.Time, 16)
	var g errgroup.Group
	for i := range got {
		g.Go(func() (err error) {
			got[i], err = f.store.Anchor(f.Context(), f.mapping, start.Add(time.Duration(i)*time.Second))
			return err
		})
	}
	require.NoError(f, g.Wait())
	stored, err := f.store.Anchor(f.Context(), f.mapping, start.Add(-time.Hour))
	require.NoError(f, err)
	for i := range got {
		assert.True(f, stored.Equal(got[i]), "caller %d: got %s, want %s", i, got[i], stored)
	}
	assert.False(f, stored.Before(start), "got %s, which came after the race", stored)
}

func testAnchorsApart(f *fixture) {
	for i, name := range []string{f.mapping + "/a", f.mapping + "/b"} {
		want := start.Add(time.Duration(i) * time.Minute)
		got, err := f.store.Anchor(f.Context(), name, want)
		require.NoError(f, err)
		assert.True(f, want.Equal(got), "%s: got %s, want %s", name, got, want)
	}
	assert.Empty(f, f.progress(f.mapping+"/a"), "an anchor is no progress")
}

// anchored asserts the stored anchor.
func (f *fixture) anchored(want time.Time) {
	f.Helper()
	got, err := f.store.Anchor(f.Context(), f.mapping, start.Add(-100*time.Hour))
	require.NoError(f, err)
	assert.True(f, want.Equal(got), "stored: got %s, want %s", got, want)
}

func (f *fixture) anchor(proposed time.Time) {
	f.Helper()
	_, err := f.store.Anchor(f.Context(), f.mapping, proposed)
	require.NoError(f, err)
}

func (f *fixture) settle(at, want time.Time) {
	f.Helper()
	got, err := f.store.SettleAnchor(f.Context(), f.mapping, at)
	require.NoError(f, err)
	assert.True(f, want.Equal(got), "settled at %s: got %s, want %s", at, got, want)
	f.anchored(want)
}

func testAnchorSettles(f *fixture) {
	f.anchor(start)
	back := start.Add(-8 * time.Hour)
	f.settle(back, back)
	f.settle(back.Add(-time.Hour), back)
	f.settle(start.Add(time.Hour), back)
	assert.Empty(f, f.progress(f.mapping), "an anchor is no progress")
}

// testAnchorNeverForward settles an anchor at its own time, after which it does not move back either. Times of the same
// second have texts of different lengths in stores that keep text.
func testAnchorNeverForward(f *fixture) {
	whole := start.Truncate(time.Second)
	f.anchor(whole)
	f.settle(whole.Add(500*time.Millisecond), whole)
	f.settle(whole.Add(-time.Hour), whole)
}

func testAnchorSettledFirst(f *fixture) {
	f.settle(start, start)
	f.settle(start.Add(-time.Hour), start)
}

func testAnchorSettleRace(f *fixture) {
	f.anchor(start)
	got := make([]time.Time, 16)
	var g errgroup.Group
	for i := range got {
		g.Go(func() (err error) {
			got[i], err = f.store.SettleAnchor(f.Context(), f.mapping, start.Add(-time.Duration(i+1)*time.Second))
			return err
		})
	}
	require.NoError(f, g.Wait())
	for i := range got {
		assert.True(f, got[0].Equal(got[i]), "caller %d: got %s, want %s", i, got[i], got[0])
	}
	f.anchored(got[0])
	assert.True(f, got[0].Before(start), "got %s", got[0])
}
