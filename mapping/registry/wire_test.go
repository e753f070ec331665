package registry

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/registry/internal/lambdaapi"
)

// fill sets every field of a value, exported or not, to something other than its zero value.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_789_811_731, 0)))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0))
		fill(t, v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf("text"))
	case reflect.String:
		v.SetString("text")
	case reflect.Int:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("%s has no value here", v.Type())
	}
}

// requireWhole requires that no field within v has its zero value.
func requireWhole(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	require.False(t, v.IsZero(), path)
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			requireWhole(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		requireWhole(t, v.Elem(), path)
	case reflect.Slice:
		require.Equal(t, 2, v.Len(), path)
		requireWhole(t, v.Index(1), path)
	}
}

// A field that a conversion forgets would be lost without an error.
func TestEveryFieldOfARequestArrives(t *testing.T) {
	var w lambdaapi.Settings
	fill(t, reflect.ValueOf(&w).Elem())
	requireWhole(t, reflect.ValueOf(readSettings(&w)), "Settings")
	assert.Equal(t, Settings{}, readSettings(&lambdaapi.Settings{}), "what is absent stays absent")
	empty := readSettings(&lambdaapi.Settings{FunctionResponseTypes: []string{}, FilterCriteria: &lambdaapi.FilterCriteria{}})
	assert.Equal(t, Settings{FunctionResponseTypes: []string{}, FilterCriteria: &FilterCriteria{}}, empty, "what is empty is not absent")
}

func TestEveryFieldOfAMappingIsInItsAnswer(t *testing.T) {
	w := wireConfiguration(&Configuration{})
	assert.Equal(t, lambdaapi.Configuration{}, w)
	c := Configuration{
		DestinationConfig: DestinationConfig{OnFailure: OnFailure{"text"}},
		FilterCriteria:    &FilterCriteria{Filters: []Filter{{"a"}, {"b"}}}, MetricsConfig: &MetricsConfig{Metrics: []string{"a", "b"}},
	}
	for v, i := reflect.ValueOf(&c).Elem(), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			fill(t, v.Field(i))
		}
	}
	w = wireConfiguration(&c)
	assert.False(t, w.DestinationConfig.OnSuccess, "no answer has one")
	w.DestinationConfig.OnSuccess = true
	requireWhole(t, reflect.ValueOf(w), "Configuration")
}

func TestErrorsCrossTheWire(t *testing.T) {
	cause := errors.New("the store is gone")
	for want, err := range map[lambdaapi.Error]error{
		{Code: CodeTooManyRequests, Status: 429, Type: "User", Message: "Rate exceeded"}: contended(),
		{
			Code: CodeResourceNotFound, Status: 404, Type: "User", Message: "The resource you requested does not exist.",
		}: fmt.Errorf("of an operation: %w", notFound()),
		{
			Code: CodeService, Status: 500, Type: "Service", Message: "An error occurred and the request cannot be processed.", Err: cause,
		}: failed(cause),
	} {
		assert.Equal(t, &want, wireError(err))
	}
	assert.Equal(t, context.Canceled, wireError(context.Canceled))
	assert.NoError(t, wireError(nil))
}
