package poller_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

// readable returns a Logger that writes nothing, and fails the test at a line, of any level, that JSON shows as a bare number of
// nanoseconds.
func readable(t testing.TB) *slog.Logger { return slog.New(readableHandler{t}) }

type readableHandler struct{ t testing.TB }

func (h readableHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h readableHandler) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		assert.NotEqual(h.t, slog.KindDuration, a.Value.Kind(), "%q: %s is a bare number of nanoseconds in JSON", r.Message, a.Key)
		return true
	})
	return nil
}

func (h readableHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h readableHandler) WithGroup(string) slog.Handler { return h }
