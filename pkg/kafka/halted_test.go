package kafka

import (
	"context"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestHalts_are_measured_while_they_last(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	var h halts
	end, err := h.observe(provider.Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	measured := func() (n int64) {
		var data metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &data); err != nil {
			t.Fatal(err)
		}
		for _, s := range data.ScopeMetrics {
			for _, m := range s.Metrics {
				for _, p := range m.Data.(metricdata.Gauge[int64]).DataPoints {
					n += p.Value
				}
			}
		}
		return n
	}
	var releases []func()
	for p := range 3 {
		releases = append(releases, h.add(Halt{Group: "g", Cause: OffsetError{Topic: "t", Partition: p, Wanted: 5}}))
	}
	if n := measured(); n != 3 {
		t.Errorf("%d are measured", n)
	}
	for _, release := range releases {
		release()
	}
	if n := measured(); n != 0 {
		t.Errorf("afterwards %d are measured", n)
	}
}
