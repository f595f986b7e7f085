package coordinator

import (
	"context"
	"fmt"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// part is what one partition brings into a transaction: its messages in order, opened, and the offset behind them.
type part[M message] struct {
	topic     string
	partition int
	messages  []M
	next      int64
}

// message is a message of the intake or an acknowledgement, opened.
type message interface {
	*candidate | *answer
	origin() kafka.Message
}

// ingest takes in messages of one kind.
type ingest[M message] struct {
	*Coordinator
	// open does everything about a message that needs no database; trace is its traceparent. An error halts the partition right before it.
	open func(m kafka.Message, trace string) (M, error)
	// work decides about the messages that were not taken in before and saves the changes, the sources among them.
	work func(ctx context.Context, tx store.Tx, fresh []M, sources []store.Source, n *tally) error
	// apart reports whether an error is one message's fault.
	apart func(error) bool
	// aside has a message that fails a transaction of its own become what can always be written.
	aside func(M)
}

// take takes in the batches of some partitions of one topic. A message that halts its partition holds up none before it, so that the
// stored offset is its own: whoever steps over it loses nothing else.
func (t *ingest[M]) take(ctx context.Context, bs []kafka.Batch) []kafka.Outcome {
	ctx, spans := t.trace.batch(ctx, bs)
	parts, out := make([]part[M], len(bs)), make([]kafka.Outcome, len(bs))
	for i, b := range bs {
		p := part[M]{b.Topic, b.Partition, make([]M, 0, len(b.Messages)), b.Next}
		for j, m := range b.Messages {
			opened, err := t.open(m, spans.message(i, j))
			if err != nil {
				out[i].Err, p.next = err, m.Offset
				break
			}
			p.messages = append(p.messages, opened)
		}
		parts[i], out[i].Settled = p, len(p.messages)
	}
	for i, err := range t.all(ctx, parts) {
		if err != nil {
			out[i] = kafka.Outcome{Err: err}
		}
	}
	spans.end(out)
	return out
}

// all takes in the parts in one transaction and returns what went wrong with each. Where a message or a request fails the transaction each
// partition has one of its own: it holds up no other.
func (t *ingest[M]) all(ctx context.Context, parts []part[M]) []error {
	if len(parts) == 1 {
		return []error{t.one(ctx, parts[0])}
	}
	errs := make([]error, len(parts))
	err := t.once(ctx, parts)
	for i, p := range parts {
		if errs[i] = err; err != nil && !away(ctx, err) {
			errs[i] = t.one(ctx, p)
		}
	}
	return errs
}

// one takes in a part, halved where a message fails the transaction until that stands alone and is put aside.
func (t *ingest[M]) one(ctx context.Context, p part[M]) error {
	err := t.once(ctx, []part[M]{p})
	if !t.apart(err) {
		return err
	}
	half := len(p.messages) / 2
	if half == 0 {
		t.aside(p.messages[0])
		if err := t.once(ctx, []part[M]{p}); err != nil {
			return fmt.Errorf("put aside %s/%d@%d: %w", p.topic, p.partition, p.messages[0].origin().Offset, err)
		}
		return nil
	}
	if err := t.one(ctx, part[M]{p.topic, p.partition, p.messages[:half], p.messages[half].origin().Offset}); err != nil {
		return err
	}
	return t.one(ctx, part[M]{p.topic, p.partition, p.messages[half:], p.next})
}

// once is one transaction. Messages that were taken in before are known by their offsets.
func (t *ingest[M]) once(ctx context.Context, parts []part[M]) error {
	var partitions []int
	for _, p := range parts {
		if len(p.messages) > 0 {
			partitions = append(partitions, p.partition)
		}
	}
	if len(partitions) == 0 {
		return nil
	}
	return t.transact(ctx, func(ctx context.Context, tx store.Tx, n *tally) error {
		next, err := tx.Sources(ctx, parts[0].topic, partitions)
		if err != nil {
			return err
		}
		var fresh []M
		var sources []store.Source
		for _, p := range parts {
			before := len(fresh)
			for _, m := range p.messages {
				if m.origin().Offset >= next[p.partition] {
					fresh = append(fresh, m)
				}
			}
			if len(fresh) > before {
				last := fresh[len(fresh)-1].origin()
				sources = append(sources, store.Source{Topic: p.topic, Partition: p.partition, Next: p.next, Mark: kafka.MarkOf(last).String()})
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		return t.work(ctx, tx, fresh, sources, n)
	})
}
