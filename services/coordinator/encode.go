package coordinator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// source is the ce_source of everything that the coordinator publishes.
const source = "lethe/coordinator"

// encode turns what the state machine publishes into the bytes of the message, before the transaction commits: what is
// published later is what was decided, whichever build publishes it.
func (c *Coordinator) encode(o *lifecycle.Outgoing) (store.Message, error) {
	m := event.Meta{ID: o.MessageID, Source: source}
	var topic string
	var value []byte
	var err error
	switch {
	case o.Dispatch != nil:
		topic, m.Type, m.Subject, m.Time = dsr.DispatchTopic(o.Dispatch.Kind, o.Dispatch.Phase), event.TypeDispatchedRequest, o.Dispatch.SubjectRef, o.Dispatch.DispatchedAt
		value, err = c.cfg.Codec.EncodeDispatch(*o.Dispatch)
	case o.Status != nil:
		topic, m.Type, m.Subject, m.Time = dsr.TopicStatus, event.TypeRequestStatus, o.Status.SubjectRef, o.Status.UpdatedAt
		value, err = c.cfg.Codec.EncodeStatus(*o.Status)
	default:
		topic, m.Type, m.Time = dsr.TopicCompletions, event.TypeCompletion, o.Completion.SealedAt
		value, err = c.cfg.Codec.EncodeCompletion(*o.Completion)
	}
	if err != nil {
		return store.Message{}, fmt.Errorf("encode message for %s of request %s: %w", topic, o.RequestID, err)
	}
	return c.message(topic, []byte(o.RequestID), value, m, o.Trace), nil
}

// encodeRejection addresses a rejection by its request id, or by its place where it has none of its own.
func (c *Coordinator) encodeRejection(r dsr.Rejection, trace string) (store.Message, error) {
	value, err := c.cfg.Codec.EncodeRejection(r)
	if err != nil {
		return store.Message{}, fmt.Errorf("encode rejection of %s: %w", place(r.Topic, int(r.Partition), r.Offset), err)
	}
	key := string(r.RequestID)
	if key == "" {
		key = place(r.Topic, int(r.Partition), r.Offset)
	}
	m := event.Meta{ID: "rejected/" + place(r.Topic, int(r.Partition), r.Offset), Source: source, Type: event.TypeRejectedRequest, Time: r.RejectedAt}
	return c.message(dsr.TopicRejected, []byte(key), value, m, trace), nil
}

func place(topic string, partition int, offset int64) string {
	return topic + "/" + strconv.Itoa(partition) + "/" + strconv.FormatInt(offset, 10)
}

func (c *Coordinator) message(topic string, key, value []byte, m event.Meta, trace string) store.Message {
	hs := event.Headers(m)
	out := store.Message{Shard: shardOf(key, c.cfg.Shards), Topic: c.cfg.TopicPrefix + topic, Key: key, Value: value, Headers: make([]store.Header, 0, len(hs)+1)}
	for _, h := range hs {
		out.Headers = append(out.Headers, store.Header{Key: h.Key, Value: []byte(h.Value)})
	}
	if trace != "" {
		out.Headers = append(out.Headers, store.Header{Key: "traceparent", Value: []byte(trace)})
	}
	return out
}

// shardOf spreads keys over the shards; all messages of one request go through one shard, in order.
func shardOf(key []byte, shards int) int {
	h := fnv.New32a()
	_, _ = h.Write(key) // never fails
	return int(h.Sum32() % uint32(shards))
}

// Causes of dead letters.
const (
	causeUndecodable    = "undecodable"
	causeInvalid        = "invalid"
	causeIdentifiers    = "identifiers"
	causeUnknownRequest = "unknown_request"
	causeUnasked        = "unasked"
	causeOversize       = "oversize"
)

// deadLetter parks a message of an internal topic for a person. Its bytes hold identifiers sealed only, as everything inside.
func (c *Coordinator) deadLetter(m kafka.Message, cause string) store.Message {
	sum := sha256.Sum256(m.Value)
	key := m.Key
	if len(key) == 0 {
		key = []byte(place(m.Topic, m.Partition, m.Offset))
	}
	d := store.Message{Shard: shardOf(key, c.cfg.Shards), Topic: c.cfg.TopicPrefix + dsr.TopicDeadLetters, Key: key, Value: m.Value}
	for _, h := range m.Headers {
		d.Headers = append(d.Headers, store.Header{Key: h.Key, Value: h.Value})
	}
	for _, h := range [][2]string{
		{"lethe_cause", cause},
		{"lethe_service", "coordinator"},
		{"lethe_topic", m.Topic},
		{"lethe_partition", strconv.Itoa(m.Partition)},
		{"lethe_offset", strconv.FormatInt(m.Offset, 10)},
		{"lethe_sha256", hex.EncodeToString(sum[:])},
	} {
		d.Headers = append(d.Headers, store.Header{Key: h[0], Value: []byte(h[1])})
	}
	return d
}
