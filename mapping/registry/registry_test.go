package registry_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/registry"
)

func TestCreateAnswersAWSsDefaults(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		in := orders()
		in.StartingPosition = "LATEST"
		pass(1234 * time.Millisecond)
		c, err := r.Create(t.Context(), in)
		require.NoError(t, err)
		wire, err := json.Marshal(c)
		require.NoError(t, err)
		assert.Regexp(t, `^\{"UUID":"[0-9a-f-]{36}","StartingPosition":"LATEST","BatchSize":100,"MaximumBatchingWindowInSeconds":0,`+
			`"ParallelizationFactor":1,"EventSourceArn":"`+streamARN+`","FunctionArn":"`+functionARN+`","LastModified":946684801.234,`+
			`"LastProcessingResult":"No records processed","State":"Creating","StateTransitionReason":"User action",`+
			`"DestinationConfig":\{"OnFailure":\{\}\},"MaximumRecordAgeInSeconds":-1,"BisectBatchOnFunctionError":false,`+
			`"MaximumRetryAttempts":-1,"TumblingWindowInSeconds":0,"FunctionResponseTypes":\[\],`+
			`"EventSourceMappingArn":"arn:aws:lambda:us-east-1:123456789012:event-source-mapping:[0-9a-f-]{36}"\}$`, string(wire))

		pass(1500 * time.Millisecond)
		got, err := r.Get(t.Context(), c.UUID)
		require.NoError(t, err)
		assert.Equal(t, registry.Enabled, got.State)
		assert.Equal(t, int64(946684800), got.LastModified.Unix(), "to the minute")
		require.NoError(t, r.stop())
	})
}

func TestStates(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		in := orders()
		in.Enabled = new(false)
		c, err := r.Create(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, registry.Creating, c.State)
		_, err = r.Update(t.Context(), c.UUID, registry.UpdateInput{})
		assert.Equal(t, registry.CodeResourceInUse, code(err))
		_, err = r.Delete(t.Context(), c.UUID)
		assert.Equal(t, registry.CodeResourceInUse, code(err))
		pass(2 * time.Second)
		assert.Equal(t, "Disabled", r.state(c.UUID))

		for _, step := range []struct {
			set  registry.Settings
			now  registry.State
			then string
		}{
			{registry.Settings{BatchSize: new(7)}, registry.Updating, "Disabled"},
			{registry.Settings{Enabled: new(true), BatchSize: new(8)}, registry.Enabling, "Enabled"},
			{registry.Settings{Enabled: new(true)}, registry.Updating, "Enabled"},
			{registry.Settings{BatchSize: new(9)}, registry.Updating, "Enabled"},
			{registry.Settings{Enabled: new(false)}, registry.Disabling, "Disabled"},
		} {
			c, err = r.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: step.set})
			require.NoError(t, err)
			assert.Equal(t, step.now, c.State)
			if n := step.set.BatchSize; n != nil {
				assert.Equal(t, *n, c.BatchSize, "the answer has the new values")
			}
			assert.Equal(t, string(step.now), r.state(c.UUID))
			pass(2 * time.Second)
			assert.Equal(t, step.then, r.state(c.UUID))
		}

		c, err = r.Delete(t.Context(), c.UUID)
		require.NoError(t, err)
		assert.Equal(t, registry.Deleting, c.State)
		assert.Equal(t, 9, c.BatchSize)
		assert.Equal(t, "Deleting", r.state(c.UUID))
		pass(2 * time.Second)
		_, err = r.Get(t.Context(), c.UUID)
		require.Error(t, err)
		assert.Equal(t, "registry: ResourceNotFoundException: The resource you requested does not exist.", err.Error())
		require.NoError(t, r.stop())
	})
}

// Disable, put, enable: what was put meanwhile is delivered, and nothing before it is repeated.
func TestPositionIsKeptOverDisableAndUpdate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		c := r.create(orders())
		w.put("1")
		pass(3 * time.Second)
		update := func(s registry.Settings, function *string) {
			_, err := r.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: s, FunctionName: function})
			require.NoError(t, err)
			pass(3 * time.Second)
		}
		update(registry.Settings{Enabled: new(false)}, nil)
		w.put("2")
		pass(time.Minute)
		assert.Equal(t, []string{"ship 1"}, w.delivered())
		update(registry.Settings{Enabled: new(true)}, nil)
		update(registry.Settings{ParallelizationFactor: new(3)}, nil)
		w.put("3")
		pass(3 * time.Second)
		update(registry.Settings{}, new("bill-orders"))
		w.put("4")
		pass(3 * time.Second)
		assert.Equal(t, []string{"ship 1", "ship 2", "ship 3", "bill 4"}, w.delivered())
		require.NoError(t, r.stop())

		r = w.start(w.config()) // another process, later
		w.put("5")
		pass(3 * time.Second)
		assert.Equal(t, []string{"ship 1", "ship 2", "ship 3", "bill 4", "bill 5"}, w.delivered())
		assert.Equal(t, "Enabled", r.state(c.UUID))
		require.NoError(t, r.stop())
	})
}

