package responder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func traced(m kafka.Message, traceparent string) kafka.Message {
	kafka.HeaderCarrier{Headers: &m.Headers}.Set("traceparent", traceparent)
	return m
}

// tap keeps the messages of a bench as they were sent.
type tap struct {
	kafka.Sender
	sent []kafka.Message
}

func (t *tap) Send(ctx context.Context, ms []kafka.Message) error {
	t.sent = append(t.sent, ms...)
	return t.Sender.Send(ctx, ms)
}

func TestOneTraceGoesThroughEveryHop(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	r := newRig(t, failingOn(2, responder.Permanent))
	out := &tap{Sender: r.Bench}
	i := r.Bench.Responder(t, r.scripted, r.ledger, func(c *responder.Config) {
		c.Tracer, c.Sender = provider.Tracer("test"), out
	})
	other := strings.Replace(parent, "0af7", "1bf8", 1)
	result := r.Deliver(t, i, traced(r.Dispatch(t, person(1)), parent), traced(r.Dispatch(t, person(2)), other))
	if a := ack(t, result, 1); a.TraceID != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the acknowledgement names trace %q", a.TraceID)
	}
	byName := map[string][]sdktrace.ReadOnlySpan{}
	for _, s := range recorder.Ended() {
		byName[s.Name()] = append(byName[s.Name()], s)
	}
	process, send := byName["process lethe.subject-requests.erasure"], byName["send lethe.acknowledgements"]
	if len(process) != 2 || len(send) != 2 || len(byName["send lethe.dead-letters"]) != 1 {
		t.Fatalf("spans %v", byName)
	}
	first := process[slices.IndexFunc(process, func(s sdktrace.ReadOnlySpan) bool { return s.SpanContext().TraceID().String()[:4] == "0af7" })]
	if first.Parent().SpanID().String() != "b7ad6b7169203331" || first.SpanKind() != trace.SpanKindConsumer {
		t.Errorf("the message's span has parent %s and kind %s", first.Parent().SpanID(), first.SpanKind())
	}
	for key, want := range map[string]string{
		"messaging.system": "kafka", "messaging.operation.type": "process", "messaging.destination.name": "lethe.subject-requests.erasure",
		"messaging.destination.partition.id": "0", "messaging.consumer.group.name": "lethe.shop", "messaging.kafka.message.key": string(person(1).Request),
	} {
		if got := attr(first, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for _, s := range process {
		if failed := s.SpanContext().TraceID() != first.SpanContext().TraceID(); failed != (s.Status().Code == codes.Error) || failed && attr(s, "error.type") != dsr.CodePermanent {
			t.Errorf("span of trace %s has status %v, error.type %q", s.SpanContext().TraceID(), s.Status(), attr(s, "error.type"))
		}
	}
	batches := byName["erase shop"]
	if len(batches) == 0 || len(batches[0].Links()) != 2 || batches[0].Parent().IsValid() {
		t.Errorf("the batch's span has links %v", batches)
	}
	for _, m := range out.sent {
		got := propagation.TraceContext{}.Extract(context.Background(), kafka.HeaderCarrier{Headers: &m.Headers})
		sc := trace.SpanContextFromContext(got)
		want := first.SpanContext().TraceID().String()
		if string(m.Key) == string(person(2).Request) {
			want = other[3:35]
		}
		if sc.TraceID().String() != want {
			t.Errorf("message on %s travels in trace %s, want %s", m.Topic, sc.TraceID(), want)
		}
	}
}

func attr(s sdktrace.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if kv.Key == attribute.Key(key) {
			return kv.Value.String()
		}
	}
	return ""
}

