package mapping

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/internal/callback"
	"github.com/shardmill/shardmill/mapping/observe"
)

// TestEveryFunctionOfAnObserverIsGuarded sets each field of an Observer, those of the future too, to a function that does
// not return.
func TestEveryFunctionOfAnObserverIsGuarded(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			var o observe.Observer
			fields := reflect.ValueOf(&o).Elem()
			called := 0
			for i := range fields.NumField() {
				fields.Field(i).Set(reflect.MakeFunc(fields.Field(i).Type(), func([]reflect.Value) []reflect.Value {
					called++
					end()
					return nil
				}))
			}
			o = guardObserver(&o, callback.Guard{})
			for i := range fields.NumField() {
				f := fields.Field(i)
				require.False(t, f.IsNil(), "%s is not guarded", fields.Type().Field(i).Name)
				f.Call([]reflect.Value{reflect.Zero(f.Type().In(0))})
			}
			assert.Equal(t, fields.NumField(), called)
		})
	}
	none := reflect.ValueOf(guardObserver(&observe.Observer{}, callback.Guard{}))
	for i := range none.NumField() {
		assert.True(t, none.Field(i).IsNil(), "a function that is not set stays so")
	}
}
