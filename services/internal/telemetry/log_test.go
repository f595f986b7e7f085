package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/services/internal/config"
	"github.com/lethe-dsr/lethe/services/internal/telemetry"
)

func span() trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3}})
}

func TestLogger(t *testing.T) {
	ctx := trace.ContextWithSpanContext(t.Context(), span())

	line := func(t *testing.T, log func(*slog.Logger)) map[string]any {
		t.Helper()
		var b bytes.Buffer
		l := telemetry.Logger(&b, config.Log{Level: slog.LevelInfo, Format: config.LogJSON})
		log(l)
		var got map[string]any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v in %q", err, &b)
		}
		if at, ok := got["time"].(string); !ok || !strings.HasSuffix(at, "Z") {
			t.Errorf("time is %v, not in UTC", got["time"])
		}
		delete(got, "time")
		return got
	}

	t.Run("says_the_trace_of_its_context", func(t *testing.T) {
		got := line(t, func(l *slog.Logger) {
			l.With("role", "coordinator").InfoContext(ctx, "request sealed", "result", "complete")
		})
		want := map[string]any{
			"level": "INFO", "msg": "request sealed", "role": "coordinator", "result": "complete",
			"trace_id": "01020000000000000000000000000000", "span_id": "0300000000000000",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("says_it_at_the_top_of_a_grouped_record", func(t *testing.T) {
		got := line(t, func(l *slog.Logger) {
			l.WithGroup("kafka").With("topic", "a").WithGroup("batch").InfoContext(ctx, "worked", "messages", 3)
		})
		want := map[string]any{
			"level": "INFO", "msg": "worked", "trace_id": "01020000000000000000000000000000", "span_id": "0300000000000000",
			"kafka": map[string]any{"topic": "a", "batch": map[string]any{"messages": 3.0}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("says_none_outside_a_span", func(t *testing.T) {
		got := line(t, func(l *slog.Logger) { l.InfoContext(t.Context(), "started") })
		if diff := cmp.Diff(map[string]any{"level": "INFO", "msg": "started"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("leaves_out_what_is_below_the_level", func(t *testing.T) {
		var b bytes.Buffer
		l := telemetry.Logger(&b, config.Log{Level: slog.LevelWarn, Format: config.LogText})
		l.InfoContext(ctx, "no")
		l.WarnContext(ctx, "yes")
		if got := b.String(); strings.Contains(got, "msg=no") || !strings.Contains(got, "msg=yes trace_id=0102") {
			t.Errorf("logged %q", got)
		}
	})
	t.Run("keeps_two_children_of_one_group_apart", func(t *testing.T) {
		var b bytes.Buffer
		l := telemetry.Logger(&b, config.Log{Level: slog.LevelInfo, Format: config.LogJSON})
		parent := l.WithGroup("g")
		one, two := parent.With("a", 1), parent.With("a", 2)
		one.InfoContext(ctx, "one")
		two.InfoContext(ctx, "two")
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if !strings.Contains(lines[0], `"g":{"a":1}`) || !strings.Contains(lines[1], `"g":{"a":2}`) {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestHandlerConforms(t *testing.T) {
	var b bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		b.Reset()
		l := telemetry.Logger(&b, config.Log{Level: slog.LevelInfo, Format: config.LogJSON})
		return l.Handler()
	}, func(t *testing.T) map[string]any {
		var got map[string]any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		return got
	})
}

func BenchmarkLog(b *testing.B) {
	l := telemetry.Logger(&bytes.Buffer{}, config.Log{Level: slog.LevelInfo, Format: config.LogJSON})
	ctx := trace.ContextWithSpanContext(b.Context(), span())
	b.ReportAllocs()
	for b.Loop() {
		l.DebugContext(ctx, "left out", "after", time.Second)
	}
}
