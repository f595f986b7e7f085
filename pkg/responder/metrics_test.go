package responder_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

func TestMetricsCountWhatIsSaidInWordsOfClosedSets(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	r := newRig(t, failingOn(2, responder.Permanent))
	i := r.Bench.Responder(t, r.scripted, r.ledger, func(c *responder.Config) { c.Meter = provider.Meter("test") })
	ms := r.dispatches(t, 0, 3)
	ms = append(ms, r.Dispatch(t, person(7), func(d *dsr.Dispatch) { d.Kind, d.Phase = "grace.hopper@example.org", "ritual" }))
	r.Deliver(t, i, ms...)

	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				name := m.Name
				for _, kv := range p.Attributes.ToSlice() {
					name += " " + string(kv.Key) + "=" + kv.Value.String()
				}
				got[name] = p.Value
			}
		}
	}
	want := map[string]int64{
		"lethe.responder.acknowledgements kind=erasure outcome=erased phase=act system=shop": 2,
		"lethe.responder.acknowledgements kind=erasure outcome=failed phase=act system=shop": 1,
		"lethe.responder.acknowledgements kind=other outcome=failed phase=other system=shop": 1,
		"lethe.dead_letters cause=permanent system=shop":                                     1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
