package mapping_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

func TestRunReturnsWhatNothingCanComeOf(t *testing.T) {
	for name, err := range map[string]error{
		"stream":      &types.ResourceNotFoundException{},
		"permission":  &types.AccessDeniedException{},
		"credentials": &smithy.GenericAPIError{Code: "UnrecognizedClientException", Message: "The security token is invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				w.service.Fail(kinesistest.ListShards, err, 1)
				m, e := mapping.New(w.config())
				require.NoError(t, e)
				got := m.Run(t.Context())
				require.ErrorIs(t, got, err)
				assert.ErrorContains(t, got, streamARN)
			})
		})
	}
}

func TestMissingStreamIsNamedInAWSsWords(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.EventSourceARN += "-not"
		m, err := mapping.New(cfg)
		require.NoError(t, err)
		require.ErrorContains(t, m.Run(t.Context()), "Stream not found: "+cfg.EventSourceARN)
	})
}

func TestEndpointThatIsDownAtTheStartIsTriedAgain(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 3)
		w.service.Fail(kinesistest.ListShards, errors.New("connection refused"), 5)
		r := w.start(w.config())
		synctest.Wait()
		assert.Contains(t, r.Status().Problem, "connection refused")
		assert.Contains(t, r.Status().LastProcessingResult, "PROBLEM: ")
		pass(time.Minute)
		assert.Empty(t, r.Status().Problem)
		assert.Equal(t, numbers(0, 3), w.delivered())
		require.NoError(t, r.stop())
	})
}

func TestErrorsOfReadingNeverEndARun(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		r := w.start(w.config())
		synctest.Wait()
		w.service.Fail(kinesistest.GetRecords, &types.AccessDeniedException{Message: new("not authorized to perform: kinesis:GetRecords")}, 5)
		w.put(0, 3)
		pass(1200 * time.Millisecond)
		assert.Equal(t, "PROBLEM: not authorized to perform: kinesis:GetRecords", r.Status().LastProcessingResult)
		assert.Contains(t, r.Status().Shards[0].Waiting, "reading fails since ")
		pass(time.Minute)
		assert.Equal(t, numbers(0, 3), w.delivered())
		assert.Equal(t, "OK", r.Status().LastProcessingResult)
		require.NoError(t, r.stop())
	})
}

// unreadable is a Store whose progress is damaged.
type unreadable struct{ driver.Store }

func (unreadable) Progress(context.Context, string) (map[string]driver.Progress, error) {
	return nil, driver.ErrUnreadable
}

func TestProgressThatCannotBeReadIsNeverTakenForNone(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.put(0, 3)
		cfg := w.config()
		cfg.Store = unreadable{w.store}
		m, err := mapping.New(cfg)
		require.NoError(t, err)
		require.ErrorIs(t, m.Run(t.Context()), driver.ErrUnreadable)
		assert.Empty(t, w.delivered())
	})
}
