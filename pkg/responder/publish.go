package responder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/span"
)

// Causes of dead letters that have no acknowledgement, since there is no step to acknowledge. The others are error codes.
const (
	causeUndecodable = "undecodable"
	causeInvalid     = "invalid"
)

// outgoing is what one item has to say.
type outgoing struct {
	it   *item
	msg  kafka.Message
	ack  dsr.Acknowledgement // of an acknowledgement
	dead string              // of a dead letter: its cause
	span trace.Span
}

// publish sends what the settled items have to say and returns when the broker has it. It is repeated with the whole batch
// until it has succeeded, so that everything here comes from the ledger and is the same each time.
func (r *Responder) publish(ctx context.Context, items []*item) error {
	var out []*outgoing
	for _, it := range items {
		o, err := r.say(it)
		if err != nil {
			return err
		}
		out = append(out, o...)
	}
	if len(out) == 0 {
		return nil
	}
	if err := r.send(ctx, out); err != nil {
		return err
	}
	for _, o := range out {
		if o.dead != "" {
			r.metrics.deadLetter(ctx, o.dead)
		} else {
			r.metrics.acknowledged(ctx, o.ack)
		}
	}
	crash("acknowledged")
	return nil
}

func (r *Responder) say(it *item) ([]*outgoing, error) {
	if it.dead != "" {
		r.log.ErrorContext(it.ctx, "a message cannot be worked and is parked as a dead letter", "topic", it.msg.Topic, "partition", it.msg.Partition,
			"offset", it.msg.Offset, "cause", it.dead)
		return []*outgoing{r.deadLetter(it, it.dead, ClassPermanent)}, nil
	}
	if !it.settled { // or its twin speaks for it
		return nil, nil
	}
	ack := it.ack
	if !bytes.Equal(it.ackAs, it.entry.Ack) { // settled before, or by another one
		var err error
		if ack, err = r.config.Codec.DecodeAcknowledgement(it.entry.Ack); err != nil {
			return nil, fmt.Errorf("read the acknowledgement of %s in phase %s from the ledger: %w", it.key.RequestID, it.key.Phase, err)
		}
	}
	out := []*outgoing{r.acknowledge(it, ack, it.entry.Ack)}
	if ack.State == dsr.AckFailed && ack.ErrorCode != dsr.CodeExpired && ack.ErrorCode != dsr.CodeUnsupported {
		r.log.ErrorContext(it.ctx, "a dispatch failed and is parked as a dead letter", "request_id", string(it.key.RequestID),
			"phase", string(it.key.Phase), "round", int(it.key.Round), "code", ack.ErrorCode)
		out = append(out, r.deadLetter(it, ack.ErrorCode, Class(ack.ErrorClass)))
	}
	return out, nil
}

func (r *Responder) acknowledge(it *item, ack dsr.Acknowledgement, value []byte) *outgoing {
	topic := r.config.TopicPrefix + dsr.TopicAcknowledgement
	_, sp := span.Send(it.ctx, r.config.Tracer, span.Message{Topic: topic, Key: []byte(it.key.RequestID), ID: ack.AckID})
	if ack.State == dsr.AckFailed {
		span.Fail(it.span, ack.ErrorCode)
	}
	o := &outgoing{it: it, span: sp, msg: kafka.Message{Topic: topic, Key: []byte(it.key.RequestID)}}
	r.put(o, ack, value)
	return o
}

// put makes ack what is sent, under its own id and in the trace of the request.
func (r *Responder) put(o *outgoing, ack dsr.Acknowledgement, value []byte) {
	o.ack, o.msg.Value, o.msg.Headers = ack, value, nil
	event.Inject(trace.ContextWithSpan(o.it.ctx, o.span), event.Meta{
		ID: ack.AckID, Type: event.TypeAcknowledgement, Source: "lethe/responder/" + r.config.System, Subject: o.it.dispatch.SubjectRef, Time: ack.DoneAt,
	}, kafka.HeaderCarrier{Headers: &o.msg.Headers})
}

