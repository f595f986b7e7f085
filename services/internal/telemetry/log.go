package telemetry

import (
	"context"
	"io"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/services/internal/config"
)

// Logger writes one line a record to w, in UTC, as the configuration says. A record that is logged with the context of a span
// says trace_id and span_id.
func Logger(w io.Writer, c config.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == config.LogText {
		return slog.New(handler{root: slog.NewTextHandler(w, o)})
	}
	return slog.New(handler{root: slog.NewJSONHandler(w, o)})
}

// handler adds the trace to each record, at its top: what was added inside a group waits in inner until then.
type handler struct {
	root  slog.Handler
	inner []func(slog.Handler) slog.Handler // groups, and the attributes inside them
}

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.root.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	to := h.root
	if s := trace.SpanContextFromContext(ctx); s.IsValid() {
		to = to.WithAttrs([]slog.Attr{slog.String("trace_id", s.TraceID().String()), slog.String("span_id", s.SpanID().String())})
	}
	for _, wrap := range h.inner {
		to = wrap(to)
	}
	return to.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(h.inner) == 0 {
		return handler{root: h.root.WithAttrs(attrs)}
	}
	return h.with(func(s slog.Handler) slog.Handler { return s.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(s slog.Handler) slog.Handler { return s.WithGroup(name) })
}

func (h handler) with(wrap func(slog.Handler) slog.Handler) handler {
	return handler{root: h.root, inner: append(slices.Clip(h.inner), wrap)}
}
