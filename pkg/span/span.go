// Package span starts the spans that a message has on its way, as OpenTelemetry's messaging conventions name them:
// `send {topic}` and `process {topic}`. It is the only place that pins a version of the conventions.
//
// Without an SDK a span costs little more than a call: attributes are put together only for a span that is recorded. Nothing
// here may hold personal data: topics, offsets, request ids (the message keys) and words of closed sets are all there is.
package span

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Message is what a span says about a message.
type Message struct {
	Topic     string
	Partition int    // as read; not said of a message that is sent
	Offset    int64  // likewise
	Key       []byte // a request id
	ID        string // ce_id
	Group     string // consumer group
}

// Process starts the span under which a message that was read is worked. ctx carries the remote span context that came with
// the message, so that the trace of a request goes through every hop.
func Process(ctx context.Context, t trace.Tracer, m Message) (context.Context, trace.Span) {
	ctx, s := t.Start(ctx, "process "+m.Topic, trace.WithSpanKind(trace.SpanKindConsumer))
	if s.IsRecording() {
		s.SetAttributes(append(common(m),
			semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess,
			semconv.MessagingDestinationPartitionID(strconv.Itoa(m.Partition)), semconv.MessagingKafkaOffset(int(m.Offset)),
			semconv.MessagingConsumerGroupName(m.Group))...)
	}
	return ctx, s
}

// Send starts the span under which a message is published; its context goes into the message's headers.
func Send(ctx context.Context, t trace.Tracer, m Message) (context.Context, trace.Span) {
	ctx, s := t.Start(ctx, "send "+m.Topic, trace.WithSpanKind(trace.SpanKindProducer))
	if s.IsRecording() {
		s.SetAttributes(append(common(m), semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend)...)
	}
	return ctx, s
}

// Batch starts a span of its own for work that serves several messages at once; it is linked with their spans, since it can
// have one parent only.
func Batch(ctx context.Context, t trace.Tracer, name string, members []trace.Span) (context.Context, trace.Span) {
	var links []trace.Link
	for _, m := range members {
		if m.IsRecording() {
			links = append(links, trace.Link{SpanContext: m.SpanContext()})
		}
	}
	ctx, s := t.Start(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), name, trace.WithNewRoot(), trace.WithLinks(links...))
	if s.IsRecording() {
		s.SetAttributes(semconv.MessagingSystemKafka, semconv.MessagingBatchMessageCount(len(members)))
	}
	return ctx, s
}

// Fail marks a span as failed. errorType is a word of a closed set, never an error's text.
func Fail(s trace.Span, errorType string) {
	if s.IsRecording() {
		s.SetStatus(codes.Error, errorType)
		s.SetAttributes(semconv.ErrorTypeKey.String(errorType))
	}
}

func common(m Message) []attribute.KeyValue {
	as := make([]attribute.KeyValue, 0, 10)
	as = append(as, semconv.MessagingSystemKafka, semconv.MessagingDestinationName(m.Topic))
	if len(m.Key) > 0 {
		as = append(as, semconv.MessagingKafkaMessageKey(string(m.Key)))
	}
	if m.ID != "" {
		as = append(as, semconv.MessagingMessageID(m.ID))
	}
	return as
}
