package event

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/propagation"
)

// Types of the messages, their ce_type. The version is that of the namespace: it changes with a schema that old readers
// cannot resolve, which is another type of message on another topic.
const (
	TypeSubjectRequest    = "io.lethe.subject_request.v1"
	TypeDispatchedRequest = "io.lethe.dispatched_request.v1"
	TypeAcknowledgement   = "io.lethe.acknowledgement.v1"
	TypeRequestStatus     = "io.lethe.request_status.v1"
	TypeRejectedRequest   = "io.lethe.rejected_request.v1"
	TypeCompletion        = "io.lethe.completion.v1"
)

// ContentType of every value: what the CloudEvents bindings call Avro. There is no registered media type for the
// single-object framing; it tells itself by its first two bytes.
const ContentType = "application/avro"

// Names of the headers of CloudEvents 1.0 in the binary mode of its Kafka binding.
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerType        = "ce_type"
	headerSource      = "ce_source"
	headerSubject     = "ce_subject"
	headerTime        = "ce_time"
	headerContentType = "content-type"
)

// Meta is what CloudEvents says about a message. None of it may identify a person: Subject is the pseudonym of the subject
// within the request.
type Meta struct {
	ID      string    // stable over redelivery: acknowledgement id, dispatch id, outbox id
	Type    string    // one of the Type constants
	Source  string    // who published: lethe/coordinator, lethe/responder/shop …
	Subject string    // empty: none
	Time    time.Time // when what it tells of happened; zero: not said
}

// Header is one header of a message.
type Header struct{ Key, Value string }

// Headers are the CloudEvents headers of a message, without a trace. An empty part of m is left out.
func Headers(m Meta) []Header {
	hs := make([]Header, 0, 7)
	hs = append(hs, Header{headerSpecVersion, "1.0"}, Header{headerContentType, ContentType})
	for _, h := range [...]Header{{headerID, m.ID}, {headerType, m.Type}, {headerSource, m.Source}, {headerSubject, m.Subject}} {
		if h.Value != "" {
			hs = append(hs, h)
		}
	}
	if !m.Time.IsZero() {
		hs = append(hs, Header{headerTime, m.Time.UTC().Format(time.RFC3339Nano)})
	}
	return hs
}

// Inject sets the headers of m and the trace context of ctx (W3C traceparent and tracestate) on a carrier. Without a span in
// ctx there is no trace header.
func Inject(ctx context.Context, m Meta, carrier propagation.TextMapCarrier) {
	for _, h := range Headers(m) {
		carrier.Set(h.Key, h.Value)
	}
	propagation.TraceContext{}.Inject(ctx, carrier)
}

// Extract reads what Inject set: ctx with the remote span context, if there is one, and what CloudEvents says. It is lenient,
// since nothing may depend on headers: what is missing or cannot be read stays empty.
func Extract(ctx context.Context, carrier propagation.TextMapCarrier) (context.Context, Meta) {
	m := Meta{
		ID: carrier.Get(headerID), Type: carrier.Get(headerType), Source: carrier.Get(headerSource), Subject: carrier.Get(headerSubject),
	}
	if t, err := time.Parse(time.RFC3339Nano, carrier.Get(headerTime)); err == nil {
		m.Time = t.UTC()
	}
	return propagation.TraceContext{}.Extract(ctx, carrier), m
}
