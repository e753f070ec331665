package registry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

const resultFailed = "PROBLEM: Function call failed"

func (r *running) result(uuid string) string {
	r.w.t.Helper()
	c, err := r.Get(r.w.t.Context(), uuid)
	require.NoError(r.w.t, err)
	return c.LastProcessingResult
}

// failed creates a mapping that tries nothing twice, and has it fail.
func (r *running) failed() registry.Configuration {
	r.w.t.Helper()
	in := orders()
	in.MaximumRetryAttempts = new(0)
	c := r.create(in)
	r.w.set(errors.New("no"), 0)
	r.w.put("1")
	pass(2 * time.Second)
	require.Equal(r.w.t, resultFailed, r.result(c.UUID))
	return c
}

// A result is not lost with what it came of: a mapping that is changed, disabled or stopped right after it.
func TestResultOutlivesWhatItCameOf(t *testing.T) {
	for name, end := range map[string]func(r *running, uuid string){
		"update": func(r *running, uuid string) {
			_, err := r.Update(r.w.t.Context(), uuid, registry.UpdateInput{Settings: registry.Settings{BatchSize: new(7)}})
			require.NoError(r.w.t, err)
		},
		"disable": func(r *running, uuid string) {
			_, err := r.Update(r.w.t.Context(), uuid, registry.UpdateInput{Settings: registry.Settings{Enabled: new(false)}})
			require.NoError(r.w.t, err)
		},
		"stop": func(r *running, _ string) { r.cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				r := w.start(w.config())
				c := r.failed()
				w.set(nil, 2*time.Second) // the result comes while it drains
				w.put("2")
				pass(1100 * time.Millisecond)
				end(r, c.UUID)
				pass(2 * time.Second)
				for range 20 {
					assert.Equal(t, "OK", r.result(c.UUID))
					pass(500 * time.Millisecond)
				}
				require.NoError(t, r.stop())
				r = w.start(w.config())
				pass(2 * time.Second)
				assert.Equal(t, "OK", r.result(c.UUID), "it is stored")
				require.NoError(t, r.stop())
			})
		})
	}
}

// The result of a worker that is gone does not stand for ever against that of one who processes.
func TestResultOfAWorkerThatIsGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		c := r.create(orders())
		w.put("1")
		pass(10 * time.Second)
		cfg := w.config()
		cfg.Functions = registry.Functions{}
		other := w.start(cfg)
		pass(10 * time.Second)
		require.NoError(t, other.stop())
		assert.Equal(t, "PROBLEM: Function does not exist", r.result(c.UUID))
		pass(time.Minute)
		w.put("2")
		pass(10 * time.Second)
		assert.Equal(t, "OK", r.result(c.UUID))
		require.NoError(t, r.stop())
	})
}

// deaf is a client whose ListShards takes long and is refused then.
type deaf struct{ *kinesistest.Client }

func (deaf) ListShards(ctx context.Context, _ *kinesis.ListShardsInput, _ ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	select {
	case <-time.After(7 * time.Second):
		return nil, &types.AccessDeniedException{Message: new("not authorized to perform: kinesis:ListShards")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// What keeps a mapping from running is its result while it is tried again, too.
func TestResultDoesNotFlap(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		c := r.create(orders())
		require.NoError(t, r.stop())
		cfg := w.config()
		cfg.Client = deaf{w.service.Client()}
		r = w.start(cfg)
		pass(10 * time.Second)
		for range 120 {
			assert.Equal(t, "PROBLEM: not authorized to perform: kinesis:ListShards", r.result(c.UUID))
			pass(time.Second)
		}
		require.NoError(t, r.stop())
		r = w.start(w.config())
		pass(10 * time.Second)
		w.put("1")
		pass(10 * time.Second)
		assert.Equal(t, "OK", r.result(c.UUID))
		require.NoError(t, r.stop())
	})
}
