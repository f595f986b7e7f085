package coordinator

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/span"
)

// tracing keeps one trace a request through every hop: each message of a batch has a span in the trace of its request, and
// the transaction, which joins many, has one of its own with links to them. Without an SDK nothing is built.
type tracing struct {
	tracer trace.Tracer
	group  string
}

func newTracing(cfg Config) tracing {
	return tracing{tracer: otel.Tracer("github.com/lethe-dsr/lethe/services/coordinator"), group: cfg.Group}
}

// batchSpans are the spans of one transaction.
type batchSpans struct {
	batch    trace.Span
	messages []trace.Span
	parents  [][]string // by batch and message: traceparent of the message's span, or of its sender where nothing is recorded
}

// batch starts a span for each message, in the trace that it came with, and one for the transaction that works them all.
func (t tracing) batch(ctx context.Context, bs []kafka.Batch) (context.Context, *batchSpans) {
	s := &batchSpans{parents: make([][]string, len(bs))}
	for i, b := range bs {
		s.parents[i] = make([]string, len(b.Messages))
		for j := range b.Messages {
			m := &b.Messages[j]
			carrier := kafka.HeaderCarrier{Headers: &m.Headers}
			remote := propagation.TraceContext{}.Extract(context.Background(), carrier)
			mctx, sp := span.Process(remote, t.tracer, span.Message{ // without the key: on the intake it is the sender's, and may be anything
				Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Group: t.group + "." + b.Topic,
			})
			s.messages = append(s.messages, sp)
			s.parents[i][j] = traceparent(mctx)
		}
	}
	ctx, s.batch = span.Batch(ctx, t.tracer, "transaction", s.messages)
	return ctx, s
}

// send starts a span for each message about to be published, and puts it into the message's headers in place of what the
// message was decided under. Nothing happens without an SDK.
func (t tracing) send(ctx context.Context, ms []kafka.Message) (end func(error)) {
	var spans []trace.Span
	for i := range ms {
		m := &ms[i]
		carrier := kafka.HeaderCarrier{Headers: &m.Headers}
		parent := propagation.TraceContext{}.Extract(ctx, carrier)
		sctx, sp := span.Send(parent, t.tracer, span.Message{Topic: m.Topic, Key: m.Key})
		if !sp.IsRecording() {
			continue
		}
		propagation.TraceContext{}.Inject(sctx, carrier)
		spans = append(spans, sp)
	}
	return func(err error) {
		for _, sp := range spans {
			if err != nil {
				span.Fail(sp, "publish")
			}
			sp.End()
		}
	}
}

func traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	out := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, out)
	return out["traceparent"]
}

// message is the traceparent under which everything that follows from a message goes on.
func (s *batchSpans) message(batch, i int) string { return s.parents[batch][i] }

func (s *batchSpans) end(out []kafka.Outcome) {
	if slices.ContainsFunc(out, func(o kafka.Outcome) bool { return o.Err != nil }) {
		span.Fail(s.batch, "transaction")
	}
	for _, m := range s.messages {
		m.End()
	}
	s.batch.End()
}
