package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// TestOneTrace: a request has one trace from the program that publishes it, through every hop in every process, to its
// completion. Where a batch joins many, its span has links to them.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, m mode) {
		pl := newPipeline(t, m, 20, limits{})
		r := newReceiver(t)
		var procs []*process
		for _, role := range roleNames() {
			procs = append(procs, pl.spawn(t, role, r.environ()...))
		}
		p, q := pl.c.cast(t, visitor), pl.c.cast(t, buyer)
		erasure := pl.requested(t, r, 0, "request", "erasure", "--email", p.email, "--capacity", "customer")
		access := pl.requested(t, r, 0, "request", "access", "--email", q.email, "--capacity", "customer")
		for _, id := range []dsr.RequestID{erasure, access} {
			pl.record(t, id, 0)
		}
		for _, proc := range procs {
			proc.term(t) // and delivers its last spans
		}
		pl.keep()

		every := []hop{
			{"lethe-request", "send", dsr.TopicRequests},
			{"lethe-coordinator", "process", dsr.TopicRequests},
			{"lethe-coordinator", "send", dsr.TopicResolution},
			{"lethe-responder-shop", "process", dsr.TopicResolution},
			{"lethe-responder-shop", "send", dsr.TopicAcknowledgement},
			{"lethe-coordinator", "process", dsr.TopicAcknowledgement},
			{"lethe-coordinator", "send", dsr.TopicStatus},
			{"lethe-coordinator", "send", dsr.TopicCompletions},
		}
		for _, system := range []string{"shop", "crm", "chats"} {
			every = append(every, hop{"lethe-responder-" + system, "send", dsr.TopicAcknowledgement})
		}
		t.Run("erasure", func(t *testing.T) {
			hops := append(slices.Clone(every), hop{"lethe-coordinator", "send", dsr.TopicErasure}, hop{"lethe-coordinator", "send", dsr.TopicVerification})
			for _, system := range []string{"shop", "crm", "chats"} {
				hops = append(hops, hop{"lethe-responder-" + system, "process", dsr.TopicErasure}, hop{"lethe-responder-" + system, "process", dsr.TopicVerification})
			}
			pl.traced(t, r, erasure, hops, "erase shop", "erase crm", "erase chats", "verify shop", "verify crm", "verify chats", "resolve shop")
		})
		t.Run("access", func(t *testing.T) {
			hops := append(slices.Clone(every), hop{"lethe-coordinator", "send", dsr.TopicAccess}, hop{"lethe-coordinator", "send", dsr.TopicPackaging},
				hop{"lethe-packager", "process", dsr.TopicPackaging}, hop{"lethe-packager", "send", dsr.TopicAcknowledgement})
			for _, system := range []string{"shop", "crm", "chats"} {
				hops = append(hops, hop{"lethe-responder-" + system, "process", dsr.TopicAccess})
			}
			pl.traced(t, r, access, hops, "export shop", "export crm", "export chats", "package lethe.packager")
		})
		t.Run("no_value_of_anybody_is_in_a_span", func(t *testing.T) {
			l := &leaks{needles: needles(p, q), found: map[string]bool{}}
			for _, body := range r.raw {
				l.look("spans", body)
			}
			if len(l.found) > 0 || l.bytes < 10_000 {
				t.Errorf("found %v in %d bytes", l.found, l.bytes)
			}
		})
		pl.nothingInClear(t, p, q)
	})
}

// requested publishes by the command, waits for the end and returns the request's id.
func (pl *pipeline) requested(t *testing.T, r *receiver, code int, args ...string) dsr.RequestID {
	t.Helper()
	got := pl.letheWith(t, r.environ(), append(args, "--wait", "--output", "json")...)
	if got.code != code {
		t.Fatalf("lethe %s ended with %d, want %d:\n%s%s", args[1], got.code, code, got.stdout, got.stderr)
	}
	id, ok := parse(t, got.stdout)[0]["request_id"].(string)
	if !ok {
		t.Fatalf("the command did not say which request it is: %s", got.stdout)
	}
	return dsr.RequestID(id)
}

// hop is one station of a message.
type hop struct{ service, operation, topic string }