// A mapping that is deleted and created again has nothing of the old one.
func TestDeletedMappingIsForgotten(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		c := r.create(orders())
		w.put("1")
		pass(3 * time.Second)
		_, err := r.Delete(t.Context(), c.UUID)
		require.NoError(t, err)
		pass(3 * time.Second)
		r.create(orders())
		assert.Equal(t, []string{"ship 1", "ship 1"}, w.delivered())

		progress, err := w.store.Progress(t.Context(), c.UUID)
		require.NoError(t, err)
		assert.NotEmpty(t, progress, "somebody may still be at it")
		pass(2 * time.Minute)
		progress, err = w.store.Progress(t.Context(), c.UUID)
		require.NoError(t, err)
		assert.Empty(t, progress)
		rows, _, err := w.store.Definitions(t.Context())
		require.NoError(t, err)
		assert.Len(t, rows, 3, "the new mapping, its name and its result: %v", rows)
		require.NoError(t, r.stop())
	})
}

func TestUniqueness(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		c := r.create(orders())
		create := func(function string) error {
			in := orders()
			in.FunctionName = function
			_, err := r.Create(t.Context(), in)
			return err
		}
		for _, same := range []string{"ship-orders", functionARN, "123456789012:function:ship-orders", "ship-orders:$LATEST"} {
			err := create(same)
			require.Equal(t, registry.CodeResourceConflict, code(err), same)
		}
		e, _ := errors.AsType[*registry.Error](create("ship-orders"))
		assert.Equal(t, `The event source arn (" `+streamARN+` ") and function (" ship-orders ") provided mapping already exists. `+
			`Please update or delete the existing mapping with UUID `+c.UUID, e.Message)
		assert.Equal(t, 409, e.Status)
		require.NoError(t, create("ship-orders:blue"))
		require.NoError(t, create("ship-orders:1"))
		assert.Equal(t, registry.CodeResourceConflict, code(create("ship-orders:blue")))

		_, err := r.Update(t.Context(), c.UUID, registry.UpdateInput{FunctionName: new("ship-orders:blue")})
		require.Equal(t, registry.CodeResourceConflict, code(err))
		_, err = r.Update(t.Context(), c.UUID, registry.UpdateInput{FunctionName: new("bill-orders")})
		require.NoError(t, err)
		assert.Equal(t, registry.CodeResourceConflict, code(create("bill-orders")))
		pass(2 * time.Second)
		require.NoError(t, create("ship-orders"), "its name is free again")
		require.NoError(t, r.stop())
	})
}

func TestList(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		all := map[string]string{}
		for _, f := range []string{"ship-orders", "ship-orders:blue", "ship-orders:green", "bill-orders"} {
			in := orders()
			in.FunctionName, in.Enabled = f, new(false)
			c, err := r.Create(t.Context(), in)
			require.NoError(t, err)
			all[c.UUID] = f
		}
		list := func(in registry.ListInput) (functions []string, pages int) {
			for {
				out, err := r.List(t.Context(), in)
				require.NoError(t, err)
				pages++
				for _, c := range out.EventSourceMappings {
					functions = append(functions, all[c.UUID])
				}
				if out.NextMarker == "" {
					return functions, pages
				}
				in.Marker = out.NextMarker
			}
		}
		got, pages := list(registry.ListInput{MaxItems: new(1)})
		assert.ElementsMatch(t, []string{"ship-orders", "ship-orders:blue", "ship-orders:green", "bill-orders"}, got)
		assert.Equal(t, 4, pages)
		got, _ = list(registry.ListInput{FunctionName: "ship-orders"})
		assert.Equal(t, []string{"ship-orders"}, got)
		got, _ = list(registry.ListInput{FunctionName: functionARN + ":blue", EventSourceARN: streamARN})
		assert.Equal(t, []string{"ship-orders:blue"}, got)
		got, _ = list(registry.ListInput{FunctionName: "nobody"})
		assert.Empty(t, got)
		got, _ = list(registry.ListInput{EventSourceARN: streamARN + "2"})
		assert.Empty(t, got)
		for _, in := range []registry.ListInput{{MaxItems: new(0)}, {MaxItems: new(10_001)}} {
			_, err := r.List(t.Context(), in)
			assert.Equal(t, registry.CodeValidation, code(err))
		}
		_, err := r.List(t.Context(), registry.ListInput{Marker: "x"})
		assert.Equal(t, registry.CodeInvalidParameterValue, code(err))
		require.NoError(t, r.stop())
	})
}

