package dynamostore_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

var anchorStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestLostAnswersOfSettleAnchor: the anchor is settled once, whatever became of the answer.
func TestLostAnswersOfSettleAnchor(t *testing.T) {
	db := server(t)
	for name, f := range map[string]fault{"the SDK did it twice": twice, "the caller asks again": lostReply, "it never arrived": lostCall} {
		t.Run(name, func(t *testing.T) {
			c := &cutter{Client: db}
			s := open(t, c, t.Name())
			_, err := s.Anchor(t.Context(), t.Name(), anchorStart)
			require.NoError(t, err)
			back := anchorStart.Add(-8 * time.Hour)
			c.next(none, f)
			got, err := s.SettleAnchor(t.Context(), t.Name(), back)
			if f != twice {
				require.ErrorIs(t, err, errCut)
				got, err = s.SettleAnchor(t.Context(), t.Name(), back)
			}
			require.NoError(t, err)
			assert.Equal(t, back, got)
			got, err = s.SettleAnchor(t.Context(), t.Name(), back.Add(-time.Hour))
			require.NoError(t, err)
			assert.Equal(t, back, got)
		})
	}
}

func TestAnchorItem(t *testing.T) {
	db := server(t)
	s := open(t, db, "a")
	_, err := s.Anchor(t.Context(), orders, anchorStart)
	require.NoError(t, err)
	want := item{"part": str("mapping/" + orders), "item": str("anchor"), "anchor": str("2026-01-02T03:04:05Z")}
	key := item{"part": want["part"], "item": want["item"]}
	assert.Equal(t, want, get(t, db, dynamostore.DefaultTable, key))
	_, err = s.SettleAnchor(t.Context(), orders, anchorStart.Add(-1))
	require.NoError(t, err)
	want["anchor"], want["settled"] = str("2026-01-02T03:04:04.999999999Z"), &types.AttributeValueMemberBOOL{Value: true}
	assert.Equal(t, want, get(t, db, dynamostore.DefaultTable, key))
	want["anchor"] = str("x")
	put(t, db, dynamostore.DefaultTable, want)
	_, err = s.SettleAnchor(t.Context(), orders, anchorStart)
	require.ErrorIs(t, err, driver.ErrUnreadable)
}