// deadLetter parks the message as it came, with its cause: a word, never an error's text, which may hold what it was about.
// Its bytes hold identifiers sealed only, as everything inside.
func (r *Responder) deadLetter(it *item, cause string, class Class) *outgoing {
	m := it.msg
	key := m.Key
	if len(key) == 0 {
		key = fmt.Appendf(nil, "%s/%d/%d", m.Topic, m.Partition, m.Offset)
	}
	topic := r.config.TopicPrefix + dsr.TopicDeadLetters
	_, sp := span.Send(it.ctx, r.config.Tracer, span.Message{Topic: topic, Key: key})
	sum := sha256.Sum256(m.Value)
	hs := slices.DeleteFunc(slices.Clone(m.Headers), func(h kafka.Header) bool { return len(h.Key) > 6 && h.Key[:6] == "lethe_" })
	for _, h := range [][2]string{
		{"lethe_cause", cause},
		{"lethe_class", string(class)},
		{"lethe_service", "responder"},
		{"lethe_system", r.config.System},
		{"lethe_attempt", strconv.Itoa(int(max(it.dispatch.Attempt, it.entry.Attempt)))},
		{"lethe_topic", m.Topic},
		{"lethe_partition", strconv.Itoa(m.Partition)},
		{"lethe_offset", strconv.FormatInt(m.Offset, 10)},
		{"lethe_sha256", hex.EncodeToString(sum[:])},
	} {
		hs = append(hs, kafka.Header{Key: h[0], Value: []byte(h[1])})
	}
	span.Fail(it.span, cause)
	return &outgoing{it: it, dead: cause, span: sp, msg: kafka.Message{Topic: topic, Key: key, Value: m.Value, Headers: hs}}
}

// send publishes, and makes smaller once what the broker refuses as too large: the line must not stand still for it.
func (r *Responder) send(ctx context.Context, out []*outgoing) error {
	ctx, cancel := outlive(ctx, r.workLimit()+2*r.settleLimit())
	defer cancel()
	defer func() {
		for _, o := range out {
			o.span.End()
		}
	}()
	for {
		msgs := make([]kafka.Message, len(out))
		for i, o := range out {
			msgs[i] = o.msg
		}
		err := r.sender.Send(ctx, msgs)
		if err == nil {
			return nil
		}
		var partial *kafka.SendError
		if !errors.As(err, &partial) {
			return fmt.Errorf("publish %d messages: %w", len(msgs), err)
		}
		var again []*outgoing
		for _, f := range partial.Failed {
			var large *kafka.TooLargeError
			if !errors.As(f.Err, &large) || !r.shrink(ctx, out[f.Index]) {
				return fmt.Errorf("publish %d messages: %w", len(msgs), err)
			}
			again = append(again, out[f.Index])
		}
		out = again
	}
}

// shrink makes a message small that does not fit its topic. An acknowledgement says failed instead (the ledger keeps the
// whole one); a dead letter keeps its place, where the original stands. It reports whether there was something to leave out.
func (r *Responder) shrink(ctx context.Context, o *outgoing) bool {
	r.log.ErrorContext(ctx, "a message is larger than its topic takes", "topic", o.msg.Topic, "bytes", len(o.msg.Value), "request_id", string(o.it.key.RequestID))
	if o.dead != "" {
		had := len(o.msg.Value) + len(o.msg.Headers)
		if len(o.msg.Value) > 0 {
			o.msg.Value = []byte{}
		} else { // what it came with was nearly too large already
			o.msg.Headers = slices.DeleteFunc(slices.Clone(o.msg.Headers), func(h kafka.Header) bool { return !strings.HasPrefix(h.Key, "lethe_") })
		}
		return len(o.msg.Value)+len(o.msg.Headers) < had
	}
	a := o.ack
	if a.ErrorCode == dsr.CodeOversize {
		return false
	}
	a.Collections, a.Parts, a.SealedKeys, a.SealedResolved, a.ResolvedKinds, a.EvidenceSHA256 = nil, nil, nil, nil, nil, nil
	a.State, a.ErrorCode, a.ErrorClass = dsr.AckFailed, dsr.CodeOversize, string(ClassPermanent)
	a.AckID = AckID(a.Key, a.Attempt, a.State)
	b, err := r.config.Codec.EncodeAcknowledgement(a)
	if err != nil {
		return false
	}
	r.put(o, a, b)
	return true
}
