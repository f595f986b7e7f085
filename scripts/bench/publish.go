package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

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
func (c *company) seal(ctx context.Context, n int) (*sealedBatch, error) {
	key, err := c.proc.Keys.IntakePublic()
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
	return b, intake.New(b, c.proc.Codec, key, intake.Config{TopicPrefix: c.proc.Config.Kafka.TopicPrefix, Source: "bench"}).Publish(ctx, rs...)
}

// publishedAtOnce is how many requests one send carries.
const publishedAtOnce = 500

func (c *company) sealAll(ctx context.Context, n int) ([]*sealedBatch, error) {
	var out []*sealedBatch
	for left := n; left > 0; left -= publishedAtOnce {
		b, err := c.seal(ctx, min(publishedAtOnce, left))
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// publish sends batches one after the other, each when the broker has acknowledged the one before.
func (c *company) publish(ctx context.Context, batches ...*sealedBatch) error {
	for _, b := range batches {
		if err := c.proc.Producer.Send(ctx, b.msgs); err != nil {
			return err
		}
	}
	return nil
}

// warmUp takes some requests through, so that groups have formed and statements are prepared.
func (c *company) warmUp(ctx context.Context, n int) error {
	batches, err := c.sealAll(ctx, n)
	if err != nil {
		return err
	}
	if err := c.publish(ctx, batches...); err != nil {
		return err
	}
	return c.until(ctx, n, 5*time.Minute)
}

// drain publishes n requests as fast as the broker takes them and returns how long it took until the last record was seen.
func (c *company) drain(ctx context.Context, n int) (time.Duration, error) {
	batches, err := c.sealAll(ctx, n)
	if err != nil {
		return 0, err
	}
	before := c.count()
	if err := c.mark(); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := c.publish(ctx, batches...); err != nil {
		return 0, err
	}
	err = c.until(ctx, before+n, 10*time.Minute)
	return time.Since(began), err
}

// slice is how often an open loop publishes: what is due in it goes at its beginning.
const slice = 10 * time.Millisecond

// openLoop calls send at a fixed rate, whatever becomes of what was sent before, with the numbers of the requests that are due and the instant
// at which they were.
func openLoop(ctx context.Context, rate float64, length time.Duration, send func(ctx context.Context, from, to int, due time.Time) error) (sent int, err error) {
	var g errgroup.Group
	began := time.Now()
	for at := time.Duration(0); at < length; at += slice {
		to := int(rate * (at + slice).Seconds())
		if to <= sent {
			continue
		}
		due := began.Add(at)
		if wait := time.Until(due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return sent, errors.Join(ctx.Err(), g.Wait())
			case <-timer.C:
			}
		}
		from := sent
		sent = to
		g.Go(func() error { return send(ctx, from, to, due) })
	}
	return sent, g.Wait()
}

// quantile of what took so long; the slice is sorted in place.
func quantile(took []time.Duration, f float64) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, int(f*float64(len(took))))]
}
