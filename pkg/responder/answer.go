package responder

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/sealing"
)

// publishLease is how long after its settlement a step of the due loop is published by another turn, should this one die.
const publishLease = time.Minute

// answered settles an entry as the system answered. An error is the answer's own fault and means the whole step.
func (r *Responder) answered(e *Entry, it *item, mode Mode, op operation, d Dispatch, a Answer) error {
	switch {
	case a.Err != nil:
		if !errors.Is(a.Err, errNotBegun) {
			e.Resumed = true // it may have acted; a ledger in the system's transaction knows better
		}
		class := Classify(a.Err)
		if !errors.Is(a.Err, ErrUnsupported) {
			r.log.WarnContext(it.ctx, "the system did not serve a dispatch", "operation", string(op), "request_id", string(it.key.RequestID),
				"round", int(it.key.Round), "class", string(class), "error", redact(a.Err, d))
		}
		if class == ClassPermanent {
			return r.failed(e, it, mode, codeOf(a.Err, dsr.CodePermanent), class)
		}
		return r.deferred(e, it, mode, a.Err, nil)
	case a.Defer != nil:
		if !plain(a.Defer.Ticket) {
			return Permanent(errors.New("the system's ticket is not plain text"))
		}
		if err := r.keep(e, a.Defer.Progress); err != nil {
			return Permanent(err)
		}
		return r.deferred(e, it, mode, nil, a.Defer)
	}
	a, err := judge(d, a)
	if err != nil {
		return Permanent(fmt.Errorf("%s: %w", op, err))
	}
	e.State = dsr.AckAnswered
	ack, err := r.acknowledgement(e, it)
	if err == nil {
		err = r.fill(&ack, a)
	}
	if err != nil {
		return Permanent(err)
	}
	return r.finish(e, it, mode, ack, a.Evidence)
}

// failed settles an entry as failed.
func (r *Responder) failed(e *Entry, it *item, mode Mode, code string, class Class) error {
	e.State = dsr.AckFailed
	ack, err := r.acknowledgement(e, it)
	if err != nil {
		return Permanent(err)
	}
	ack.ErrorCode, ack.ErrorClass = code, string(class)
	return r.finish(e, it, mode, ack, nil)
}

func (r *Responder) finish(e *Entry, it *item, mode Mode, ack dsr.Acknowledgement, evidence []byte) error {
	b, err := r.config.Codec.EncodeAcknowledgement(ack)
	if err != nil {
		return Permanent(fmt.Errorf("encode the acknowledgement: %w", err))
	}
	if len(b) > r.config.MaxMessageBytes {
		return coded(dsr.CodeOversize, fmt.Errorf("the acknowledgement has %d bytes, at most %d fit a message", len(b), r.config.MaxMessageBytes))
	}
	if ack.State == dsr.AckFailed && e.Ticket != "" {
		e.Resumed = true // the order may yet be carried out
	}
	it.ack, it.ackAs = ack, b
	e.Ack, e.Evidence, e.Source, e.Ticket = b, evidence, nil, ""
	if ack.State == dsr.AckAnswered {
		e.Progress = nil
	}
	e.DeferredAt, e.Deadline, e.DueAt = time.Time{}, time.Time{}, time.Time{}
	if mode != Deliver { // no message will come again to have it published
		e.DueAt, e.Source = r.now().Add(lease(publishLease)), it.source()
	}
	return nil
}

// longestRetry bounds the growing time between two tries of a deferred step.
const longestRetry = 15 * time.Minute

