package span_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/lethe-dsr/lethe/pkg/span"
)

var message = span.Message{Topic: "lethe.acknowledgements", Partition: 3, Offset: 9, Key: []byte("a-request"), ID: "an-id", Group: "lethe.coordinator"}

func TestSpansFollowTheMessagingConventions(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	tracer := provider.Tracer("test")
	ctx, process := span.Process(t.Context(), tracer, message)
	_, send := span.Send(ctx, tracer, message)
	_, batch := span.Batch(ctx, tracer, "erase shop", []trace.Span{process, noop.Span{}})
	span.Fail(process, "permanent")
	send.End()
	batch.End()
	process.End()

	type saw struct {
		Name, Kind, Status string
		Attributes         map[string]string
	}
	var got []saw
	for _, s := range recorder.Ended() {
		attributes := map[string]string{}
		for _, kv := range s.Attributes() {
			attributes[string(kv.Key)] = kv.Value.String()
		}
		got = append(got, saw{s.Name(), s.SpanKind().String(), s.Status().Code.String(), attributes})
	}
	want := []saw{
		{"send lethe.acknowledgements", "producer", codes.Unset.String(), map[string]string{
			"messaging.system": "kafka", "messaging.destination.name": "lethe.acknowledgements", "messaging.kafka.message.key": "a-request",
			"messaging.message.id": "an-id", "messaging.operation.name": "send", "messaging.operation.type": "send",
		}},
		{"erase shop", "internal", codes.Unset.String(), map[string]string{"messaging.system": "kafka", "messaging.batch.message_count": "2"}},
		{"process lethe.acknowledgements", "consumer", codes.Error.String(), map[string]string{
			"messaging.system": "kafka", "messaging.destination.name": "lethe.acknowledgements", "messaging.kafka.message.key": "a-request",
			"messaging.message.id": "an-id", "messaging.operation.name": "process", "messaging.operation.type": "process",
			"messaging.destination.partition.id": "3", "messaging.kafka.offset": "9", "messaging.consumer.group.name": "lethe.coordinator",
			"error.type": "permanent",
		}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("spans, -want +got:\n%s", d)
	}
	if links := recorder.Ended()[1].Links(); len(links) != 1 || links[0].SpanContext.SpanID() != process.SpanContext().SpanID() {
		t.Errorf("the batch links to %v, want the one span that is recorded", links)
	}
}

func TestWithoutAnSDKTheRemoteSpanIsPassedOn(t *testing.T) {
	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true})
	ctx, s := span.Process(trace.ContextWithRemoteSpanContext(t.Context(), remote), noop.NewTracerProvider().Tracer("test"), message)
	if s.IsRecording() || trace.SpanContextFromContext(ctx).TraceID() != remote.TraceID() {
		t.Errorf("the trace is %s, want %s", trace.SpanContextFromContext(ctx).TraceID(), remote.TraceID())
	}
}
