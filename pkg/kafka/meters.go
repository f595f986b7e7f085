package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const scope = "github.com/lethe-dsr/lethe/pkg/kafka"

// meters are the messaging metrics of OpenTelemetry's semantic conventions, with the global meter provider: they cost next
// to nothing until the program installs one. Spans are the callers' business, who know what a message is about.
type meters struct {
	sentMessages     metric.Int64Counter
	consumedMessages metric.Int64Counter
	processDuration  metric.Float64Histogram
}

func newMeters() (meters, error) {
	meter := otel.Meter(scope)
	var m meters
	var errs [3]error
	m.sentMessages, errs[0] = meter.Int64Counter("messaging.client.sent.messages",
		metric.WithUnit("{message}"), metric.WithDescription("Messages that a producer tried to send."))
	m.consumedMessages, errs[1] = meter.Int64Counter("messaging.client.consumed.messages",
		metric.WithUnit("{message}"), metric.WithDescription("Messages that were handed to a consumer, repetitions included."))
	m.processDuration, errs[2] = meter.Float64Histogram("messaging.process.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of working a batch."))
	if err := errors.Join(errs[:]...); err != nil {
		return m, fmt.Errorf("make meters: %w", err)
	}
	return m, nil
}

func common(operation, topic string, err error) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.destination.name", topic),
	}
	if err != nil {
		attributes = append(attributes, attribute.String("error.type", errorType(err)))
	}
	return attributes
}

func (m meters) sent(ctx context.Context, messages []Message, err error) {
	if !m.sentMessages.Enabled(ctx) {
		return
	}
	type bucket struct {
		topic string
		kind  string
	}
	counts := make(map[bucket]int64)
	errs := make(map[bucket]error)
	for i := range messages {
		counts[bucket{topic: messages[i].Topic}]++
	}
	var sendErr *SendError
	if errors.As(err, &sendErr) {
		for _, failed := range sendErr.Failed {
			b := bucket{failed.Topic, errorType(failed.Err)}
			counts[bucket{topic: failed.Topic}]--
			counts[b]++
			errs[b] = failed.Err
		}
	}
	for b, n := range counts {
		if n > 0 {
			m.sentMessages.Add(ctx, n, metric.WithAttributes(common("send", b.topic, errs[b])...))
		}
	}
}

func (m meters) consumed(ctx context.Context, group string, batch Batch, settled int, took time.Duration, err error) {
	if !m.consumedMessages.Enabled(ctx) && !m.processDuration.Enabled(ctx) {
		return
	}
	if settled == len(batch.Messages) {
		err = nil
	}
	attributes := metric.WithAttributes(append(common("process", batch.Topic, err),
		attribute.String("messaging.consumer.group.name", group))...)
	m.consumedMessages.Add(ctx, int64(len(batch.Messages)), attributes)
	m.processDuration.Record(ctx, took.Seconds(), attributes)
}

// errorType is one of a few words, so that it can be an attribute of a metric.
func errorType(err error) string {
	var tooLarge *TooLargeError
	var missing *MissingTopicsError
	var code kafkago.Error
	switch {
	case errors.As(err, &tooLarge):
		return "too_large"
	case errors.As(err, &missing):
		return "missing_topic"
	case errors.As(err, &code):
		return fmt.Sprintf("kafka_%d", int(code))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "timeout"
	}
	return "_OTHER"
}
