package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	mnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tnoop "go.opentelemetry.io/otel/trace/noop"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/lethe-dsr/lethe/services/internal/telemetry"
)

// environ sets exactly these OTEL_ variables for the test, and takes the global providers back at its end.
func environ(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_COMPRESSION",
		"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_BSP_SCHEDULE_DELAY",
	} {
		t.Setenv(name, vars[name])
	}
	t.Cleanup(func() {
		otel.SetTracerProvider(tnoop.NewTracerProvider())
		otel.SetMeterProvider(mnoop.NewMeterProvider())
	})
}

// receiver is an OTLP collector over HTTP.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	traces  []*tracepb.ExportTraceServiceRequest
	metrics []*metricspb.ExportMetricsServiceRequest
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	read := func(m proto.Message, keep func()) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			body := io.Reader(q.Body)
			if q.Header.Get("Content-Encoding") == "gzip" {
				z, err := gzip.NewReader(q.Body)
				if err != nil {
					t.Error(err)
					return
				}
				body = z
			}
			b, err := io.ReadAll(body)
			if err == nil {
				r.mu.Lock()
				defer r.mu.Unlock()
				proto.Reset(m)
				err = proto.Unmarshal(b, m)
				keep()
			}
			if err != nil {
				t.Error(err)
				w.WriteHeader(http.StatusBadRequest)
			}
		}
	}
	mux := http.NewServeMux()
	tr, me := &tracepb.ExportTraceServiceRequest{}, &metricspb.ExportMetricsServiceRequest{}
	mux.HandleFunc("POST /v1/traces", read(tr, func() { r.traces = append(r.traces, proto.CloneOf(tr)) }))
	mux.HandleFunc("POST /v1/metrics", read(me, func() { r.metrics = append(r.metrics, proto.CloneOf(me)) }))
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func attributes(r *resourcepb.Resource) map[string]string {
	out := map[string]string{}
	for _, kv := range r.GetAttributes() {
		out[kv.GetKey()] = kv.GetValue().GetStringValue()
	}
	return out
}

func TestNothingSetInstallsNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		vars map[string]string
	}{
		{"with_an_empty_environment", nil},
		{"when_the_sdk_is_disabled", map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}},
		{
			"when_exporters_are_none",
			map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			environ(t, test.vars)
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			tp, mp := otel.GetTracerProvider(), otel.GetMeterProvider()
			stop, err := telemetry.Start(t.Context(), telemetry.Options{Service: "lethe-test"})
			if err != nil {
				t.Fatal(err)
			}
			if otel.GetTracerProvider() != tp || otel.GetMeterProvider() != mp {
				t.Error("a provider was installed")
			}
			_, s := otel.Tracer("test").Start(t.Context(), "x")
			if s.IsRecording() {
				t.Error("a span is recorded")
			}
			if err := stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPropagatorIsAlwaysThere(t *testing.T) {
	environ(t, nil)
	if _, err := telemetry.Start(t.Context(), telemetry.Options{Service: "lethe-test"}); err != nil {
		t.Fatal(err)
	}
	remote := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true,
	}))
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(remote, carrier)
	want := propagation.MapCarrier{"traceparent": "00-01000000000000000000000000000000-0200000000000000-01"}
	if diff := cmp.Diff(want, carrier); diff != "" {
		t.Error(diff)
	}
}