// traced finds the request's trace and holds every hop, the links of batches and the record against it.
func (pl *pipeline) traced(t *testing.T, r *receiver, id dsr.RequestID, hops []hop, batches ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var root *exported
	for _, s := range r.spans {
		if s.service == "lethe-request" && attributes(s.GetAttributes())["messaging.message.id"] == string(id) {
			root = s
		}
	}
	if root == nil {
		t.Fatal("the publisher exported no span of the request")
	}
	if root.parent() != "" {
		t.Error("the publisher's span has a parent, though nobody gave it one")
	}
	spans := map[string]*exported{}
	for _, s := range r.spans {
		if s.trace() == root.trace() {
			spans[s.id()] = s
		}
	}
	found := map[hop]int{}
	for _, s := range spans {
		if s != root && spans[s.parent()] == nil {
			t.Errorf("span %q of %s has a parent that nobody exported", s.GetName(), s.service)
		}
		found[pl.hopOf(t, s, id)]++
	}
	for _, h := range hops {
		if found[h] == 0 {
			t.Errorf("the trace has no span %q of %s", h.operation+" "+pl.prefix+h.topic, h.service)
		}
	}
	for _, name := range append(batches, "transaction") {
		if !slices.ContainsFunc(r.spans, func(s *exported) bool {
			return s.GetName() == name && s.trace() != root.trace() && slices.ContainsFunc(s.GetLinks(), func(l *trace.Span_Link) bool {
				to := spans[fmt.Sprintf("%x", l.GetSpanId())]
				return to != nil && to.GetKind() == trace.Span_SPAN_KIND_CONSUMER && bytes.Equal(l.GetTraceId(), root.GetTraceId())
			})
		}) {
			t.Errorf("no span %q of a batch has a link into the trace", name)
		}
	}
	pl.lock.Lock()
	envelope := pl.records[id][0].Envelope
	pl.lock.Unlock()
	if !strings.Contains(string(payload(t, envelope)), `"trace_id":"`+root.trace()+`"`) {
		t.Error("the record does not name the trace")
	}
	pl.carriesOn(t, id, root.trace())
}

// hopOf reads a span of the trace, and holds it against the messaging conventions.
func (pl *pipeline) hopOf(t *testing.T, s *exported, id dsr.RequestID) hop {
	t.Helper()
	as := attributes(s.GetAttributes())
	h := hop{service: s.service, operation: as["messaging.operation.name"], topic: strings.TrimPrefix(as["messaging.destination.name"], pl.prefix)}
	want := map[string]string{"messaging.system": "kafka", "messaging.destination.name": pl.prefix + h.topic, "messaging.operation.type": h.operation}
	kind := trace.Span_SPAN_KIND_PRODUCER
	if h.operation == "process" {
		kind = trace.Span_SPAN_KIND_CONSUMER
		want["messaging.kafka.offset"] = "int"
		if as["messaging.destination.partition.id"] == "" || !strings.HasPrefix(as["messaging.consumer.group.name"], pl.prefix) {
			t.Errorf("span %q of %s has partition %q and group %q", s.GetName(), s.service, as["messaging.destination.partition.id"], as["messaging.consumer.group.name"])
		}
	}
	for k, v := range want {
		if as[k] != v {
			t.Errorf("span %q of %s: %s is %q, want %q", s.GetName(), s.service, k, as[k], v)
		}
	}
	if s.GetName() != h.operation+" "+pl.prefix+h.topic || s.GetKind() != kind {
		t.Errorf("span %q of %s is of kind %s", s.GetName(), s.service, s.GetKind())
	}
	if key := as["messaging.kafka.message.key"]; key != "" && key != string(id) {
		t.Errorf("span %q of %s has the key %q", s.GetName(), s.service, key)
	}
	if s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
		t.Errorf("span %q of %s failed: %s", s.GetName(), s.service, s.GetStatus().GetMessage())
	}
	return h
}

// carriesOn demands that the messages themselves carry the trace, so that whoever reads completions can go on with it.
func (pl *pipeline) carriesOn(t *testing.T, id dsr.RequestID, traceID string) {
	t.Helper()
	for m, err := range pl.p.Kafka.Tail(context.WithoutCancel(t.Context()), kafka.TailConfig{Topics: []string{pl.prefix + dsr.TopicCompletions, pl.prefix + dsr.TopicStatus}}) {
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Key) == string(id) && !slices.ContainsFunc(m.Headers, func(h kafka.Header) bool {
			return h.Key == "traceparent" && strings.Contains(string(h.Value), traceID)
		}) {
			t.Errorf("a message on %s does not carry the trace", m.Topic)
		}
	}
}
