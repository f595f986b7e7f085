package coordinator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// answer is one message of `acknowledgements` on its way in.
type answer struct {
	msg  kafka.Message
	id   lifecycle.ID
	in   lifecycle.Incoming
	dead string // set: a dead letter, with this cause
}

// aggregate takes in acknowledgements in one transaction. One that cannot be written becomes a dead letter.
func (c *Coordinator) aggregate(ctx context.Context, bs []kafka.Batch) []kafka.Outcome {
	in := &ingest[*answer]{
		Coordinator: c, work: c.aggregateTx, open: c.open,
		apart: func(err error) bool { return badRow(err) || errors.Is(err, lifecycle.ErrSealed) },
		aside: func(a *answer) { a.dead = causeInvalid },
	}
	return in.take(ctx, bs)
}

func (a *answer) origin() kafka.Message { return a.msg }

// open does everything about an acknowledgement that needs no database. A schema that this build does not know halts the
// partition: a newer writer runs somewhere and this reader has to be upgraded first. Other bad bytes are a dead letter.
func (c *Coordinator) open(m kafka.Message, trace string) (*answer, error) {
	a := &answer{msg: m}
	ack, err := c.acks.decode(m.Value)
	if err != nil {
		var unknown *event.UnknownSchemaError
		if errors.As(err, &unknown) {
			return nil, event.At(m.Topic, m.Partition, m.Offset, err)
		}
		a.dead = causeUndecodable
		return a, nil
	}
	id, err := dsr.ParseRequestID(string(ack.RequestID))
	if err != nil || !sound(ack) {
		a.dead = causeInvalid
		return a, nil
	}
	if ack.RequestID != id {
		own := *ack
		own.RequestID = id
		ack = &own
	}
	a.id = lifecycle.ID{Tenant: ack.Tenant, RequestID: id}
	a.in = lifecycle.Incoming{Ack: ack, Body: m.Value, Trace: trace}
	if ack.Phase == dsr.Resolve {
		if a.in.Learnt, err = c.vault.learnt(*ack); err != nil {
			a.dead = causeIdentifiers
		}
	}
	return a, nil
}

// sound refuses an acknowledgement that could fail a batch or put a word into a record that is not one.
func sound(a *dsr.Acknowledgement) bool {
	if !plain(a.Tenant) || !plain(a.System) || a.System == "" || a.Round < 1 || a.Attempt < 0 {
		return false
	}
	if a.State != dsr.AckAnswered && a.State != dsr.AckFailed && a.State != dsr.Delayed {
		return false
	}
	for _, c := range a.Collections {
		// A look has no outcome of its own; no_answer is the coordinator's word.
		if c.Outcome == dsr.NoAnswer || c.Outcome != "" && !c.Outcome.Valid() {
			return false
		}
	}
	return true
}

func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && len(s) <= maxText
}

func (c *Coordinator) aggregateTx(ctx context.Context, tx store.Tx, as []*answer, sources []store.Source, n *tally) error {
	ids, subjects, err := c.lockSubjects(ctx, tx, as)
	if err != nil {
		return err
	}
	open, err := tx.Requests(ctx, ids)
	if err != nil {
		return fmt.Errorf("load requests: %w", err)
	}
	archived, err := c.archived(ctx, tx, ids, open)
	if err != nil {
		return err
	}
	turn, err := c.newTurn(ctx, tx, tx.Now(), subjects, comersAmong(open, as))
	if err != nil {
		return err
	}
	ch := store.Changes{Sources: sources}
	for _, a := range as {
		cause := a.dead
		if cause == "" {
			if cause, err = c.apply(turn, a, open, archived, n); err != nil {
				return fmt.Errorf("acknowledgement at %s/%d@%d: %w", a.msg.Topic, a.msg.Partition, a.msg.Offset, err)
			}
		}
		if cause != "" {
			ch.Outbox = append(ch.Outbox, c.deadLetter(a.msg, cause))
			n.dead = append(n.dead, cause)
		}
	}
	return c.save(ctx, tx, turn, ch, n)
}

// apply hands an acknowledgement to the open request, or to the archive of a sealed one, which it may open again.
func (c *Coordinator) apply(turn *lifecycle.Turn, a *answer, open map[lifecycle.ID]*lifecycle.Request, archived map[lifecycle.ID]*lifecycle.Archive, n *tally) (cause string, err error) {
	in := a.in
	var v lifecycle.Verdict
	if r := open[a.id]; r != nil {
		v, err = turn.Acknowledge(r, in)
	} else if old := archived[a.id]; old != nil {
		v, err = turn.Reopen(&old.Request, in)
		if v == lifecycle.Accepted {
			open[a.id] = &old.Request
		}
	} else {
		return causeUnknownRequest, nil
	}
	n.acks = append(n.acks, ackCount{in.Ack.Kind, v})
	if v == lifecycle.Unasked {
		return causeUnasked, err
	}
	return "", err
}

// lockSubjects locks the persons of the requests that this batch may take to the gate: those with an answer to a resolution.
func (c *Coordinator) lockSubjects(ctx context.Context, tx store.Tx, as []*answer) ([]lifecycle.ID, []store.Subject, error) {
	var ids, resolving []lifecycle.ID
	subjects := map[store.Subject]bool{}
	for _, a := range as {
		if a.dead != "" {
			continue
		}
		ids = append(ids, a.id)
		if a.in.Ack.Phase == dsr.Resolve {
			resolving = append(resolving, a.id)
			for _, ref := range a.in.Learnt.Refs {
				subjects[store.Subject{Tenant: a.id.Tenant, Ref: ref}] = true
			}
		}
	}
	ids = sortedIDs(ids)
	if len(resolving) == 0 {
		return ids, nil, nil
	}
	known, err := tx.Refs(ctx, sortedIDs(resolving))
	if err != nil {
		return nil, nil, fmt.Errorf("read pseudonyms: %w", err)
	}
	for _, s := range persons(known) {
		subjects[s] = true
	}
	sorted := sortedSubjects(maps.Keys(subjects))
	return ids, sorted, tx.LockSubjects(ctx, sorted)
}

// comersAmong lists the requests that an answer to a resolution may take to the gate. They are compared by what they came with
// and what the answers bring.
func comersAmong(open map[lifecycle.ID]*lifecycle.Request, as []*answer) []comer {
	var out []comer
	for _, a := range as {
		r := open[a.id]
		if r == nil || r.State != dsr.Resolving || a.in.Ack.Phase != dsr.Resolve {
			continue
		}
		out = append(out, comer{r.Tenant, r.Kind, r.Progress.Kinds}) // in case nothing is learnt
		kinds := slices.Clone(r.Progress.Kinds)
		for _, i := range a.in.Learnt.Identifiers {
			kinds = append(kinds, i.Kind)
		}
		out = append(out, comer{r.Tenant, r.Kind, kinds})
	}
	return out
}

func (c *Coordinator) archived(ctx context.Context, tx store.Tx, ids []lifecycle.ID, open map[lifecycle.ID]*lifecycle.Request) (map[lifecycle.ID]*lifecycle.Archive, error) {
	var sealed []lifecycle.ID
	for _, id := range ids {
		if open[id] == nil {
			sealed = append(sealed, id)
		}
	}
	if len(sealed) == 0 {
		return nil, nil
	}
	out, err := tx.Archived(ctx, sealed)
	if err != nil {
		return nil, fmt.Errorf("load sealed requests: %w", err)
	}
	return out, nil
}

func sortedIDs(ids []lifecycle.ID) []lifecycle.ID {
	slices.SortFunc(ids, lifecycle.ID.Compare)
	return slices.Compact(ids)
}
