package responder

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/span"
)

// errNotBegun is the error of a dispatch that was not touched, because the time of its batch was over.
var errNotBegun = Transient(errors.New("not begun in time"))

// serve asks the system for the open entries and settles each as it answers. What cannot be asked (expired, sealed under a
// key that is not held) is settled without it.
func (r *Responder) serve(ctx context.Context, t *task, op operation, open []*Entry, its []*item) error {
	var ds []Dispatch
	var asked []int
	for i, e := range open {
		it := its[i]
		if t.mode == Deliver && e.State == dsr.Delayed && e.Ticket != "" {
			e.Resumed = true // the order of an earlier attempt may still be carried out, or has been
		}
		switch {
		case op == opWait:
			if err := r.deferred(e, it, t.mode, errNotBegun, nil); err != nil {
				return err
			}
			continue
		case op == opRefuse:
			if err := r.failed(e, it, t.mode, dsr.CodeUnsupported, ClassPermanent); err != nil {
				return err
			}
			continue
		case op != opPoll && it.dispatch.Expired(r.now()):
			if err := r.failed(e, it, t.mode, dsr.CodeExpired, ClassPermanent); err != nil {
				return err
			}
			continue
		}
		d, err := r.unseal(it, *e)
		if err != nil {
			r.log.ErrorContext(it.ctx, "a dispatch cannot be opened", "request_id", string(it.key.RequestID), "phase", string(it.key.Phase), "error", err)
			if err := r.failed(e, it, t.mode, dsr.CodeIdentifiers, ClassPermanent); err != nil {
				return err
			}
			continue
		}
		ds = append(ds, d)
		asked = append(asked, i)
	}
	if len(ds) == 0 {
		return nil
	}
	ctx, sp := r.batchSpan(ctx, op, its, asked)
	defer sp.End()
	answers, err := r.call(ctx, t, op, ds)
	if err != nil {
		if errors.Is(err, ErrTooLarge) && len(ds) > 1 {
			return err // nothing is wrong
		}
		span.Fail(sp, string(Classify(err)))
		r.log.WarnContext(ctx, "the system did not serve a batch", "operation", string(op), "dispatches", len(ds), "class", string(Classify(err)), "error", redact(err, ds...))
		return err
	}
	for n, i := range asked {
		if err := r.answered(open[i], its[i], t.mode, op, ds[n], answers[n]); err != nil {
			r.log.WarnContext(its[i].ctx, "the system's answer cannot be acknowledged", "operation", string(op), "request_id", string(its[i].key.RequestID), "error", redact(err, ds[n]))
			return err
		}
	}
	return nil
}

func (r *Responder) batchSpan(ctx context.Context, op operation, its []*item, asked []int) (context.Context, trace.Span) {
	members := make([]trace.Span, 0, len(asked))
	for _, i := range asked {
		members = append(members, its[i].span)
	}
	ctx, sp := span.Batch(ctx, r.config.Tracer, string(op)+" "+r.config.System, members)
	if sp.IsRecording() {
		sp.SetAttributes(attribute.String("lethe.system", r.config.System))
	}
	return ctx, sp
}

// call runs the system's method. A panic is the system's, or that of one poisonous dispatch: it is found by bisection like
// any other error, and does not take the process with it.
func (r *Responder) call(ctx context.Context, t *task, op operation, ds []Dispatch) (answers []Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.until.Sub(r.now()))
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // its value may hold what it was about; the stack does not
			r.log.ErrorContext(ctx, "the system panicked", "operation", string(op), "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			answers, err = nil, Permanent(fmt.Errorf("%s: the system panicked", op))
		}
	}()
	switch op {
	case opErase:
		answers, err = r.system.Erase(ctx, ds)
	case opVerify:
		answers, err = r.system.Verify(ctx, ds)
	case opResolve:
		answers, err = r.resolver.Resolve(ctx, ds)
	case opPoll:
		answers, err = r.poller.Poll(ctx, ds)
	case opExport:
		answers, err = Each(ctx, ds, r.export)
	case opPackage:
		answers, err = Each(ctx, ds, r.packager.Package)
	default:
		return nil, Permanent(fmt.Errorf("no operation %s", op))
	}
	if err == nil && len(answers) != len(ds) {
		err = Permanent(fmt.Errorf("%s: the system gave %d answers for %d dispatches", op, len(answers), len(ds)))
	}
	return answers, err
}

// export lets the system write its parts and names them in the answer.
func (r *Responder) export(ctx context.Context, d Dispatch) (Answer, error) {
	sink := NewSink(r.config.ExportStore, d)
	a, err := r.exporter.Export(ctx, d, sink)
	if err != nil {
		return a, err
	}
	a.Parts = append(sink.Parts(), a.Parts...)
	return a, nil
}
