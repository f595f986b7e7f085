package coordinator

import (
	"context"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// part is what one partition brings into a transaction: its messages in order, opened.
type part[M message] struct {
	topic     string
	partition int
	messages  []M
}

// message is a message of the intake or an acknowledgement, opened.
type message interface {
	*candidate | *answer
	origin() kafka.Message
}

// ingest takes in messages of one kind.
type ingest[M message] struct {
	*Coordinator
	// work decides about the messages that were not taken in before and saves the changes, the sources among them.
	work func(ctx context.Context, tx store.Tx, fresh []M, sources []store.Source, n *tally) error
	// alone is asked what becomes of a message that fails a transaction of its own.
	alone func(ctx context.Context, p part[M]) error
	// apart reports whether an error is one message's fault.
	apart func(error) bool
}

// all takes in parts of one topic in one transaction and returns what went wrong with each. Where a message fails the transaction
// each partition has one of its own, halved until the message stands alone: it holds up no other.
func (t *ingest[M]) all(ctx context.Context, parts []part[M]) []error {
	errs := make([]error, len(parts))
	err := t.once(ctx, parts)
	if len(parts) > 1 && t.apart(err) {
		for i, p := range parts {
			errs[i] = t.one(ctx, p)
		}
		return errs
	}
	if len(parts) == 1 && t.apart(err) {
		err = t.halves(ctx, parts[0])
	}
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func (t *ingest[M]) one(ctx context.Context, p part[M]) error {
	err := t.once(ctx, []part[M]{p})
	if t.apart(err) {
		return t.halves(ctx, p)
	}
	return err
}

func (t *ingest[M]) halves(ctx context.Context, p part[M]) error {
	half := len(p.messages) / 2
	if half == 0 {
		return t.alone(ctx, p)
	}
	if err := t.one(ctx, part[M]{p.topic, p.partition, p.messages[:half]}); err != nil {
		return err
	}
	return t.one(ctx, part[M]{p.topic, p.partition, p.messages[half:]})
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
				sources = append(sources, store.Source{Topic: p.topic, Partition: p.partition, Next: last.Offset + 1, Mark: kafka.MarkOf(last).String()})
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		return t.work(ctx, tx, fresh, sources, n)
	})
}
