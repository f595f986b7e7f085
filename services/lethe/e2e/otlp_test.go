package e2e_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver takes in traces by OTLP over HTTP, as a collector does.
type receiver struct {
	server *httptest.Server

	mu    sync.Mutex
	spans []*exported
	raw   [][]byte
}

// exported is a span and the service that it came from.
type exported struct {
	*trace.Span
	service string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// environ makes a process export to the receiver, by the standard variables alone.
func (r *receiver) environ() []string {
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.server.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_METRICS_EXPORTER=none", "OTEL_BSP_SCHEDULE_DELAY=200",
	}
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	var in collector.ExportTraceServiceRequest
	if err != nil || q.URL.Path != "/v1/traces" || proto.Unmarshal(body, &in) != nil {
		http.Error(w, "not a batch of traces", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw = append(r.raw, body)
	for _, rs := range in.GetResourceSpans() {
		service := attributes(rs.GetResource().GetAttributes())["service.name"]
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				r.spans = append(r.spans, &exported{s, service})
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func attributes(kvs []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range kvs {
		switch v := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			out[kv.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			out[kv.GetKey()] = "int"
		case *common.AnyValue_BoolValue:
			out[kv.GetKey()] = "bool"
		default:
			out[kv.GetKey()] = "other"
		}
	}
	return out
}

func (s *exported) trace() string  { return hex.EncodeToString(s.GetTraceId()) }
func (s *exported) id() string     { return hex.EncodeToString(s.GetSpanId()) }
func (s *exported) parent() string { return hex.EncodeToString(s.GetParentSpanId()) }
