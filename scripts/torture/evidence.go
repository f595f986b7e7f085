package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/lethe/roles"
)

// place is where a message of the intake stands.
type place struct {
	topic     string
	partition int
	offset    int64
}

// version is one state of a request that a status told.
type version struct {
	id dsr.RequestID
	n  int64
}

// evidence is all that the oracle knows of Lethe: what anybody may read from its topics. It never asks the coordinator's database.
type evidence struct {
	intake      []kafka.Message
	rejections  map[place][]kafka.Message
	reasons     map[place]string
	completions map[dsr.RequestID][]dsr.Completion // those of one request that differ
	repeated    int                                // completions that were published again, byte for byte
	newest      map[dsr.RequestID]dsr.Status       // by version
	versions    map[version][sha256.Size]byte      // of each status, its bytes
	torn        []version                          // said twice, and not the same
	last        map[dsr.RequestID]dsr.Status       // by place: what compaction keeps
	dead        []kafka.Message
	acks        int
}

// gather reads every topic from its first message to its last.
func gather(ctx context.Context, p *roles.Process) (*evidence, error) {
	e := &evidence{
		rejections: map[place][]kafka.Message{}, reasons: map[place]string{}, completions: map[dsr.RequestID][]dsr.Completion{},
		newest: map[dsr.RequestID]dsr.Status{}, last: map[dsr.RequestID]dsr.Status{}, versions: map[version][sha256.Size]byte{},
	}
	var topics []string
	for _, t := range []string{dsr.TopicRequests, dsr.TopicRejected, dsr.TopicStatus, dsr.TopicCompletions, dsr.TopicDeadLetters, dsr.TopicAcknowledgement} {
		topics = append(topics, prefix+t)
	}
	for m, err := range p.Kafka.Tail(ctx, kafka.TailConfig{Topics: topics}) {
		if err == nil {
			err = e.take(p, m)
		}
		if err != nil {
			return nil, fmt.Errorf("read the topics: %w", err)
		}
	}
	return e, nil
}

func (e *evidence) take(p *roles.Process, m kafka.Message) error {
	switch m.Topic[len(prefix):] {
	case dsr.TopicRequests:
		e.intake = append(e.intake, m)
	case dsr.TopicRejected:
		r, err := p.Codec.DecodeRejection(m.Value)
		if err != nil {
			return err
		}
		at := place{r.Topic, int(r.Partition), r.Offset}
		e.reasons[at] = r.Reason
		for _, have := range e.rejections[at] {
			if bytes.Equal(have.Value, m.Value) {
				return nil
			}
		}
		e.rejections[at] = append(e.rejections[at], m)
	case dsr.TopicStatus:
		s, err := p.Codec.DecodeStatus(m.Value)
		if err != nil {
			return err
		}
		e.last[s.RequestID] = s
		v, sum := version{s.RequestID, s.Version}, sha256.Sum256(m.Value)
		if had, ok := e.versions[v]; ok && had != sum {
			e.torn = append(e.torn, v)
		}
		e.versions[v] = sum
		if s.Version >= e.newest[s.RequestID].Version {
			e.newest[s.RequestID] = s
		}
	case dsr.TopicCompletions:
		c, err := p.Codec.DecodeCompletion(m.Value)
		if err != nil {
			return err
		}
		if string(m.Key) != string(c.RequestID) {
			return fmt.Errorf("the completion of request %s has the key %q", c.RequestID, m.Key)
		}
		for _, have := range e.completions[c.RequestID] {
			if have.RecordID == c.RecordID && bytes.Equal(have.Envelope, c.Envelope) {
				e.repeated++
				return nil
			}
		}
		e.completions[c.RequestID] = append(e.completions[c.RequestID], c)
	case dsr.TopicDeadLetters:
		e.dead = append(e.dead, m)
	case dsr.TopicAcknowledgement:
		e.acks++
	}
	return nil
}
