package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func testUnknownMapping(f *fixture) {
	assert.Empty(f, f.progress(f.mapping))
}

func testAcquiredOnly(f *fixture) {
	lease, p := f.acquire("a")
	assert.Zero(f, p)
	assert.Empty(f, f.progress(f.mapping))
	f.release(lease)
	_, p = f.acquire("b")
	assert.Zero(f, p)
}

func testAllFields(f *fixture) {
	long := strings.Repeat("9", 129) // the longest sequence number
	window := batch.Window{Start: start, End: start.Add(15 * time.Minute), State: []byte("{\"sum\":1,\"\u00e9\":\"\\u0000\"}")}
	final := window
	final.Final, final.TerminatedEarly = true, true
	big := window
	big.State = fmt.Appendf(nil, `{"x":"%s"}`, bytes.Repeat([]byte("x"), 64<<10-8))
	empty := window
	empty.State = nil

	cases := []driver.Progress{
		{Version: 1},
		{Version: 2, Position: batch.Position{SequenceNumber: "0"}},
		{Version: 3, Position: batch.Position{SequenceNumber: "7", SubSequence: 0, Partial: true}},
		{Version: 4, Position: batch.Position{SequenceNumber: "7", SubSequence: 1 << 40, Partial: true}},
		{Version: 5, Position: batch.Position{SequenceNumber: "7", SubSequence: 1<<40 + 1}},
		{Version: 6, Position: batch.Position{SequenceNumber: "8"}, Window: &window},
		{Version: 7, Position: batch.Position{SequenceNumber: "8"}, Window: &final},
		{Version: 8, Position: batch.Position{SequenceNumber: "8"}, Window: &big},
		{Version: 9, Position: batch.Position{SequenceNumber: "8"}, Window: &empty},
		{Version: 10, Position: batch.Position{SequenceNumber: "9"}},
		{Version: 11, Position: batch.Position{SequenceNumber: "9"}, ResolvedUpTo: start, ClosedUpTo: start.Add(time.Hour + time.Millisecond)},
		{Version: 12, Position: batch.Position{SequenceNumber: "9"}, ShardStart: "8"},
		{Version: 13, Position: batch.Position{SequenceNumber: "9"}, StreamCreated: start},
		{Version: 14, Position: batch.Position{SequenceNumber: "9"}, Window: &window, ResolvedUpTo: start, ShardStart: long, StreamCreated: start.Add(time.Second)},
		{Version: 15, Position: batch.Position{SequenceNumber: "9"}},
		{Version: 1 << 60, Position: batch.Position{SequenceNumber: long}, End: true},
	}
	lease, _ := f.acquire("a")
	for _, want := range cases {
		f.commit(lease, want)
		f.stored(want)
	}
	for i, want := range cases {
		lease, _ := f.acquireShard(strconv.Itoa(i), "a")
		f.commit(lease, want)
		f.release(lease)
		_, got := f.acquireShard(strconv.Itoa(i), "b")
		equal(f, want, got)
	}
}

// testLargeStates commits states up to Lambda's limit, so large that a store may have to keep them elsewhere, one after
// the other with small ones in between.
func testLargeStates(f *fixture) {
	lease, _ := f.acquire("a")
	for i, size := range []int{1 << 20, 400 << 10, 1, 1 << 20, 1<<20 - 1} {
		state := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(state) // it cannot be compressed; it never fails
		want := at(uint64(i+1), i)
		want.Window = &batch.Window{Start: start, End: start.Add(time.Minute), State: state}
		f.commit(lease, want)
		got := f.progress(f.mapping)[shard]
		require.NotNil(f, got.Window)
		require.True(f, bytes.Equal(state, got.Window.State), "%d bytes came back as others, %d of them", size, len(got.Window.State))
		f.release(lease)
		lease, got = f.acquire("b")
		require.NotNil(f, got.Window)
		require.True(f, bytes.Equal(state, got.Window.State), "%d bytes came back as others, %d of them", size, len(got.Window.State))
	}
	want := at(9, 9)
	f.commit(lease, want)
	f.stored(want)
}

func testManyShards(f *fixture) {
	const shards = 1500
	name := func(i int) string { return fmt.Sprintf("shardId-%012d", i) }
	var g errgroup.Group
	g.SetLimit(64)
	for i := range shards {
		g.Go(func() error {
			lease, _, err := f.store.Acquire(f.Context(), f.mapping, name(i), "a")
			if err != nil {
				return err
			}
			return f.store.Commit(f.Context(), lease, at(1, i))
		})
	}
	require.NoError(f, g.Wait())
	all := f.progress(f.mapping)
	require.Len(f, all, shards)
	for i := range shards {
		if !equal(f, at(1, i), all[name(i)]) {
			return
		}
	}
}

func testMappingsApart(f *fixture) {
	names := []string{f.mapping, f.mapping + "2", f.mapping + "/2", "2" + f.mapping}
	for i, name := range names {
		lease, p, err := f.store.Acquire(f.Context(), name, shard, "a")
		require.NoError(f, err)
		assert.Zero(f, p, "mapping %s", name)
		f.commit(lease, at(1, i))
	}
	for i, name := range names {
		all := f.progress(name)
		require.Len(f, all, 1, "mapping %s", name)
		equal(f, at(1, i), all[shard])
	}
}

func testNames(f *fixture) {
	names := []string{
		"arn:aws:kinesis:us-east-1:123456789012:stream/orders=>arn:aws:lambda:us-east-1:123456789012:function:ship:PROD",
		"a b/c#d|e\\f\"g'h%i?j&k=l,m;n.o:p*q", "\u00e9\u4e16\U0001F980", "\x01\n", "0", "-", strings.Repeat("x", 500),
	}
	// Each pair of names comes in two splits, "x"+"yz" and "xy"+"z", that must not be the same shard.
	for i, name := range names {
		for j, split := range [][2]string{{f.mapping, name + "z"}, {f.mapping + name, "z"}} {
			lease, p, err := f.store.Acquire(f.Context(), split[0], split[1], name)
			require.NoError(f, err, "names %q", split)
			assert.Zero(f, p, "names %q", split)
			assert.Equal(f, name, lease.Owner)
			f.commit(lease, at(1, 2*i+j))
		}
	}
	all := f.progress(f.mapping)
	assert.Len(f, all, len(names))
	for i, name := range names {
		equal(f, at(1, 2*i), all[name+"z"])
		equal(f, at(1, 2*i+1), f.progress(f.mapping + name)["z"])
	}
}

func testNotShared(f *fixture) {
	withState := func() driver.Progress {
		p := at(1, 1)
		p.Window = &batch.Window{Start: start, End: start.Add(time.Minute), State: []byte(`{"n":1}`)}
		return p
	}
	spoil := func(p driver.Progress) {
		p.Window.State[0] = 'X'
		p.Window.End = p.Window.End.Add(time.Hour)
	}
	lease, _ := f.acquire("a")
	given := withState()
	f.commit(lease, given)
	equal(f, withState(), given)
	spoil(given)
	f.stored(withState())

	all := f.progress(f.mapping)
	spoil(all[shard])
	delete(all, shard)
	f.stored(withState())

	f.release(lease)
	lease, got := f.acquire("a")
	equal(f, withState(), got)
	spoil(got)
	f.stored(withState())
	f.release(lease)
	_, got = f.acquire("a")
	equal(f, withState(), got)
}
