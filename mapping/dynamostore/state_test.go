package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

// largest is Lambda's limit of a state.
const largest = 1 << 20

// withState returns progress whose window has a state of the size that nothing can deflate, another one each version.
func withState(version uint64, size int) driver.Progress {
	p := at(version, int(version))
	state := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(version), byte(version >> 8)}).Read(state) // it never fails
	p.Window = &batch.Window{Start: time.Unix(0, 0).UTC(), End: time.Unix(900, 0).UTC(), State: state}
	return p
}

// progressOf reads what is stored for the shard.
func progressOf(t testing.TB, s driver.Store) driver.Progress {
	t.Helper()
	all, err := s.Progress(t.Context(), orders)
	require.NoError(t, err)
	return all[shard0]
}

func TestStatesOfAllSizesComeBack(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	held, _ := acquire(t, s, orders)
	version := uint64(0)
	check := func(state []byte) {
		version++
		p := withState(version, 0)
		p.Window.State = state
		require.NoError(t, s.Commit(t.Context(), held, p))
		got := progressOf(t, s)
		require.Equal(t, len(state), len(got.Window.State))
		assert.True(t, string(state) == string(got.Window.State), "%d bytes", len(state))
		require.NoError(t, s.Release(t.Context(), held))
		held, got = acquire(t, s, orders)
		assert.True(t, string(state) == string(got.Window.State), "%d bytes", len(state))
	}
	for _, size := range []int{0, 1, 1 << 10, 32 << 10, 32<<10 + 1, 384 << 10, 384<<10 + 1, 3 * 384 << 10, largest, 10, largest + 64, largest} {
		check(withState(uint64(size), size).Window.State)
	}
	check([]byte(`{"x":"` + strings.Repeat("orders ", largest/7) + `"}`)) // which deflates into the row

	// However many there were, they are in two slots.
	pieces := 0
	for _, i := range scan(t, db, dynamostore.DefaultTable) {
		if strings.HasPrefix(i["item"].(*types.AttributeValueMemberS).Value, "state/") {
			pieces++
		}
	}
	assert.LessOrEqual(t, pieces, 2*3)
}

// TestStateAndPositionAreNeverMixed breaks a commit at each of its writes, in each way, and reads as a process does that
// is started then: the position and the state must be of one commit. After that the first process goes on.
func TestStateAndPositionAreNeverMixed(t *testing.T) {
	db := server(t)
	const size, writes = 385 << 10, 3 // two pieces and the row
	for name, f := range map[string]fault{"lost call": lostCall, "lost reply": lostReply, "done twice": twice, "throttled": throttled} {
		for broken := range writes {
			t.Run(fmt.Sprintf("%s at write %d", name, broken), func(t *testing.T) {
				c := &cutter{Client: db}
				s := open(t, c, t.Name())
				held, _ := acquire(t, s, t.Name())
				var version uint64
				commit := func() error {
					version++
					return s.Commit(t.Context(), held, withState(version, size))
				}
				consistent := func() uint64 {
					t.Helper()
					all, err := open(t, db, "reader").Progress(t.Context(), t.Name())
					require.NoError(t, err)
					got := all[shard0]
					want := withState(got.Version, size)
					require.True(t, string(want.Window.State) == string(got.Window.State), "the state is not that of version %d", got.Version)
					require.Equal(t, want.Position, got.Position)
					return got.Version
				}
				require.NoError(t, commit())
				for range 3 { // more often than there are slots in the normal case
					c.next(append(make([]fault, broken), f)...)
					if err := commit(); f == twice {
						require.NoError(t, err)
					} else {
						require.Error(t, err)
					}
					consistent()
				}
				// Now the next commit's pieces arrive, and its row does not: what is stored must not have been touched.
				c.next(none, none, lostCall)
				require.Error(t, commit())
				consistent()
				require.NoError(t, commit())
				assert.Equal(t, version, consistent())
			})
		}
	}
}

func TestReaderSeesWholeStatesWhileTheyAreWritten(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	held, _ := acquire(t, s, orders)
	require.NoError(t, s.Commit(t.Context(), held, withState(1, largest)))
	ctx, cancel := context.WithCancel(t.Context())
	var g errgroup.Group
	g.Go(func() error {
		for v := uint64(2); ctx.Err() == nil; v++ {
			if err := s.Commit(t.Context(), held, withState(v, largest)); err != nil {
				return err
			}
		}
		return nil
	})
	for range 10 {
		all, err := s.Progress(t.Context(), orders)
		if !assert.NoError(t, err) {
			break
		}
		got := all[shard0]
		assert.True(t, string(withState(got.Version, largest).Window.State) == string(got.Window.State), "version %d is mixed", got.Version)
	}
	cancel()
	require.NoError(t, g.Wait())
}

func TestPausedOwnerCannotTouchTheNextOnesState(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	old, _ := acquire(t, s, orders)
	require.NoError(t, s.Commit(t.Context(), old, withState(1, largest)))
	next := open(t, db, "a")
	held, _ := acquire(t, next, orders)
	for v := uint64(1); v <= 4; v++ {
		require.NoError(t, next.Commit(t.Context(), held, withState(v, largest)))
		require.ErrorIs(t, s.Commit(t.Context(), old, withState(100+v, largest)), driver.ErrLeaseLost)
		assert.True(t, string(withState(v, largest).Window.State) == string(progressOf(t, next).Window.State), "version %d", v)
	}
}

func TestMissingPieceIsUnreadable(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	held, _ := acquire(t, s, orders)
	require.NoError(t, s.Commit(t.Context(), held, withState(1, largest)))
	require.NoError(t, s.Release(t.Context(), held))
	table := dynamostore.DefaultTable
	_, err := db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: item{
		"part": str("mapping/" + orders), "item": str(fmt.Sprintf("state/%d:%s/1/0001", len(shard0), shard0)),
	}, ConditionExpression: strp("attribute_exists(part)")})
	require.NoError(t, err)
	_, err = s.Progress(t.Context(), orders)
	require.ErrorIs(t, err, driver.ErrUnreadable)
	_, _, err = s.Acquire(t.Context(), orders, shard0, "owner")
	require.ErrorIs(t, err, driver.ErrUnreadable)
	assert.False(t, errors.Is(err, driver.ErrLeaseHeld))
}

func strp(s string) *string { return &s }
