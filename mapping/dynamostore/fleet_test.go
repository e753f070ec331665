package dynamostore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
	"github.com/shardmill/shardmill/mapping/storetest"
)

var (
	_ driver.FleetStore      = (*dynamostore.FleetStore)(nil)
	_ driver.DefinitionStore = (*dynamostore.FleetStore)(nil)
)

func TestStoreOfOneProcessIsNoFleetStore(t *testing.T) {
	var s driver.Store = (*dynamostore.Store)(nil)
	_, shared := s.(driver.FleetStore)
	assert.False(t, shared)
}

func TestNewFleetRefusesWhatNewRefuses(t *testing.T) {
	_, err := dynamostore.NewFleet(dynamostore.Options{})
	require.ErrorContains(t, err, "Client is required")
}

// openFleet returns the FleetStore of a process that was just started.
func openFleet(t testing.TB, client dynamostore.Client, change ...func(*dynamostore.Options)) *dynamostore.FleetStore {
	t.Helper()
	o := dynamostore.Options{Client: client, Worker: "worker"}
	for _, c := range change {
		c(&o)
	}
	s, err := dynamostore.NewFleet(o)
	require.NoError(t, err)
	return s
}

// small has pages of two rows.
type small struct{ *cutter }

func (s small) Scan(ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	in.Limit = aws.Int32(2)
	return s.cutter.Scan(ctx, in, opts...)
}

func (s small) Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	in.Limit = aws.Int32(2)
	return s.cutter.Query(ctx, in, opts...)
}

// pages reads all pages of a kind of rows, in the order of their names.
func pages[T any](t testing.TB, page func(context.Context, string) ([]T, string, error), name func(T) string) []T {
	t.Helper()
	all := []T{}
	for mark, more := "", true; more; more = mark != "" {
		rows, next, err := page(t.Context(), mark)
		require.NoError(t, err)
		all, mark = append(all, rows...), next
	}
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(name(a), name(b)) })
	return all
}

func workers(t testing.TB, f driver.FleetTable) []driver.FleetWorker {
	t.Helper()
	return pages(t, f.Workers, func(w driver.FleetWorker) string { return w.Incarnation })
}

func leases(t testing.TB, f driver.FleetTable) []driver.FleetLease {
	t.Helper()
	return pages(t, f.Leases, func(l driver.FleetLease) string { return l.Shard })
}

// pair makes each call to the reference and to the table, and holds what they answer against each other.
type pair struct {
	*testing.T
	r       *rand.Rand
	client  *cutter
	memory  *fleet.Memory
	table   driver.FleetTable
	seen    []driver.FleetLease // images of rows, some of long ago
	at      int                 // positions grow
	refused int
	done    int
}

// both makes a call that was planned to go wrong on its way, until it is answered.
func (p *pair) both(what string, call func(driver.FleetTable) error) {
	p.Helper()
	again := false
	if p.r.IntN(3) == 0 {
		p.client.next([]fault{lostReply, twice, lostCall, throttled}[p.r.IntN(4)])
	}
	err := call(p.table)
	for errors.Is(err, errCut) || errors.Is(err, dynamostore.ErrThrottled) {
		again = true
		err = call(p.table)
	}
	want := call(p.memory)
	require.Equal(p, want, choose(errors.Is(err, driver.ErrFleetRefused), want, err), "%s (made again: %t): %v, want %v", what, again, err, want)
	if err == nil {
		p.done++
	} else {
		p.refused++
	}
}

// choose returns the refusal of the reference where ours is one too: their texts differ.
func choose(refused bool, want, err error) error {
	if refused && errors.Is(want, driver.ErrFleetRefused) {
		return want
	}
	return err
}

func (p *pair) same() {
	p.Helper()
	rows := leases(p, p.memory)
	require.Equal(p, rows, leases(p, p.table))
	require.Equal(p, workers(p, p.memory), workers(p, p.table))
	for _, row := range rows {
		want, stored := p.memory.Checkpoint(row.Shard)
		got, ok, err := p.table.Load(p.Context(), row.Shard)
		require.NoError(p, err)
		require.Equal(p, stored, ok, row.Shard)
		require.Equal(p, want, got, row.Shard)
		p.seen = append(p.seen, row)
	}
}

func (p *pair) incarnation() string { return string(rune('a' + p.r.IntN(4))) }
func (p *pair) shard() string       { return fmt.Sprintf("shard-%d", p.r.IntN(4)) }

// lease returns an image that was once true, mostly a late one.
func (p *pair) lease() driver.FleetLease {
	if len(p.seen) == 0 || p.r.IntN(6) == 0 {
		return driver.FleetLease{Shard: p.shard()}
	}
	last := p.seen[max(0, len(p.seen)-1-p.r.IntN(5)):]
	return last[0]
}

// checkpoint returns one that goes on behind all others. A shard that is finished stays so.
func (p *pair) checkpoint(shard string) driver.FleetCheckpoint {
	p.at++
	m := driver.Progress{Version: p.r.Uint64N(6), Position: batch.Position{SequenceNumber: strconv.Itoa(1000 + p.at)}}
	before, _ := p.memory.Checkpoint(shard)
	m.End = before.Finished || p.r.IntN(20) == 0
	if p.r.IntN(3) == 0 {
		state := make([]byte, []int{10, 50 << 10, 500 << 10}[p.r.IntN(3)])
		for i := range state {
			state[i] = byte(p.r.Uint32())
		}
		m.Window = &batch.Window{Start: time.Unix(60, 0).UTC(), End: time.Unix(120, 0).UTC(), State: state}
	}
	return driver.FleetCheckpoint{Version: m.Version, Finished: m.End, Rate: p.r.Int64N(1e6), Value: m}
}

