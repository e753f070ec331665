package storetest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
)

// DefinitionStore is the interface that RunDefinitions checks: definitions, together with the progress that Forget
// removes.
type DefinitionStore interface {
	driver.Store
	driver.DefinitionStore
}

// RunDefinitions runs the suite of a DefinitionStore, each rule as a subtest with a store from open. open may return a
// new store each time or always the same, with or without contents, but no other code may write to it meanwhile. The
// second result of open ends the store, as the end of its process does, and returns it as the next process opens it;
// nil if nothing outlives the process.
func RunDefinitions(t *testing.T, open func(t *testing.T) (store DefinitionStore, reopen func() DefinitionStore)) {
	t.Helper()
	rules := map[string]func(*definer){
		"PutNeedsTheVersionExpected":          testPut,
		"PutThatWasDoneIsDone":                testPutAgain,
		"PutRaceHasOneWinner":                 testPutRace,
		"DeleteNeedsTheVersionExpected":       testDeleteDefinition,
		"DeleteRaceHasOneWinner":              testDeleteRace,
		"KeyIsFreeAfterDelete":                testKeyAgain,
		"TokenChangesWithEachWrite":           testToken,
		"TokenIsNoNewerThanTheRows":           testTokenBeforeRows,
		"DefinitionsListsManyRows":            testManyDefinitions,
		"DefinitionsAreNotShared":             testDefinitionsNotShared,
		"DefinitionsTakeAnyKey":               testKeys,
		"DefinitionsHaveLimits":               testLimits,
		"DefinitionsOutliveARestart":          testRestart,
		"ForgetRemovesTheMapping":             testForget,
		"ForgetEndsLeases":                    testForgetHeld,
		"ForgetOfNothingIsNoError":            testForgetNothing,
		"ForgetRacingWithCommitsFencesThem":   testForgetRace,
		"ContextThatIsDoneStoresNoDefinition": testDefinitionsCancelled,
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			store, reopen := open(t)
			own := t.Name() + "/" + uuid.NewString()
			f := &definer{fixture: &fixture{T: t, mapping: own}, prefix: own + "/", reopen: reopen}
			f.use(store)
			rule(f)
		})
	}
}

// definer is one test with its DefinitionStore.
type definer struct {
	*fixture
	defs   driver.DefinitionStore
	prefix string // of keys that only this test has
	reopen func() DefinitionStore
}

func (f *definer) use(store DefinitionStore) { f.store, f.defs = store, store }

// row returns a row of this test's.
func (f *definer) row(key, version, data string) driver.Definition {
	return driver.Definition{Key: f.prefix + key, Version: version, Data: []byte(data)}
}

func (f *definer) put(row driver.Definition, expected string) {
	f.Helper()
	require.NoError(f, f.defs.PutDefinition(f.Context(), row, expected))
}

func (f *definer) putRefused(row driver.Definition, expected string) {
	f.Helper()
	require.ErrorIs(f, f.defs.PutDefinition(f.Context(), row, expected), driver.ErrDefinitionChanged)
}

func (f *definer) drop(key, expected string) {
	f.Helper()
	require.NoError(f, f.defs.DeleteDefinition(f.Context(), f.prefix+key, expected))
}

func (f *definer) dropRefused(key, expected string) {
	f.Helper()
	require.ErrorIs(f, f.defs.DeleteDefinition(f.Context(), f.prefix+key, expected), driver.ErrDefinitionChanged)
}

func (f *definer) token() string {
	f.Helper()
	token, err := f.defs.DefinitionsToken(f.Context())
	require.NoError(f, err)
	return token
}

// list returns this test's rows in the order of their keys, and the token.
func (f *definer) list() ([]driver.Definition, string) {
	f.Helper()
	all, token, err := f.defs.Definitions(f.Context())
	require.NoError(f, err)
	return f.own(all), token
}

func (f *definer) own(all []driver.Definition) []driver.Definition {
	rows := slices.DeleteFunc(all, func(d driver.Definition) bool { return !strings.HasPrefix(d.Key, f.prefix) })
	slices.SortFunc(rows, func(a, b driver.Definition) int { return cmp.Compare(a.Key, b.Key) })
	return rows
}

// has asserts the rows, in the order of their keys.
func (f *definer) has(want ...driver.Definition) {
	f.Helper()
	got, _ := f.list()
	require.Len(f, got, len(want))
	for i := range want {
		assert.Equal(f, want[i].Key, got[i].Key)
		assert.Equal(f, want[i].Version, got[i].Version)
		assert.True(f, bytes.Equal(want[i].Data, got[i].Data), "%s: got %d bytes, want %d", want[i].Key, len(got[i].Data), len(want[i].Data))
	}
}

func testPut(f *definer) {
	f.putRefused(f.row("a", "1", "x"), "0") // there is none yet
	f.has()
	f.put(f.row("a", "1", "x"), "")
	f.putRefused(f.row("a", "2", "y"), "") // there is one already
	f.putRefused(f.row("a", "2", "y"), "0")
	f.has(f.row("a", "1", "x"))
	f.put(f.row("a", "2", "y"), "1")
	f.putRefused(f.row("a", "3", "z"), "1") // the version before that
	f.put(f.row("b", "1", ""), "")          // another key is independent
	f.has(f.row("a", "2", "y"), f.row("b", "1", ""))
}