func TestWithoutAnSDKTheTraceIsPassedOn(t *testing.T) {
	r := newRig(t, failingOn(2, responder.Transient))
	out := &tap{Sender: r.Bench}
	i := r.Bench.Responder(t, r.scripted, r.ledger, func(c *responder.Config) { c.Sender = out })
	r.Deliver(t, i, traced(r.Dispatch(t, person(1)), parent), traced(r.Dispatch(t, person(2)), parent))
	r.scripted.erase = nil
	r.Forward(time.Hour)
	if a := ack(t, r.Due(t, i), 2); a.TraceID != parent[3:35] {
		t.Errorf("the late acknowledgement names trace %q", a.TraceID)
	}
	if len(out.sent) != 3 {
		t.Fatalf("%d messages", len(out.sent))
	}
	for _, m := range out.sent {
		if got := header(m, "traceparent"); got[:35] != parent[:35] {
			t.Errorf("traceparent %q, want the trace of %q", got, parent)
		}
	}
}

// Every value that identifies a person is searched for in whatever a responder leaves behind.
func TestNothingInClearIsLeftBehind(t *testing.T) {
	const secret = "grace.hopper-1906@example.org"
	const rowKey = `{"customer_id":"SECRET-KEY-77"}`
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	var log bytes.Buffer
	book := filepath.Join(t.TempDir(), "ledger.db")
	l := ledger.Beside(openSQLite(t, book), ledger.SQLite)
	b := respondertest.NewBench(t, "shop")
	out := &tap{Sender: b}

	answers := map[dsr.RequestID]func() ([]responder.Answer, error){}
	s := &scripted{erase: func(_ context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
		if len(ds) > 1 {
			return nil, responder.Permanent(errBoom)
		}
		return answers[ds[0].RequestID]()
	}}
	i := b.Responder(t, s, l, func(c *responder.Config) {
		c.Tracer, c.Sender = provider.Tracer("test"), out
		c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	var ms []kafka.Message
	for n, answer := range []func() ([]responder.Answer, error){
		func() ([]responder.Answer, error) { panic(secret) },
		func() ([]responder.Answer, error) {
			return nil, responder.Permanent(errors.New("refused: " + strings.ToUpper(secret)))
		},
		func() ([]responder.Answer, error) { return nil, responder.Transient(errors.New("again: " + secret)) },
		func() ([]responder.Answer, error) {
			return []responder.Answer{{Err: errors.New("again " + secret)}}, nil
		},
		func() ([]responder.Answer, error) {
			return []responder.Answer{{Collections: []dsr.Collection{{Name: "", Outcome: dsr.Erased}}}}, nil
		},
		func() ([]responder.Answer, error) {
			a := responder.Erased("things", 1)
			a.Keys = []responder.RowKey{{Collection: "things", Value: rowKey}}
			a.Resolved = []dsr.Identifier{{Kind: "customer_id", Value: "SECRET-ID-77"}}
			return []responder.Answer{a}, nil
		},
	} {
		p := person(n)
		p.Identifiers[0].Value = secret
		answers[p.Request] = answer
		ms = append(ms, b.Dispatch(t, p))
	}
	first := b.Deliver(t, i, ms...)
	if len(first.Acknowledgements) != 6 {
		t.Fatalf("%d acknowledgements", len(first.Acknowledgements))
	}
	ms[0].Value = []byte("garbage")
	b.Deliver(t, i, ms[0])
	b.Forward(time.Hour)
	b.Due(t, i)

	places := map[string]string{"the log": log.String(), "the spans": ""}
	for _, s := range recorder.Ended() {
		places["the spans"] += fmt.Sprintf("%s %v %v %v\n", s.Name(), s.Attributes(), s.Status(), s.Events())
	}
	for _, m := range out.sent {
		places["what was published"] += string(m.Key) + string(m.Value)
		for _, h := range m.Headers {
			places["what was published"] += h.Key + string(h.Value)
		}
	}
	files, err := filepath.Glob(book + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		places["the ledger"] += string(content)
	}
	if len(places) != 4 || !strings.Contains(places["the ledger"], string(person(2).Request)) || !strings.Contains(places["the log"], "panicked") || !strings.Contains(places["the spans"], "permanent") {
		t.Fatal("the places do not hold what they should")
	}
	for place, content := range places {
		for _, value := range []string{secret, "grace.hopper", rowKey, "SECRET-KEY-77", "SECRET-ID-77"} {
			if strings.Contains(content, value) {
				t.Errorf("%s holds a value in clear", place)
			}
		}
	}
}
