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
