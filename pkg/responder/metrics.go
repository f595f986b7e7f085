package responder

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/lethe-dsr/lethe/pkg/dsr"
)

// metrics count what the responder says. Attributes come from closed sets: a word that a message brought is `other` where it
// is not one of them.
type metrics struct {
	system string
	acks   metric.Int64Counter
	dead   metric.Int64Counter
	slowed metric.Float64Counter
}

// newMetrics makes them; away says at any moment whether the system is waited for.
func newMetrics(meter metric.Meter, system string, away func() bool) (metrics, error) {
	m := metrics{system: system}
	var err error
	of := metric.WithAttributes(attribute.String("system", system))
	if _, err = meter.Int64ObservableGauge("lethe.responder.unavailable", metric.WithUnit("{system}"),
		metric.WithDescription("1 while nothing is asked of the system because its check fails, else 0."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			var n int64
			if away() {
				n = 1
			}
			o.Observe(n, of)
			return nil
		})); err != nil {
		return m, fmt.Errorf("make metrics: %w", err)
	}
	if m.slowed, err = meter.Float64Counter("lethe.responder.throttled", metric.WithUnit("s"),
		metric.WithDescription("Time for which batches waited because of the system's rate limit.")); err != nil {
		return m, fmt.Errorf("make metrics: %w", err)
	}
	if m.acks, err = meter.Int64Counter("lethe.responder.acknowledgements", metric.WithUnit("{acknowledgement}"),
		metric.WithDescription("Acknowledgements published, by system, kind of request, phase and outcome.")); err != nil {
		return m, fmt.Errorf("make metrics: %w", err)
	}
	if m.dead, err = meter.Int64Counter("lethe.dead_letters", metric.WithUnit("{message}"),
		metric.WithDescription("Messages parked for a person.")); err != nil {
		return m, fmt.Errorf("make metrics: %w", err)
	}
	return m, nil
}

func (m metrics) acknowledged(ctx context.Context, a dsr.Acknowledgement) {
	outcome := string(a.State)
	if a.State == dsr.AckAnswered {
		outcome = string(a.Outcome())
	}
	m.acks.Add(ctx, 1, metric.WithAttributes(
		attribute.String("system", m.system), attribute.String("kind", known(string(a.Kind), a.Kind.Valid())),
		attribute.String("phase", known(string(a.Phase), a.Phase == dsr.Resolve || a.Phase == dsr.Act || a.Phase == dsr.Verify || a.Phase == dsr.Package)),
		attribute.String("outcome", outcome)))
}

func (m metrics) throttled(ctx context.Context, waited time.Duration) {
	m.slowed.Add(ctx, waited.Seconds(), metric.WithAttributes(attribute.String("system", m.system)))
}

func (m metrics) deadLetter(ctx context.Context, cause string) {
	m.dead.Add(ctx, 1, metric.WithAttributes(attribute.String("system", m.system), attribute.String("cause", cause)))
}

func known(word string, ok bool) string {
	if ok {
		return word
	}
	return "other"
}
