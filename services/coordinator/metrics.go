package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// metrics are Lethe's own; attributes come from closed sets, never from a message.
type metrics struct {
	meter    metric.Meter
	duration metric.Float64Histogram
	acks     metric.Int64Counter
	dead     metric.Int64Counter
	rejected metric.Int64Counter
}

func newMetrics(meter metric.Meter) (metrics, error) {
	if meter == nil {
		meter = otel.Meter("github.com/lethe-dsr/lethe/services/coordinator")
	}
	m := metrics{meter: meter}
	var errs [4]error
	m.duration, errs[0] = meter.Float64Histogram("lethe.request.duration", metric.WithUnit("s"),
		metric.WithDescription("From admission to the first record, by kind of request and result."), metric.WithExplicitBucketBoundaries(durations...))
	m.acks, errs[1] = meter.Int64Counter("lethe.coordinator.acknowledgements", metric.WithUnit("{acknowledgement}"),
		metric.WithDescription("Acknowledgements taken in, by kind of request and what became of them."))
	m.dead, errs[2] = meter.Int64Counter("lethe.dead_letters", metric.WithUnit("{message}"), metric.WithDescription("Messages parked for a person."))
	m.rejected, errs[3] = meter.Int64Counter("lethe.rejections", metric.WithUnit("{message}"),
		metric.WithDescription("Messages of the intake that were not taken, by kind of request and reason."))
	if err := errors.Join(errs[:]...); err != nil {
		return m, fmt.Errorf("make metrics: %w", err)
	}
	return m, nil
}

// durations are the bounds between which lethe.request.duration counts, in seconds: from what a request takes where everybody
// answers at once to the month that the law gives, and the two further ones that it may be extended by (GDPR Art. 12(3)).
var durations = []float64{1, 10, 60, 600, 3600, 6 * 3600, day, 2 * day, 4 * day, 7 * day, 14 * day, 21 * day, 28 * day, 31 * day, 62 * day, 93 * day}

const day = 24 * 3600.0

// observe measures the store whenever the metrics are read, until stop is called.
func (m metrics) observe(s store.Store) (stop func() error, err error) {
	var errs []error
	gauge := func(name, unit, description string) metric.Int64ObservableGauge {
		g, err := m.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return g
	}
	open := gauge("lethe.requests.open", "{request}", "Requests without a record.")
	overdue := gauge("lethe.requests.overdue", "{request}", "Open requests past their due date.")
	rejected := gauge("lethe.requests.rejected", "{request}", "Rejections that nothing has corrected: a person may still be owed an answer.")
	rows := gauge("lethe.outbox.rows", "{row}", "Rows that the relays have yet to publish.")
	parked := gauge("lethe.outbox.parked", "{message}", "Messages that the broker refused for good.")
	age, err := m.meter.Float64ObservableGauge("lethe.outbox.age", metric.WithUnit("s"), metric.WithDescription("Age of the oldest row that the relays have yet to publish."))
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	r, err := m.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		nOpen, nOverdue, err := s.Counts(ctx)
		if err != nil {
			return fmt.Errorf("count open requests: %w", err)
		}
		b, err := s.Backlog(ctx)
		if err != nil {
			return fmt.Errorf("measure the backlog: %w", err)
		}
		for g, n := range map[metric.Int64Observable]int64{open: nOpen, overdue: nOverdue, rejected: b.Rejections, rows: b.Outbox, parked: b.Parked} {
			o.ObserveInt64(g, n)
		}
		o.ObserveFloat64(age, b.OutboxAge.Seconds())
		return nil
	}, open, overdue, rejected, rows, parked, age)
	if err != nil {
		return nil, fmt.Errorf("make metrics: %w", err)
	}
	return r.Unregister, nil
}

// tally is what one transaction decided, to be counted once it has committed.
type tally struct {
	acks     []ackCount
	dead     []string // causes
	rejected []rejectionCount
	sealed   []sealCount
}

type ackCount struct {
	kind    dsr.Kind
	verdict lifecycle.Verdict
}

type rejectionCount struct {
	kind   dsr.Kind
	reason string
}

type sealCount struct {
	kind   dsr.Kind
	result dsr.Result
	took   time.Duration
}

// seals notes the requests that a turn has ended for the first time; an addendum ends nothing that was not ended before.
func (n *tally) seals(now time.Time, rs []*lifecycle.Request) {
	for _, r := range rs {
		if r.Closed && r.Progress.Number == 1 { // of the next record
			n.sealed = append(n.sealed, sealCount{r.Kind, r.Progress.Result, max(0, now.Sub(r.Frozen.AdmittedAt))})
		}
	}
}

// transact runs do in one transaction and then counts what it decided: a transaction that is repeated counts once, one that fails
// not at all. Where nobody can tell whether it was committed its messages come again and are not counted then either.
func (c *Coordinator) transact(ctx context.Context, do func(context.Context, store.Tx, *tally) error) error {
	var n tally
	err := c.store.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
		n = tally{}
		return do(ctx, tx, &n)
	})
	if err == nil {
		c.metrics.count(ctx, &n)
	}
	return err
}

func (m metrics) count(ctx context.Context, n *tally) {
	for _, a := range n.acks {
		m.acks.Add(ctx, 1, metric.WithAttributes(kindOf(a.kind), attribute.String("verdict", string(a.verdict))))
	}
	for _, cause := range n.dead {
		m.deadLetter(ctx, cause)
	}
	for _, r := range n.rejected {
		m.rejected.Add(ctx, 1, metric.WithAttributes(kindOf(r.kind), attribute.String("reason", r.reason)))
	}
	for _, s := range n.sealed {
		m.duration.Record(ctx, s.took.Seconds(), metric.WithAttributes(kindOf(s.kind), attribute.String("result", string(s.result))))
	}
}

func (m metrics) deadLetter(ctx context.Context, cause string) {
	m.dead.Add(ctx, 1, metric.WithAttributes(attribute.String("cause", cause)))
}

// kindOf keeps a word that a message brought out of the attributes where it is none of the kinds.
func kindOf(k dsr.Kind) attribute.KeyValue {
	if !k.Valid() {
		k = "other"
	}
	return attribute.String("kind", string(k))
}
