package role_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/role"
	"github.com/shardmill/shardmill/role/roletest"
)

// TestMappingPausesWithoutItsPermissionAndGoesOnWithIt is case 70, over HTTP, with the least that the mapping needs.
func TestMappingPausesWithoutItsPermissionAndGoesOnWithIt(t *testing.T) {
	w := newWorld(t, "")
	needs := role.Needs{Stream: w.orders.ARN()}
	w.setRole(document(t, needs))
	var records, invocations atomic.Int64
	m, err := mapping.New(mapping.Config{
		EventSourceARN:       w.orders.ARN(),
		FunctionName:         "ship-orders",
		StartingPosition:     mapping.TrimHorizon,
		BatchSize:            1,
		MaximumRetryAttempts: new(0),
		Read:                 mapping.ReadOptions{PollInterval: 200 * time.Millisecond},
		Client:               w.client(role.Role{}),
		Function: invoke.Func(func(_ context.Context, e *invoke.Event) error {
			invocations.Add(1)
			records.Add(int64(e.Len()))
			return nil
		}),
		Store:  mapping.NewMemoryStore(),
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	reach := func(n int64) {
		t.Helper()
		require.Eventually(t, func() bool { return records.Load() == n }, 20*time.Second, 10*time.Millisecond)
	}
	put := func() {
		_, _, err := w.orders.Put("k", []byte("x"))
		require.NoError(t, err)
	}
	put()
	reach(1)

	w.setRole(allow(t, "kinesis:ListShards", "kinesis:GetShardIterator"))
	refused := "PROBLEM: User: " + w.account.Sessions()[0].ARN + " is not authorized to perform: kinesis:GetRecords on resource: " +
		w.orders.ARN() + " because no identity-based policy allows the kinesis:GetRecords action"
	require.Eventually(t, func() bool { return m.Status().LastProcessingResult == refused }, 20*time.Second, 10*time.Millisecond,
		"it is %s", m.Status().LastProcessingResult)
	assert.True(t, m.Status().Running)
	put()
	assert.Equal(t, int64(1), records.Load())

	w.setRole(document(t, needs))
	reach(2)
	assert.Equal(t, int64(2), invocations.Load(), "no retry was spent")
	assert.Equal(t, "OK", m.Status().LastProcessingResult)
	assert.Len(t, w.account.Sessions(), 1)
}

func TestMappingWhoseRoleMayNotListDoesNotStart(t *testing.T) {
	w := newWorld(t, "")
	m, err := mapping.New(mapping.Config{
		EventSourceARN: w.orders.ARN(), FunctionName: "ship-orders", StartingPosition: mapping.TrimHorizon,
		Client: w.client(role.Role{}), Store: mapping.NewMemoryStore(), Logger: slog.New(slog.DiscardHandler),
		Function: invoke.Func(func(context.Context, *invoke.Event) error { return nil }),
	})
	require.NoError(t, err)
	err = m.Run(t.Context())
	require.ErrorAs(t, err, new(*types.AccessDeniedException))
	refused, ok := role.FromError(err)
	require.True(t, ok)
	assert.Equal(t, "kinesis:ListShards", refused.Action)
}

// roleMapping returns a mapping with the world's role, whose clients act as it.
func (w *world) roleMapping(f invoke.Invoker) *mapping.Mapping {
	w.t.Helper()
	p := w.provider(role.Role{})
	cfg := w.kinesis.Config()
	cfg.Credentials = p
	m, err := mapping.New(mapping.Config{
		EventSourceARN: w.orders.ARN(), FunctionName: "ship-orders", StartingPosition: mapping.TrimHorizon,
		Client: kinesis.NewFromConfig(cfg), Role: p, Store: mapping.NewMemoryStore(), Logger: slog.New(slog.DiscardHandler),
		Function: f,
	})
	require.NoError(w.t, err)
	return m
}

// TestMappingWhoseRoleLacksAPermissionFailsWithAWSsText is cases 20 and 22, at the start of a mapping, over HTTP.
func TestMappingWhoseRoleLacksAPermissionFailsWithAWSsText(t *testing.T) {
	w := newWorld(t, "")
	nothing := invoke.Func(func(context.Context, *invoke.Event) error { return nil })
	text := "Cannot access stream " + w.orders.ARN() + ". Please ensure the role can perform the GetRecords, GetShardIterator, " +
		"DescribeStream, DescribeStreamSummary, ListShards, and ListStreams Actions on your stream."
	for missing, allowed := range map[string][]string{
		"kinesis:GetRecords":       {"kinesis:ListShards", "kinesis:GetShardIterator"},
		"kinesis:GetShardIterator": {"kinesis:ListShards", "kinesis:GetRecords"},
		"kinesis:ListShards":       {"kinesis:GetRecords", "kinesis:GetShardIterator"},
	} {
		w.setRole(allow(t, allowed...))
		err := w.roleMapping(nothing).Run(t.Context())
		var refused *role.AccessError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, missing, refused.Action)
		require.ErrorContains(t, err, text)
	}
}

// TestMappingWhoseRoleCannotBeAssumedDoesNotStart has a role that trusts somebody else.
func TestMappingWhoseRoleCannotBeAssumedDoesNotStart(t *testing.T) {
	w := newWorld(t, "")
	trust, err := role.TrustPolicy(role.Trust{Principals: []string{"arn:aws:iam::123456789012:user/other"}})
	require.NoError(t, err)
	require.NoError(t, w.account.SetRole(roletest.Role{ARN: shipARN, Trust: string(trust)}))
	err = w.roleMapping(invoke.Func(func(context.Context, *invoke.Event) error { return nil })).Run(t.Context())
	require.ErrorAs(t, err, new(*role.AccessError))
	require.ErrorContains(t, err, "Please add Lambda as a Trusted Entity")
}

// TestEventsTellTheRole is case 33, with no more than Config.Needs says the role must be allowed.
func TestEventsTellTheRole(t *testing.T) {
	w := newWorld(t, "")
	w.setRole(document(t, mapping.Config{EventSourceARN: w.orders.ARN()}.Needs()))
	_, _, err := w.orders.Put("k", []byte("x"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	identity := ""
	m := w.roleMapping(invoke.Func(func(_ context.Context, e *invoke.Event) error {
		identity = e.Origin.InvokeIdentityARN
		cancel()
		return nil
	}))
	require.NoError(t, m.Run(ctx))
	assert.Equal(t, shipARN, identity)
}