func TestLastProcessingResult(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		in := orders()
		in.MaximumRetryAttempts = new(0)
		c := r.create(in)
		result := func(r *running) string {
			c, err := r.Get(t.Context(), c.UUID)
			require.NoError(t, err)
			return c.LastProcessingResult
		}
		assert.Equal(t, "No records processed", result(r))
		w.put("1")
		pass(2 * time.Second)
		assert.Equal(t, "OK", result(r))
		w.set(errors.New("no"), 0)
		w.put("2")
		pass(2 * time.Second)
		assert.Equal(t, "PROBLEM: Function call failed", result(r))

		other := w.start(w.config()) // a worker without a result of its own, which waits for the lease
		pass(10 * time.Second)
		assert.Equal(t, "PROBLEM: Function call failed", result(other))
		require.NoError(t, other.stop())
		w.set(nil, 0)
		w.put("3")
		pass(10 * time.Second)
		require.NoError(t, r.stop())

		r = w.start(w.config())
		pass(2 * time.Second)
		assert.Equal(t, "OK", result(r), "it outlives the process")
		require.NoError(t, r.stop())
	})
}

// A change takes force only when what ran has drained.
func TestChangeWaitsForTheDrain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.set(nil, 10*time.Second)
		r := w.start(w.config())
		c := r.create(orders())
		w.put("1")
		pass(2 * time.Second)
		_, err := r.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: registry.Settings{ParallelizationFactor: new(4)}})
		require.NoError(t, err)
		w.put("2")
		pass(5 * time.Second)
		assert.Equal(t, "Updating", r.state(c.UUID))
		assert.Equal(t, []string{"ship 1"}, w.delivered())
		pass(6 * time.Second)
		assert.Equal(t, "Enabled", r.state(c.UUID))
		assert.Equal(t, []string{"ship 1", "ship 2"}, w.delivered())
		pass(10 * time.Second)
		require.NoError(t, r.stop())
	})
}

// What keeps a mapping from running neither disables it nor ends the others.
func TestMappingThatCannotRunIsTriedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config()
		functions := cfg.Functions
		r := w.start(cfg)
		c := r.create(orders())
		require.NoError(t, r.stop())

		cfg.Functions = registry.FunctionMap{}
		r = w.start(cfg)
		pass(2 * time.Second)
		got, err := r.Get(t.Context(), c.UUID)
		require.NoError(t, err)
		assert.Equal(t, registry.Enabled, got.State)
		assert.Equal(t, "PROBLEM: Function does not exist", got.LastProcessingResult)
		_, err = r.Update(t.Context(), c.UUID, registry.UpdateInput{Settings: registry.Settings{BatchSize: new(5)}})
		require.NoError(t, err, "a mapping whose function is gone can be changed")
		pass(5 * time.Second)
		require.NoError(t, r.stop())

		cfg.Functions = functions
		r = w.start(cfg)
		w.put("1")
		pass(5 * time.Second)
		assert.Equal(t, []string{"ship 1"}, w.delivered())
		_, err = r.Delete(t.Context(), c.UUID)
		require.NoError(t, err)
		pass(2 * time.Second)
		require.NoError(t, r.stop())
	})
}

func TestTags(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := w.start(w.config())
		in := orders()
		in.Tags = map[string]string{"team": "shipping"}
		c := r.create(in)
		arn := c.EventSourceMappingARN
		require.NoError(t, r.TagResource(t.Context(), arn, map[string]string{"stage": "test", "team": "orders"}))
		require.NoError(t, r.UntagResource(t.Context(), arn, []string{"stage", "nothing"}))
		tags, err := r.ListTags(t.Context(), arn)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"team": "orders"}, tags)
		assert.Equal(t, "Enabled", r.state(c.UUID), "tags are no update")

		arn2 := arn[:len(arn)-1] + string("0123"[(arn[len(arn)-1]+1)%4])
		err = r.TagResource(t.Context(), arn2, map[string]string{"a": "b"})
		e, ok := errors.AsType[*registry.Error](err)
		require.True(t, ok)
		assert.Equal(t, registry.CodeResourceNotFound, e.Code)
		assert.Equal(t, "Event source mapping not found: "+arn2, e.Message)
		assert.Equal(t, registry.CodeValidation, code(r.TagResource(t.Context(), arn, nil)))
		assert.Equal(t, registry.CodeValidation, code(r.UntagResource(t.Context(), arn, nil)))
		many := map[string]string{}
		for i := range 50 {
			many[string(rune('一'+i))] = ""
		}
		assert.Equal(t, registry.CodeInvalidParameterValue, code(r.TagResource(t.Context(), arn, many)))
		assert.Equal(t, registry.CodeInvalidParameterValue, code(r.TagResource(t.Context(), arn, map[string]string{"AWS:x": ""})))
		require.NoError(t, r.stop())
	})
}