func testPutAgain(f *definer) {
	f.put(f.row("a", "1", "x"), "")
	f.put(f.row("a", "1", "x"), "")
	f.put(f.row("a", "2", "y"), "1")
	f.put(f.row("a", "2", "y"), "1")
	f.has(f.row("a", "2", "y"))
	f.putRefused(f.row("a", "1", "x"), "") // that was carried out too, but is over
	f.drop("a", "2")
	f.putRefused(f.row("a", "2", "y"), "1")
	f.has()
}

func testDeleteDefinition(f *definer) {
	f.dropRefused("a", "1")
	f.put(f.row("a", "1", "x"), "")
	f.put(f.row("b", "1", "x"), "")
	f.dropRefused("a", "2")
	f.put(f.row("a", "2", "y"), "1")
	f.dropRefused("a", "1")
	f.has(f.row("a", "2", "y"), f.row("b", "1", "x"))
	f.drop("a", "2")
	f.dropRefused("a", "2")
	f.has(f.row("b", "1", "x"))
}

func testKeyAgain(f *definer) {
	for i := range 3 {
		v := fmt.Sprint(i)
		f.put(f.row("a", v, v), "")
		f.has(f.row("a", v, v))
		f.drop("a", v)
		f.has()
		f.putRefused(f.row("a", v+"'", v), v)
	}
}

func testManyDefinitions(f *definer) {
	var want []driver.Definition
	for i := range 300 { // 3 MB: databases list them in pages of a megabyte
		row := f.row(fmt.Sprintf("%03d", i), "1", strings.Repeat(fmt.Sprint(i%10), 10_000))
		f.put(row, "")
		want = append(want, row)
	}
	f.has(want...)
	for _, row := range want {
		f.drop(strings.TrimPrefix(row.Key, f.prefix), "1")
	}
	f.has()
}

func testDefinitionsNotShared(f *definer) {
	row := f.row("a", "1", "data")
	f.put(row, "")
	row.Data[0] = 'X'
	f.has(f.row("a", "1", "data"))
	got, _ := f.list()
	got[0].Data[0] = 'Y'
	f.has(f.row("a", "1", "data"))
}

func testKeys(f *definer) {
	var want []driver.Definition
	for _, key := range []string{"", " ", "/", "a", "a/", "a/b", "ä", "日本", "\x00", "x\x00", "'\"\\", strings.Repeat("k", 500)} {
		want = append(want, f.row(key, "v of "+key[:min(len(key), 50)], key))
		f.put(want[len(want)-1], "")
	}
	slices.SortFunc(want, func(a, b driver.Definition) int { return cmp.Compare(a.Key, b.Key) })
	f.has(want...)
}

func testLimits(f *definer) {
	text := func(n int) string { return strings.Repeat("x", n) }
	long := driver.Definition{
		Key: f.prefix + text(1000-len(f.prefix)), Version: text(100), Data: bytes.Repeat([]byte{0xff, 0}, 50_000),
	}
	f.put(long, "")
	f.has(long)
	require.NoError(f, f.defs.DeleteDefinition(f.Context(), long.Key, long.Version))
	cases := map[string]driver.Definition{
		"Key has 0 bytes":       {Version: "1"},
		"Key has 1001 bytes":    {Key: f.prefix + text(1001-len(f.prefix)), Version: "1"},
		"Key is \"\\xff\"":      {Key: "\xff", Version: "1"},
		"Version has 0 bytes":   {Key: f.prefix + "a"},
		"Version has 101 bytes": {Key: f.prefix + "a", Version: text(101)},
		"Data has 100001 bytes": {Key: f.prefix + "a", Version: "1", Data: []byte(text(100_001))},
	}
	for want, row := range cases {
		err := f.defs.PutDefinition(f.Context(), row, "")
		require.ErrorContains(f, err, want)
		require.NotErrorIs(f, err, driver.ErrDefinitionChanged)
		if row.Data == nil {
			require.ErrorContains(f, f.defs.DeleteDefinition(f.Context(), row.Key, row.Version), want)
		}
	}
	f.has()
}

func testRestart(f *definer) {
	if f.reopen == nil {
		f.Skip("nothing outlives the process")
	}
	f.put(f.row("a", "1", "x"), "")
	f.put(f.row("b", "1", "x"), "")
	f.put(f.row("b", "2", "y"), "1")
	f.put(f.row("c", "1", "x"), "")
	f.drop("c", "1")
	f.use(f.reopen())
	f.has(f.row("a", "1", "x"), f.row("b", "2", "y"))
	f.putRefused(f.row("b", "3", "z"), "1")
	f.put(f.row("c", "2", "z"), "")

	_, err := f.store.Anchor(f.Context(), f.mapping, start)
	require.NoError(f, err)
	lease, _ := f.acquire("a")
	f.commit(lease, at(1, 1))
	f.forget()
	f.use(f.reopen())
	f.forgotten()
	f.has(f.row("a", "1", "x"), f.row("b", "2", "y"), f.row("c", "2", "z"))
}
