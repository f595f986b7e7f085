package event_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/event"
)

func remote(t *testing.T, state string) trace.SpanContext {
	t.Helper()
	traceID, err := trace.TraceIDFromHex("4bf92f3577b34da6a3ce929d0e0e4736")
	if err != nil {
		t.Fatal(err)
	}
	spanID, err := trace.SpanIDFromHex("00f067aa0ba902b7")
	if err != nil {
		t.Fatal(err)
	}
	ts, err := trace.ParseTraceState(state)
	if err != nil {
		t.Fatal(err)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled, TraceState: ts})
}

func TestInjectAndExtract(t *testing.T) {
	m := event.Meta{
		ID: string(otherID), Type: event.TypeAcknowledgement, Source: "lethe/responder/shop", Subject: "9c0d51aa4be1",
		Time: time.Date(2026, 11, 24, 9, 55, 0, 123_000_000, time.FixedZone("CET", 3600)),
	}
	span := remote(t, "vendor=1")
	carrier := propagation.MapCarrier{}
	event.Inject(trace.ContextWithSpanContext(t.Context(), span), m, carrier)

	t.Run("headers_are_those_of_the_standards", func(t *testing.T) {
		want := propagation.MapCarrier{
			"ce_specversion": "1.0", "ce_id": string(otherID), "ce_type": "io.lethe.acknowledgement.v1", "ce_source": "lethe/responder/shop",
			"ce_subject": "9c0d51aa4be1", "ce_time": "2026-11-24T08:55:00.123Z", "content-type": "application/avro",
			"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "vendor=1",
		}
		if d := cmp.Diff(want, carrier); d != "" {
			t.Error(d)
		}
	})
	t.Run("what_goes_in_comes_out", func(t *testing.T) {
		ctx, got := event.Extract(t.Context(), carrier)
		m.Time = m.Time.UTC()
		if d := cmp.Diff(m, got); d != "" {
			t.Error(d)
		}
		sc := trace.SpanContextFromContext(ctx)
		if !sc.IsRemote() || sc.TraceID() != span.TraceID() || sc.SpanID() != span.SpanID() || sc.TraceState().String() != "vendor=1" {
			t.Errorf("%+v", sc)
		}
	})
}

func TestWithoutASpanThereIsNoTrace(t *testing.T) {
	carrier := propagation.MapCarrier{}
	event.Inject(context.Background(), event.Meta{ID: "1", Type: event.TypeCompletion, Source: "lethe/coordinator"}, carrier)
	want := propagation.MapCarrier{
		"ce_specversion": "1.0", "ce_id": "1", "ce_type": event.TypeCompletion, "ce_source": "lethe/coordinator", "content-type": "application/avro",
	}
	if d := cmp.Diff(want, carrier); d != "" {
		t.Error(d)
	}
}

func TestExtractIsLenient(t *testing.T) {
	for _, tc := range []struct {
		name    string
		carrier propagation.MapCarrier
		want    event.Meta
	}{
		{"no_headers", propagation.MapCarrier{}, event.Meta{}},
		{"a_time_that_is_none", propagation.MapCarrier{"ce_id": "1", "ce_time": "yesterday"}, event.Meta{ID: "1"}},
		{"a_trace_that_is_none", propagation.MapCarrier{"ce_id": "1", "traceparent": "00-garbage"}, event.Meta{ID: "1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, got := event.Extract(t.Context(), tc.carrier)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			if trace.SpanContextFromContext(ctx).IsValid() {
				t.Error("a trace came out of nothing")
			}
		})
	}
}
