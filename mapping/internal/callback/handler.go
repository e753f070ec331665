package callback

import (
	"context"
	"log/slog"
)

// Handler returns a slog.Handler that calls h. A failure of h only loses its line, because there is nowhere to log it.
func Handler(h slog.Handler) slog.Handler {
	if _, ok := h.(*handler); ok {
		return h
	}
	return &handler{h}
}

type handler struct{ h slog.Handler }

// Enabled implements slog.Handler. It is called for each line. That of the standard library's handlers calls no user
// code but a slog.Leveler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	switch h.h.(type) {
	case *slog.TextHandler, *slog.JSONHandler:
		return h.h.Enabled(ctx, level)
	}
	_ = Guard{}.Do("Handler.Enabled", func() { enabled = h.h.Enabled(ctx, level) })
	return enabled
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) (err error) {
	if failed := (Guard{}).Do("Handler.Handle", func() { err = h.h.Handle(ctx, r) }); failed != nil {
		return failed
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with("Handler.WithAttrs", func() slog.Handler { return h.h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return h.with("Handler.WithGroup", func() slog.Handler { return h.h.WithGroup(name) })
}

func (h *handler) with(name string, f func() slog.Handler) slog.Handler {
	var next slog.Handler
	if (Guard{}).Do(name, func() { next = f() }) != nil || next == nil {
		return h
	}
	return &handler{next}
}
