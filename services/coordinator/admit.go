package coordinator

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// admit takes in messages of the intake: one transaction, whatever is in it. A message that is no good is rejected in the same
// transaction, and nothing else stops.
func (c *Coordinator) admit(ctx context.Context, bs []kafka.Batch) []kafka.Outcome {
	in := &ingest[*candidate]{
		Coordinator: c, work: c.admitTx, apart: badRow,
		open: func(m kafka.Message, trace string) (*candidate, error) { return c.check(m, trace), nil },
		aside: func(k *candidate) {
			if k.reject != nil { // a rejection that cannot be written either: nothing in it is the sender's but its place
				k.req = dsr.SubjectRequest{}
			}
			k.rejectf(dsr.ReasonField, "a field cannot be stored")
		},
	}
	return in.take(ctx, bs)
}

func (k *candidate) origin() kafka.Message { return k.msg }

func (c *Coordinator) admitTx(ctx context.Context, tx store.Tx, ks []*candidate, sources []store.Source, n *tally) error {
	now := tx.Now()
	work := make([]candidate, len(ks)) // a transaction may run twice: nothing of a former try is kept
	for i, k := range ks {
		work[i] = *k
		if work[i].reject == nil {
			c.checkTime(&work[i], now)
		}
	}
	subjects := map[store.Subject]bool{}
	for i := range work {
		if work[i].reject == nil {
			for _, ref := range work[i].refs {
				subjects[store.Subject{Tenant: work[i].id.Tenant, Ref: ref}] = true
			}
		}
	}
	locked := sortedSubjects(maps.Keys(subjects))
	if len(locked) > 0 {
		if err := tx.LockSubjects(ctx, locked); err != nil {
			return err
		}
	}
	admitted, err := c.claimKeys(ctx, tx, work)
	if err != nil {
		return err
	}
	comers := make([]comer, len(admitted))
	for i, k := range admitted {
		comers[i] = comer{k.id.Tenant, k.req.Kind, k.kinds}
	}
	turn, err := c.newTurn(ctx, tx, now, locked, comers)
	if err != nil {
		return err
	}
	changes := store.Changes{Sources: sources}
	if len(admitted) > 0 {
		first, err := tx.Seq(ctx, len(admitted))
		if err != nil {
			return err
		}
		for i, k := range admitted {
			if _, err := turn.Admit(c.admission(k, first+int64(i), now)); err != nil {
				return err
			}
			if k.req.Corrects != "" {
				changes.Corrected = append(changes.Corrected, lifecycle.ID{Tenant: k.id.Tenant, RequestID: k.req.Corrects})
			}
		}
	}
	for i := range work {
		if k := &work[i]; k.reject != nil {
			if err := c.addRejection(&changes, k, now); err != nil {
				return err
			}
			n.rejected = append(n.rejected, rejectionCount{k.reject.Kind, k.reject.Reason})
		}
	}
	return c.save(ctx, tx, turn, changes, n)
}

// claimKeys remembers the request ids for good and returns the candidates whose id is new, in order. An honest repeat is
// dropped without a word; a repeat with other content is rejected under its place, so that it never touches the honest one.
func (c *Coordinator) claimKeys(ctx context.Context, tx store.Tx, work []candidate) ([]*candidate, error) {
	first := map[lifecycle.ID]*candidate{}
	var order, repeats []*candidate
	var keys []store.Key
	for i := range work {
		k := &work[i]
		switch {
		case k.reject != nil:
		case first[k.id] != nil:
			repeats = append(repeats, k)
		default:
			first[k.id] = k
			order = append(order, k)
			keys = append(keys, store.Key{ID: k.id, MAC: k.mac})
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	taken, err := tx.Keys(ctx, keys)
	if err != nil {
		return nil, err
	}
	var admitted []*candidate
	for _, k := range order {
		old, ok := taken[k.id]
		switch {
		case !ok:
			admitted = append(admitted, k)
		case !bytes.Equal(old.MAC, k.mac):
			k.conflict()
		}
	}
	for _, k := range repeats { // of whoever has the id: the first of the batch may conflict itself
		mac := first[k.id].mac
		if old, ok := taken[k.id]; ok {
			mac = old.MAC
		}
		if !bytes.Equal(mac, k.mac) {
			k.conflict()
		}
	}
	return admitted, nil
}

func (k *candidate) conflict() {
	k.rejectf(dsr.ReasonConflict, "the request id was used before with another kind, scope, regulation, capacity or person")
	k.reject.RequestID = ""
}

// admission freezes the request: what it asks, which systems must answer, under which map and until when.
func (c *Coordinator) admission(k *candidate, seq int64, now time.Time) lifecycle.Admission {
	return lifecycle.Admission{
		ID: k.id, Seq: seq, Kinds: k.kinds, Refs: k.refs, Identifiers: k.stored, Trace: k.trace,
		Frozen: lifecycle.Frozen{
			Request: k.req, Systems: k.systems, MapSHA256: c.cfg.Map.SHA256[:], MapVersion: c.cfg.Map.Version,
			SubjectRef: c.cfg.Keys.Subjects.RequestRef([]byte(k.refs[0]), k.id.RequestID),
			Kinds:      k.kinds, AdmittedAt: now, DueAt: k.rule.DueAt(k.req.ReceivedAt, k.est.Zone, k.est.Holiday).UTC(),
			RuleID: k.rule.ID, Zone: k.est.Zone.String(), CalendarID: k.est.CalendarID,
		},
	}
}

// addRejection keeps the rejection until it is corrected and tells the sender. The person is still owed an answer by due_at.
func (c *Coordinator) addRejection(ch *store.Changes, k *candidate, now time.Time) error {
	r := *k.reject
	r.RejectedAt = now
	r.Environment = c.cfg.Policy.Environment
	if r.ReceivedAt.After(now.Add(maxSkew)) || r.ReceivedAt.Before(now.Add(-c.cfg.ReceivedFloor)) {
		r.ReceivedAt = now // an absurd date starts no clock; the message came now
	}
	est, ok := c.cfg.Establishment[k.req.Establishment]
	if !ok {
		est = c.cfg.Establishment[c.cfg.Default]
	}
	rule, ok := dsr.RuleFor(k.req.Regulation)
	if !ok {
		rule, _ = dsr.RuleFor(dsr.GDPR)
	}
	r.DueAt = rule.DueAt(r.ReceivedAt, est.Zone, est.Holiday).UTC()
	m, err := c.encodeRejection(r, k.trace)
	if err != nil {
		return err
	}
	ch.Rejections = append(ch.Rejections, store.Rejection{Rejection: r})
	ch.Outbox = append(ch.Outbox, m)
	return nil
}

func sortedSubjects(seq func(func(store.Subject) bool)) []store.Subject {
	return slices.SortedFunc(seq, func(a, b store.Subject) int {
		switch {
		case a.Tenant < b.Tenant, a.Tenant == b.Tenant && a.Ref < b.Ref:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
}
