package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// Republished says how much was published again.
type Republished struct {
	Records  int // addenda included
	Statuses int // of a request whose records come in two batches twice
}

// Republish publishes again what `completions` and `request-status` may have lost: every record that was sealed at the instant or
// later, and the present status of its request and of every open one. A record and the status of a sealed request have the bytes that
// they had; the status of an open request is a new version that says the same. It goes through the outbox, under the locks of every
// other transaction, so that coordinators may run or not, and a status never stands behind a newer one. Running it twice tells
// everybody twice and changes nothing more.
func (c *Coordinator) Republish(ctx context.Context, since time.Time) (Republished, error) {
	var all Republished
	after := store.Record{SealedAt: since}
	for {
		sealed, err := c.store.Records(ctx, after, c.cfg.Batch)
		if err != nil {
			return all, fmt.Errorf("republish: %w", err)
		}
		if len(sealed) == 0 {
			break
		}
		after = sealed[len(sealed)-1].Record
		var out []store.Message
		var ids []lifecycle.ID
		for i := range sealed {
			m, err := c.recordAgain(&sealed[i])
			if err != nil {
				return all, fmt.Errorf("republish: %w", err)
			}
			out, ids = append(out, m), append(ids, sealed[i].ID)
		}
		n, err := c.restateAll(ctx, sortedIDs(ids), out)
		if err != nil {
			return all, fmt.Errorf("republish: %w", err)
		}
		all.Records, all.Statuses = all.Records+len(sealed), all.Statuses+n
	}
	var last lifecycle.ID
	for {
		ids, err := c.store.Open(ctx, last, c.cfg.Batch)
		if err != nil {
			return all, fmt.Errorf("republish: %w", err)
		}
		if len(ids) == 0 {
			return all, nil
		}
		last = ids[len(ids)-1]
		n, err := c.restateAll(ctx, sortedIDs(ids), nil)
		if err != nil {
			return all, fmt.Errorf("republish: %w", err)
		}
		all.Statuses += n
	}
}

func (c *Coordinator) restateAll(ctx context.Context, ids []lifecycle.ID, before []store.Message) (int, error) {
	err := c.transact(ctx, func(ctx context.Context, tx store.Tx, n *tally) error { return c.restateTx(ctx, tx, ids, before, n) })
	return len(ids), errors.Join(err, ctx.Err())
}

// recordAgain is the message of a record, as it was published when the record was sealed.
func (c *Coordinator) recordAgain(s *store.Sealed) (store.Message, error) {
	kind := completion.TypeRecord
	if s.Number > 0 {
		kind = completion.TypeAddendum
	}
	environment, err := environmentOf(s.Envelope)
	if err != nil {
		return store.Message{}, fmt.Errorf("record %d of request %s: %w", s.Number, s.RequestID, err)
	}
	return c.encode(&lifecycle.Outgoing{ID: s.ID, Trace: s.Request.Trace, MessageID: s.RecordID, Completion: &dsr.Completion{
		Tenant: s.Tenant, RequestID: s.RequestID, RecordID: s.RecordID, Number: s.Number, Type: kind, Kind: s.Request.Kind,
		Result: s.Result, SealedAt: s.SealedAt, Envelope: s.Envelope, SHA256: s.SHA256, Environment: environment,
	}})
}

// environmentOf reads where a record was sealed, which may be another one than that of whoever publishes it again.
func environmentOf(envelope []byte) (string, error) {
	var signed struct {
		Payload []byte `json:"payload"`
	}
	var record struct {
		Environment string `json:"environment"`
	}
	if err := json.Unmarshal(envelope, &signed); err != nil {
		return "", fmt.Errorf("read envelope: %w", err)
	}
	if err := json.Unmarshal(signed.Payload, &record); err != nil {
		return "", fmt.Errorf("read record: %w", err)
	}
	return record.Environment, nil
}
