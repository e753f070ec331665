package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/mapping/driver"
)

// race makes n concurrent calls of write and returns those that succeeded. The others must return ErrDefinitionChanged.
func (f *definer) race(n int, write func(i int) error) (won []int) {
	f.Helper()
	errs := make([]error, n)
	var g errgroup.Group
	for i := range n {
		g.Go(func() error {
			if errs[i] = write(i); !errors.Is(errs[i], driver.ErrDefinitionChanged) {
				return errs[i]
			}
			return nil
		})
	}
	require.NoError(f, g.Wait())
	for i, err := range errs {
		if err == nil {
			won = append(won, i)
		}
	}
	return won
}

func testPutRace(f *definer) {
	version := func(round, i int) string { return fmt.Sprintf("%d by %d", round, i) }
	expected := ""
	for round := range 10 {
		won := f.race(16, func(i int) error {
			return f.defs.PutDefinition(f.Context(), f.row("a", version(round, i), version(round, i)), expected)
		})
		require.Len(f, won, 1, "round %d", round)
		expected = version(round, won[0])
		f.has(f.row("a", expected, expected))
	}
}

func testDeleteRace(f *definer) {
	for round := range 5 {
		v := fmt.Sprint(round)
		f.put(f.row("a", v, v), "")
		won := f.race(16, func(i int) error {
			if i == 0 {
				return f.defs.PutDefinition(f.Context(), f.row("a", v+"'", v), v)
			}
			return f.defs.DeleteDefinition(f.Context(), f.prefix+"a", v)
		})
		require.Len(f, won, 1, "round %d", round)
		if won[0] == 0 {
			f.has(f.row("a", v+"'", v))
			f.drop("a", v+"'")
		}
		f.has()
	}
}

func testToken(f *definer) {
	seen := map[string]bool{}
	changed := func(what string) {
		f.Helper()
		token := f.token()
		assert.False(f, seen[token], "%s: token %q was there before", what, token)
		seen[token] = true
		_, listed := f.list()
		assert.Equal(f, token, listed, "no write yet")
		assert.Equal(f, token, f.token(), "no write yet")
	}
	changed("at first")
	f.put(f.row("a", "1", "x"), "")
	changed("put")
	f.put(f.row("a", "2", "x"), "1") // the same contents
	changed("put of another version")
	f.put(f.row("b", "1", "x"), "")
	changed("put of another key")
	f.drop("a", "2")
	changed("delete")
	f.put(f.row("a", "3", "x"), "")
	changed("put after a delete")
	if f.reopen == nil {
		return
	}
	f.use(f.reopen())
	f.drop("a", "3")
	changed("delete after a restart")
}

// listing is a listing's token and the write to the row "a" that it shows, 0 for none.
type listing struct {
	shown int
	token string
}

func (f *definer) listing() (listing, error) {
	all, token, err := f.defs.Definitions(f.Context())
	l := listing{token: token}
	for _, row := range f.own(all) {
		if row.Key == f.prefix+"a" && err == nil {
			l.shown, err = strconv.Atoi(row.Version)
		}
	}
	return l, err
}

// testTokenBeforeRows lists during writes. If a listing lacks a write, the token after that write must differ from the
// listing's.
func testTokenBeforeRows(f *definer) {
	const writes, readers = 40, 2
	for i := range 4 { // to make a listing slow
		f.put(f.row(fmt.Sprintf("large %d", i), "1", strings.Repeat("x", 50_000)), "")
	}
	tokens := make([]string, writes+1) // after each write
	listings := make([][]listing, readers)
	var over atomic.Bool
	var g errgroup.Group
	g.Go(func() (err error) {
		defer over.Store(true)
		expected := ""
		for n := 1; n <= writes && err == nil; n++ {
			v := fmt.Sprint(n)
			if err = f.defs.PutDefinition(f.Context(), f.row("a", v, v), expected); err == nil {
				tokens[n], err = f.defs.DefinitionsToken(f.Context())
			}
			expected = v
		}
		return err
	})
	for r := range readers {
		g.Go(func() error {
			for !over.Load() {
				l, err := f.listing()
				if err != nil {
					return err
				}
				listings[r] = append(listings[r], l)
			}
			return nil
		})
	}
	require.NoError(f, g.Wait())
	for r := range readers {
		for _, l := range listings[r] {
			for n := l.shown + 1; n <= writes; n++ {
				require.NotEqual(f, tokens[n], l.token, "the listing shows write %d, and has the token of write %d", l.shown, n)
			}
		}
	}
}

func testDefinitionsCancelled(f *definer) {
	f.put(f.row("a", "1", "x"), "")
	lease, _ := f.acquire("a")
	f.commit(lease, at(1, 1))
	token := f.token()
	ctx, cancel := context.WithCancel(f.Context())
	cancel()

	require.ErrorIs(f, f.defs.PutDefinition(ctx, f.row("a", "2", "y"), "1"), context.Canceled)
	require.ErrorIs(f, f.defs.PutDefinition(ctx, f.row("b", "1", "y"), ""), context.Canceled)
	require.ErrorIs(f, f.defs.DeleteDefinition(ctx, f.prefix+"a", "1"), context.Canceled)
	require.ErrorIs(f, f.defs.Forget(ctx, f.mapping), context.Canceled)
	_, err := f.defs.DefinitionsToken(ctx)
	require.ErrorIs(f, err, context.Canceled)
	_, _, err = f.defs.Definitions(ctx)
	require.ErrorIs(f, err, context.Canceled)

	assert.Equal(f, token, f.token())
	f.has(f.row("a", "1", "x"))
	f.commit(lease, at(2, 2))
	f.fixture.stored(at(2, 2))
}