func TestExport(t *testing.T) {
	r := newReceiver(t)
	environ(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,service.version=9",
	})
	stop, err := telemetry.Start(t.Context(), telemetry.Options{Service: "lethe-coordinator", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := otel.GetTextMapPropagator().Extract(t.Context(), propagation.MapCarrier{"traceparent": "00-01000000000000000000000000000000-0200000000000000-01"})
	_, s := otel.Tracer("test").Start(ctx, "process lethe.subject-requests")
	s.End()
	counter, err := otel.Meter("test").Int64Counter("lethe.responder.acknowledgements", metric.WithUnit("{acknowledgement}"))
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(ctx, 3)
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()

	t.Run("delivers_the_span_under_its_remote_parent", func(t *testing.T) {
		if len(r.traces) != 1 {
			t.Fatalf("got %d requests", len(r.traces))
		}
		got := r.traces[0].GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
		if got.GetName() != "process lethe.subject-requests" || got.GetTraceId()[0] != 1 || got.GetParentSpanId()[0] != 2 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("delivers_the_metric_at_the_end", func(t *testing.T) {
		if len(r.metrics) != 1 {
			t.Fatalf("got %d requests", len(r.metrics))
		}
		got := r.metrics[0].GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics()[0]
		if got.GetName() != "lethe.responder.acknowledgements" || got.GetSum().GetDataPoints()[0].GetAsInt() != 3 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("says_who_sends_the_environment_over_the_program", func(t *testing.T) {
		got := attributes(r.traces[0].GetResourceSpans()[0].GetResource())
		if got["service.instance.id"] == "" {
			t.Error("there is no service.instance.id")
		}
		for _, name := range []string{"service.instance.id", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"} {
			delete(got, name)
		}
		want := map[string]string{"service.name": "lethe-coordinator", "service.version": "9", "deployment.environment.name": "test"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOneSignalAlone(t *testing.T) {
	r := newReceiver(t)
	environ(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": r.URL + "/v1/traces", "OTEL_TRACES_SAMPLER": "always_off"})
	mp := otel.GetMeterProvider()
	stop, err := telemetry.Start(t.Context(), telemetry.Options{Service: "lethe-test"})
	if err != nil {
		t.Fatal(err)
	}
	if otel.GetMeterProvider() != mp {
		t.Error("metrics were set up as well")
	}
	if _, s := otel.Tracer("test").Start(t.Context(), "x"); s.IsRecording() {
		t.Error("the sampler of the environment was not asked")
	}
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestVariablesThatCannotBeFollowed(t *testing.T) {
	for _, test := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"an_unknown_exporter_of_traces", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"},
		{"an_unknown_exporter_of_metrics", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "statsd"}, "OTEL_METRICS_EXPORTER"},
		{"an_unknown_protocol", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"}, "OTLP protocol"},
		{"attributes_that_are_none", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_RESOURCE_ATTRIBUTES": "x"}, "OTEL_RESOURCE_ATTRIBUTES"},
	} {
		t.Run(test.name, func(t *testing.T) {
			environ(t, test.vars)
			_, err := telemetry.Start(t.Context(), telemetry.Options{Service: "lethe-test"})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCollectorThatIsAwayIsComplainedAboutOnceAMinute(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	environ(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": away.URL, "OTEL_METRICS_EXPORTER": "none"})
	var logged bytes.Buffer
	stop, err := telemetry.Start(t.Context(), telemetry.Options{Service: "lethe-test", Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	if err != nil {
		t.Fatal(err)
	}
	_, s := otel.Tracer("test").Start(t.Context(), "x")
	s.End()
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
	for range 3 {
		otel.Handle(context.DeadlineExceeded)
	}
	if got := strings.Count(logged.String(), "telemetry was not delivered"); got != 1 {
		t.Errorf("said %d times: %s", got, &logged)
	}
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	end := make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer stuck.Close()
	defer close(end)
	environ(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": stuck.URL, "OTEL_METRICS_EXPORTER": "none"})
	stop, err := telemetry.Start(t.Context(), telemetry.Options{Service: "lethe-test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	_, s := otel.Tracer("test").Start(t.Context(), "x")
	s.End()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestTracerProviderIsThereWhereTracesAreAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		want bool
	}{
		"nothing_is_set": {nil, false},
		"metrics_alone":  {map[string]string{"OTEL_METRICS_EXPORTER": "otlp"}, false},
		"switched_off":   {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, false},
		"traces":         {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true},
		"an_endpoint":    {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			environ(t, c.vars)
			if got := telemetry.TracerProvider() != nil; got != c.want {
				t.Errorf("there is one: %t, want %t", got, c.want)
			}
		})
	}
}
