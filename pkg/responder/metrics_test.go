package responder_test

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/responder"
)

func TestMetricsCountWhatIsSaidInWordsOfClosedSets(t *testing.T) {
	reader, meter := metered(t)
	r := newRig(t, failingOn(2, responder.Permanent))
	i := r.Bench.Responder(t, r.scripted, r.ledger, meter)
	ms := r.dispatches(t, 0, 3)
	ms = append(ms, r.Dispatch(t, person(7), func(d *dsr.Dispatch) { d.Kind, d.Phase = "grace.hopper@example.org", "ritual" }))
	r.Deliver(t, i, ms...)

	got := collect(t, reader)
	want := map[string]int64{
		"lethe.responder.acknowledgements kind=erasure outcome=erased phase=act system=shop": 2,
		"lethe.responder.acknowledgements kind=erasure outcome=failed phase=act system=shop": 1,
		"lethe.responder.acknowledgements kind=other outcome=failed phase=other system=shop": 1,
		"lethe.dead_letters cause=permanent system=shop":                                     1,
		"lethe.responder.unavailable system=shop":                                            0,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// metered has a responder count into a reader.
func metered(t *testing.T) (*sdkmetric.ManualReader, func(*responder.Config)) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return reader, func(c *responder.Config) { c.Meter = provider.Meter("test") }
}

// collect reads what there is, by name and attributes: seconds as a whole number, rounded up.
func collect(t *testing.T, reader *sdkmetric.ManualReader) map[string]int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	add := func(name string, of attribute.Set, n int64) {
		for _, kv := range of.ToSlice() {
			name += " " + string(kv.Key) + "=" + kv.Value.String()
		}
		got[name] = n
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Sum[float64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, int64(math.Ceil(p.Value)))
				}
			}
		}
	}
	return got
}
