package main

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/intake"
	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// sealedBatch is a batch of subject requests, ready to be sent: what upstream systems do on their own machines is not measured.
type sealedBatch struct {
	ids  []dsr.RequestID
	msgs []kafka.Message
}

// Send implements [kafka.Sender]: it keeps what the publisher would send.
func (b *sealedBatch) Send(_ context.Context, ms []kafka.Message) error {
	b.msgs = append(b.msgs, ms...)
	return nil
}

// seal makes n erasures of people whom nobody else asks for.
func (p *pipeline) seal(ctx context.Context, n int) (*sealedBatch, error) {
	key, err := p.proc.Keys.IntakePublic()
	if err != nil {
		return nil, err
	}
	b := &sealedBatch{}
	rs := make([]dsr.SubjectRequest, n)
	now := time.Now()
	for i := range rs {
		id := uuid.NewString()
		rs[i] = dsr.SubjectRequest{
			RequestID: dsr.RequestID(id), Kind: dsr.Erasure, ReceivedAt: now, Channel: "web form",
			Identifiers: []dsr.Identifier{{Kind: dsr.Email, Value: id + "@bench.example"}},
		}
		b.ids = append(b.ids, rs[i].RequestID)
	}
	return b, intake.New(b, p.proc.Codec, key, intake.Config{TopicPrefix: p.proc.Config.Kafka.TopicPrefix, Source: "bench"}).Publish(ctx, rs...)
}

// publish sends a batch and returns when the broker has acknowledged every request in it.
func (p *pipeline) publish(ctx context.Context, b *sealedBatch) error {
	return p.proc.Producer.Send(ctx, b.msgs)
}

// publishedAtOnce is how many requests one send carries.
const publishedAtOnce = 500

func (p *pipeline) sealAll(ctx context.Context, n int) ([]*sealedBatch, error) {
	var out []*sealedBatch
	for left := n; left > 0; left -= publishedAtOnce {
		b, err := p.seal(ctx, min(publishedAtOnce, left))
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func (p *pipeline) publishAll(ctx context.Context, batches []*sealedBatch) error {
	for _, b := range batches {
		if err := p.publish(ctx, b); err != nil {
			return err
		}
	}
	return nil
}
