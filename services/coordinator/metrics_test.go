package coordinator

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// repeating runs every transaction twice, as a store does that met a deadlock: the first one is rolled back.
type repeating struct{ store.Store }

func (s repeating) Tx(ctx context.Context, do func(context.Context, store.Tx) error) error {
	again := errors.New("begin again")
	err := s.Store.Tx(ctx, func(ctx context.Context, tx store.Tx) error { return errors.Join(do(ctx, tx), again) })
	if !errors.Is(err, again) {
		return err
	}
	return s.Store.Tx(ctx, do)
}

func TestMetricsCountOnceWhatWasCommitted(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	r := newRig(t, repeating{openSQLite(t)}, func(c *Config) { c.Meter = provider.Meter("test") })
	unobserve, err := r.metrics.observe(r.store)
	must(t, err)

	number := dsr.Identifier{Kind: "customer_id", Value: "4711"}
	id, good := request(t, dsr.Erasure, number)
	_, refused := request(t, dsr.Access, number, func(q *dsr.SubjectRequest) {
		q.Decision = &dsr.Decision{Decision: dsr.Refused, Grounds: []dsr.Ground{{Article: "GDPR 12(5)(b)", Note: "the tenth this month"}}, ByRole: "privacy desk", At: q.ReceivedAt}
	})
	_, nobody := request(t, dsr.Erasure, number, func(q *dsr.SubjectRequest) { q.Identifiers = nil })
	_, invented := request(t, "grace.hopper@example.org", number)
	r.deliver(t, dsr.TopicRequests, good, refused, nobody, invented, []byte("garbage"))

	act := acknowledgement(t, id, "shop", dsr.Act)
	r.deliver(t, dsr.TopicAcknowledgement, act, act, acknowledgement(t, id, "shop", dsr.Verify), []byte("garbage"),
		acknowledgement(t, lifecycle.ID{RequestID: dsr.RequestID(uuid.NewString())}, "shop", dsr.Act),
		acknowledgement(t, id, "crm", dsr.Act, func(a *dsr.Acknowledgement) { a.Kind = "grace.hopper@example.org" }))

	counters := map[string]uint64{
		"lethe.coordinator.acknowledgements kind=erasure verdict=accepted":  1,
		"lethe.coordinator.acknowledgements kind=erasure verdict=duplicate": 1,
		"lethe.coordinator.acknowledgements kind=erasure verdict=unasked":   1,
		"lethe.coordinator.acknowledgements kind=other verdict=accepted":    1,
		"lethe.dead_letters cause=unasked":                                  1,
		"lethe.dead_letters cause=undecodable":                              1,
		"lethe.dead_letters cause=unknown_request":                          1,
		"lethe.rejections kind=erasure reason=identifiers":                  1,
		"lethe.rejections kind=other reason=kind":                           1,
		"lethe.rejections kind=other reason=undecodable":                    1,
		"lethe.request.duration kind=access result=refused":                 1,
	}
	want := map[string]uint64{
		"lethe.requests.open": 1, "lethe.requests.overdue": 0, "lethe.requests.rejected": 3,
		"lethe.outbox.rows": outboxRows(t, r), "lethe.outbox.parked": 0, "lethe.outbox.age": 1,
	}
	for name, n := range counters {
		want[name] = n
	}
	if d := cmp.Diff(want, collect(t, reader)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	must(t, unobserve())
	if d := cmp.Diff(counters, collect(t, reader)); d != "" {
		t.Errorf("after the coordinator has stopped, -want +got:\n%s", d)
	}
}

func outboxRows(t *testing.T, r *rig) uint64 {
	t.Helper()
	b, err := r.store.Backlog(t.Context())
	must(t, err)
	if b.Outbox == 0 {
		t.Fatal("the outbox is empty")
	}
	return uint64(b.Outbox)
}

// collect reads every metric as its name, its attributes and its value; of a histogram the number of values, of an age whether it
// is one.
func collect(t *testing.T, reader sdkmetric.Reader) map[string]uint64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	must(t, reader.Collect(t.Context(), &data))
	got := map[string]uint64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			add := func(p metricdata.DataPoint[int64]) {
				got[named(m.Name, p.Attributes.ToSlice())] = uint64(p.Value)
			}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					add(p)
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					add(p)
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					if p.Value > 0 && p.Value < limit.Seconds() {
						got[named(m.Name, p.Attributes.ToSlice())] = 1
					}
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					got[named(m.Name, p.Attributes.ToSlice())] = p.Count
				}
			default:
				t.Fatalf("%s is a %T", m.Name, d)
			}
		}
	}
	return got
}

func named(name string, attributes []attribute.KeyValue) string {
	for _, kv := range attributes {
		name += " " + string(kv.Key) + "=" + kv.Value.String()
	}
	return name
}