// deferred settles an entry as one to be worked, polled or answered later; as failed, once it was deferred for too long.
// cause is nil where the system itself deferred.
func (r *Responder) deferred(e *Entry, it *item, mode Mode, cause error, d *Deferral) error {
	now := r.now()
	if mode == Deliver { // new, or a higher attempt begins anew
		e.DeferredAt, e.Deadline, e.Ticket = now, now.Add(r.config.DeferLimit), ""
	} else if !now.Before(e.Deadline) {
		return r.failed(e, it, mode, dsr.CodeDeadline, cmpClass(cause))
	}
	switch {
	case d != nil && d.More:
		e.Ticket, e.DueAt, e.Deadline = "", now, now.Add(r.config.DeferLimit)
	case d != nil:
		e.Ticket = d.Ticket
		if !d.Until.IsZero() {
			e.Deadline = d.Until
		}
		e.DueAt = d.At
		if e.DueAt.IsZero() || !e.DueAt.After(now) {
			e.DueAt = now.Add(r.config.PollEvery)
		}
		if d.Ticket != "" && r.poller == nil { // nobody to ask: the answer is brought
			e.DueAt = e.Deadline
		}
	case e.Ticket != "" && r.poller == nil:
		e.DueAt = e.Deadline
	default: // ever more seldom: as long again as it has been deferred
		e.DueAt = now.Add(min(max(now.Sub(e.DeferredAt), r.config.PollEvery), longestRetry))
	}
	if e.DueAt.After(e.Deadline) {
		e.DueAt = e.Deadline
	}
	e.State = dsr.Delayed
	e.Source = it.source()
	if mode != Deliver { // acknowledged as delayed already
		return nil
	}
	ack, err := r.acknowledgement(e, it)
	if err != nil {
		return Permanent(err)
	}
	ack.DelayedUntil = e.DueAt
	ack.ErrorClass = string(Classify(cause))
	if e.Ack, err = r.config.Codec.EncodeAcknowledgement(ack); err != nil {
		return Permanent(fmt.Errorf("encode the acknowledgement: %w", err))
	}
	it.ack, it.ackAs = ack, e.Ack
	return nil
}

// keep seals what the system wants to know when it goes on.
func (r *Responder) keep(e *Entry, progress []byte) error {
	e.Progress = nil
	if len(progress) == 0 {
		return nil
	}
	var err error
	if e.Progress, err = r.config.Keys.Seal(progress, sealing.ProgressAD(e.Key.RequestID, e.Key.System)); err != nil {
		return fmt.Errorf("seal the progress of a step: %w", err)
	}
	return nil
}

func cmpClass(err error) Class {
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		return ClassTransient
	}
	return Classify(err)
}

// judge checks what a system answered and keeps it honest: an answer is refused rather than bent where the system made a
// mistake, and weakened where only the runtime knows better.
func judge(d Dispatch, a Answer) (Answer, error) {
	act := d.Phase == dsr.Act && d.Kind == dsr.Erasure
	cs := make([]dsr.Collection, len(a.Collections))
	for i, c := range a.Collections {
		switch {
		case !c.Outcome.Valid() || c.Outcome == dsr.NoAnswer:
			return a, fmt.Errorf("collection %d of the answer has an outcome that a system cannot give", i+1)
		case c.Name == "" || !plain(c.Name):
			return a, fmt.Errorf("collection %d of the answer has no proper name", i+1)
		case act && c.Outcome == dsr.NotFound && c.Counts.Found > 0:
			return a, fmt.Errorf("collection %d of the answer is not_found and counts %d found", i+1, c.Counts.Found)
		}
		if c.CountQuality == "" {
			c.CountQuality = dsr.CountsExact
		}
		if c.Outcome == dsr.NotFound && len(d.Identifiers) == 0 && len(d.Keys) == 0 {
			c.Outcome = dsr.NotSearched // it had nothing to look with
		}
		if act && d.Resumed {
			c = resumed(c)
		}
		cs[i] = c
	}
	a.Collections = cs
	if a.IdentifierKinds == nil {
		a.IdentifierKinds = d.Kinds()
	}
	return a, nil
}

// resumed weakens the outcome of an erasure that an earlier try may have done already: what is found now says nothing about
// what there was.
func resumed(c dsr.Collection) dsr.Collection {
	if c.CountQuality == dsr.CountsExact {
		c.CountQuality = dsr.CountsLowerBound
	}
	if c.Outcome == dsr.NotFound {
		c.Outcome = dsr.Erased
		c.Note = strings.TrimSpace("nothing is left; an interrupted earlier try may have erased what there was. " + c.Note)
	}
	return c
}

// plain reports whether s can stand in every database and message.
func plain(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
