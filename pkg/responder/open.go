package responder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/pkg/span"
)

// item is one message on its way through a batch.
type item struct {
	msg      kafka.Message
	dispatch dsr.Dispatch
	key      dsr.Key
	ticket   string // of the deferral that is due
	begun    bool   // part of it is done: it is worked alone

	ctx  context.Context //nolint:containedctx // the message's own trace; it ends with the batch
	span trace.Span

	foreign bool   // not addressed to this system
	dead    string // cannot be decoded: the cause of its dead letter
	twin    *item  // the one of this batch that stands for the same step
	settled bool
	entry   Entry               // as the ledger holds it, once settled
	ack     dsr.Acknowledgement // as it was made here last,
	ackAs   []byte              // and its bytes
}

// done reports whether nothing is left to do for the item, its message's offset may be stepped past.
func (it *item) done() bool {
	return it.foreign || it.dead != "" || it.settled || it.twin != nil && it.twin.settled
}

// open decodes messages. An unknown schema ends it with an error: what came before is returned and may be worked, but nothing
// past it, for a newer writer runs somewhere and this reader has to be upgraded first. Other bad bytes are a dead letter.
func (r *Responder) open(msgs []kafka.Message) ([]*item, error) {
	items := make([]*item, 0, len(msgs))
	for _, m := range msgs {
		it, err := r.openOne(m)
		if err != nil {
			return items, err
		}
		items = append(items, it)
	}
	return items, nil
}

// twins finds the same step twice: the higher attempt is worked, its acknowledgement stands for both.
func twins(items []*item) {
	byKey := make(map[dsr.Key]*item, len(items))
	for _, it := range items {
		if it.foreign || it.dead != "" {
			continue
		}
		if first := byKey[it.key]; first == nil {
			byKey[it.key] = it
		} else if it.dispatch.Attempt > first.dispatch.Attempt {
			first.twin, byKey[it.key] = it, it
		} else {
			it.twin = first
		}
	}
	for _, it := range items { // a twin of a twin
		for it.twin != nil && it.twin.twin != nil {
			it.twin = it.twin.twin
		}
	}
}

func (r *Responder) openOne(m kafka.Message) (*item, error) {
	it := &item{msg: m}
	d, err := r.config.Codec.DecodeDispatch(m.Value)
	var unknown *event.UnknownSchemaError
	switch {
	case errors.As(err, &unknown):
		return nil, event.At(m.Topic, m.Partition, m.Offset, err)
	case err != nil:
		it.dead = causeUndecodable
	case !d.Addresses(r.config.System):
		it.foreign = true
	case !sound(d):
		it.dead = causeInvalid
	}
	if it.dead != causeUndecodable {
		it.dispatch, it.key = d, d.KeyFor(r.config.System)
	}
	if !it.foreign {
		r.begin(it)
	}
	return it, nil
}

// begin starts the span of the item, in the trace that its message came with.
func (r *Responder) begin(it *item) {
	ctx, meta := event.Extract(context.Background(), kafka.HeaderCarrier{Headers: &it.msg.Headers})
	it.ctx, it.span = span.Process(ctx, r.config.Tracer, span.Message{
		Topic: it.msg.Topic, Partition: it.msg.Partition, Offset: it.msg.Offset, Key: it.msg.Key, ID: meta.ID, Group: r.config.Group,
	})
}

// end closes the spans of a batch.
func end(items []*item) {
	for _, it := range items {
		if it.span != nil {
			it.span.End()
		}
	}
}

// sound reports whether the key of a step can stand in every ledger. One that cannot would fail its whole batch.
func sound(d dsr.Dispatch) bool {
	if _, err := dsr.ParseRequestID(string(d.RequestID)); err != nil {
		return false
	}
	for _, s := range []string{d.Tenant, string(d.Phase), string(d.Kind)} {
		if len(s) > 255 || strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			return false
		}
	}
	return d.Round >= 1 && d.Attempt >= 1
}

// unseal opens what the dispatch carries for this system.
func (r *Responder) unseal(it *item, e Entry) (Dispatch, error) {
	w := it.dispatch
	d := Dispatch{
		Key: it.key, Attempt: e.Attempt, Kind: w.Kind, SubjectRef: w.SubjectRef, Capacity: w.Capacity, Regulation: w.Regulation, Scope: w.Scope,
		Want: w.Want, Parts: w.Parts, Pending: w.Pending, Delivery: w.Delivery, MapHash: w.MapHash,
		ReceivedAt: w.ReceivedAt, AsOf: w.AsOf, NotAfter: w.NotAfter, Ticket: e.Ticket, Resumed: e.Resumed,
	}
	if len(w.SealedIdentifiers) > 0 {
		plain, err := r.config.Keys.Open(w.SealedIdentifiers, sealing.IdentifiersAD(w.RequestID, w.Phase))
		if err != nil {
			return d, fmt.Errorf("identifiers: %w", err)
		}
		if d.Identifiers, err = r.config.Codec.DecodeIdentifiers(plain); err != nil {
			return d, fmt.Errorf("identifiers: %w", err)
		}
	} else if w.Phase != dsr.Package {
		return d, errors.New("identifiers: none came with the dispatch")
	}
	if len(e.Progress) > 0 {
		var err error
		if d.Progress, err = r.config.Keys.Open(e.Progress, sealing.ProgressAD(w.RequestID, r.config.System)); err != nil {
			return d, fmt.Errorf("progress: %w", err)
		}
	}
	for _, k := range w.SealedKeys {
		if k.System != r.config.System {
			continue
		}
		plain, err := r.config.Keys.Open(k.Value, sealing.KeysAD(w.RequestID, r.config.System))
		if err != nil {
			return d, fmt.Errorf("row keys: %w", err)
		}
		if err := json.Unmarshal(plain, &d.Keys); err != nil {
			return d, errors.New("row keys: not what this responder sealed")
		}
	}
	return d, nil
}

// source is a message as the ledger keeps it while its step is deferred: as it came, sealed.
type source struct {
	Topic     string         `json:"topic"`
	Partition int            `json:"partition"`
	Offset    int64          `json:"offset"`
	Key       []byte         `json:"key,omitempty"`
	Value     []byte         `json:"value"`
	Headers   []kafka.Header `json:"headers,omitempty"`
	Time      time.Time      `json:"time,omitzero"`
}

func (it *item) source() []byte {
	m := it.msg
	b, err := json.Marshal(source{m.Topic, m.Partition, m.Offset, m.Key, m.Value, m.Headers, m.Time})
	if err != nil {
		panic(err) // bytes, strings and numbers always marshal
	}
	return b
}

// reopen makes an item of what the ledger kept.
func (r *Responder) reopen(e Entry) (*item, error) {
	var s source
	if err := json.Unmarshal(e.Source, &s); err != nil {
		return nil, errors.New("read deferred message: the ledger holds none")
	}
	it, err := r.openOne(kafka.Message{Topic: s.Topic, Partition: s.Partition, Offset: s.Offset, Key: s.Key, Value: s.Value, Headers: s.Headers, Time: s.Time})
	if err != nil {
		return nil, err
	}
	if it.dead != "" || it.foreign || it.key != e.Key {
		return nil, errors.New("read deferred message: the ledger holds another one")
	}
	it.ticket, it.begun = e.Ticket, len(e.Progress) > 0
	return it, nil
}
