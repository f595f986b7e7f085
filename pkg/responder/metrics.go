package responder

import (
	"context"
	"fmt"

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
}

func newMetrics(meter metric.Meter, system string) (metrics, error) {
	m := metrics{system: system}
	var err error
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

func (m metrics) deadLetter(ctx context.Context, cause string) {
	m.dead.Add(ctx, 1, metric.WithAttributes(attribute.String("system", m.system), attribute.String("cause", cause)))
}

func known(word string, ok bool) string {
	if ok {
		return word
	}
	return "other"
}