// step makes one call.
func (p *pair) step() {
	p.Helper()
	ctx := p.Context()
	w, l := p.incarnation(), p.lease()
	switch p.r.IntN(8) {
	case 0, 1:
		row := driver.FleetWorker{Incarnation: w, Counter: p.r.Uint64N(8), Leaving: p.r.IntN(2) == 0, Generation: p.r.Uint64()}
		for range p.r.IntN(3) {
			row.Asks = append(row.Asks, driver.FleetAsk{Shard: p.shard() + "/a", Epoch: p.r.Uint64()})
		}
		join := p.r.IntN(2) == 0
		p.both(fmt.Sprintf("heartbeat %v, join %t", row, join), func(f driver.FleetTable) error { return f.Heartbeat(ctx, row, join) })
	case 2:
		counter := p.r.Uint64N(8)
		p.both(fmt.Sprintf("close %s at %d", w, counter), func(f driver.FleetTable) error { return f.Close(ctx, w, counter) })
	case 3:
		switch p.r.IntN(3) {
		case 0:
			p.both("retire "+w, func(f driver.FleetTable) error { return f.Retire(ctx, w) })
		default:
			p.both("remove "+w, func(f driver.FleetTable) error { return f.Remove(ctx, w) })
		}
	case 4, 5:
		rows := map[bool]driver.FleetLease{}
		p.both(fmt.Sprintf("take %s for %s", l, w), func(f driver.FleetTable) (err error) {
			rows[f == p.table], err = f.Take(ctx, l, w)
			return err
		})
		require.Equal(p, rows[false], rows[true])
	case 6:
		if l.Owner != "" {
			c := p.checkpoint(l.Shard)
			p.both(fmt.Sprintf("commit %s, version %d", l, c.Version), func(f driver.FleetTable) error { return f.Commit(ctx, l, c) })
		}
	case 7:
		if l.Owner != "" {
			p.both("release "+l.String(), func(f driver.FleetTable) error { return f.Release(ctx, l) })
		}
	}
}

func TestFleetTableIsLikeTheReference(t *testing.T) {
	db := server(t)
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			client := &cutter{Client: db}
			p := &pair{
				T: t, r: rand.New(rand.NewPCG(seed, 1)), client: client,
				memory: fleet.NewMemory(2), table: openFleet(t, small{client}).Fleet(fmt.Sprint(seed)),
			}
			for range 150 {
				p.step()
				p.same()
			}
			assert.Greater(t, p.done, 50)
			assert.Greater(t, p.refused, 10)
		})
	}
}

func TestOneOfManyTakes(t *testing.T) {
	db := server(t)
	seen := driver.FleetLease{Shard: shard0}
	for round := range 3 {
		var mu sync.Mutex
		var won []driver.FleetLease
		var all sync.WaitGroup
		for i := range 8 {
			table := openFleet(t, db).Fleet(orders)
			all.Go(func() {
				row, err := table.Take(t.Context(), seen, fmt.Sprintf("%d/%d", round, i))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, row)
				} else {
					assert.ErrorIs(t, err, driver.ErrFleetRefused)
				}
			})
		}
		all.Wait()
		require.Len(t, won, 1)
		assert.Equal(t, uint64(round+1), won[0].Epoch)
		assert.Equal(t, won, leases(t, openFleet(t, db).Fleet(orders)))
		seen = won[0] // the next ones take it from its owner
	}
}

func TestTakenLeaseIsFencedAgainstItsOwnerBefore(t *testing.T) {
	db := server(t)
	a, b := openFleet(t, db).Fleet(orders), openFleet(t, db).Fleet(orders)
	had, err := a.Take(t.Context(), driver.FleetLease{Shard: shard0}, "a")
	require.NoError(t, err)
	state := bytes.Repeat([]byte("0123456789abcdef"), 10)
	p := at(1, 10)
	p.Window = &batch.Window{Start: time.Unix(0, 0).UTC(), End: time.Unix(60, 0).UTC(), State: state}
	require.NoError(t, a.Commit(t.Context(), had, driver.FleetCheckpoint{Version: 1, Rate: 7, Value: p}))
	has, err := b.Take(t.Context(), had, "b")
	require.NoError(t, err)
	assert.Equal(t, driver.FleetLease{Shard: shard0, Owner: "b", Epoch: 2, Begun: true, Rate: 7}, has)
	require.ErrorIs(t, a.Commit(t.Context(), had, driver.FleetCheckpoint{Version: 2, Value: at(2, 11)}), driver.ErrFleetRefused)
	require.NoError(t, a.Release(t.Context(), had))
	got, ok, err := b.Load(t.Context(), shard0)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, driver.FleetCheckpoint{Version: 1, Rate: 7, Value: p}, got)
	assert.Equal(t, []driver.FleetLease{has}, leases(t, a))
}

func TestFleetStoreConforms(t *testing.T) {
	db := server(t)
	storetest.Run(t, func(t *testing.T) driver.Store { return openFleet(t, db) })
	storetest.RunFleet(t, func(t *testing.T) driver.FleetStore { return openFleet(t, db) })
}
