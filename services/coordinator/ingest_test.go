package coordinator

import (
	"context"
	"errors"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// TestPartitionsShareATransaction: and nothing else; each has its own offset and its own trouble.
func TestPartitionsShareATransaction(t *testing.T) {
	batch := func(topic string, partition int, values ...[]byte) kafka.Batch {
		b := kafka.Batch{Topic: "lethe." + topic, Partition: partition, Next: int64(10 + len(values))}
		for i, v := range values {
			b.Messages = append(b.Messages, kafka.Message{Topic: b.Topic, Partition: partition, Offset: int64(10 + i), Value: v})
		}
		return b
	}
	by := dsr.Identifier{Kind: "customer_id", Value: "42"}
	offset := func(t *testing.T, s store.Store, topic string, partition int, want int64) {
		t.Helper()
		if from, _, err := s.Offset(testContext(t), "lethe."+topic, partition); from.Next != want || err != nil {
			t.Errorf("partition %d of %s is at %d, want %d (%v)", partition, topic, from.Next, want, err)
		}
	}

	t.Run("one_for_all", func(t *testing.T) {
		count := &counting{Store: openSQLite(t)}
		r := newRig(t, count, nil)
		_, first := request(t, dsr.Erasure, by)
		_, second := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "43"})
		_, third := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "44"})
		before := count.n
		out := r.admit(testContext(t), []kafka.Batch{batch(dsr.TopicRequests, 0, first, second), batch(dsr.TopicRequests, 3, third)})
		if out[0] != (kafka.Outcome{Settled: 2}) || out[1] != (kafka.Outcome{Settled: 1}) || count.n != before+1 {
			t.Errorf("got %+v in %d transactions", out, count.n-before)
		}
		offset(t, r.store, dsr.TopicRequests, 0, 12)
		offset(t, r.store, dsr.TopicRequests, 3, 11)
		r.admit(testContext(t), []kafka.Batch{batch(dsr.TopicRequests, 0, first, second), batch(dsr.TopicRequests, 3, third, third)}) // again, and one more
		if open, _, err := r.store.Counts(testContext(t)); open != 3 || err != nil {
			t.Errorf("%d requests are open, want 3 (%v)", open, err)
		}
		offset(t, r.store, dsr.TopicRequests, 3, 12)
	})
	t.Run("one_that_is_halted_holds_up_no_other", func(t *testing.T) {
		r := newRig(t, openSQLite(t), nil)
		id, value := request(t, dsr.Erasure, by)
		r.deliver(t, dsr.TopicRequests, value)
		act := acknowledgement(t, id, "shop", dsr.Act)
		newer := append([]byte{0xC3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8}, act[10:]...)
		out := r.aggregate(testContext(t), []kafka.Batch{batch(dsr.TopicAcknowledgement, 0, []byte("garbage"), newer), batch(dsr.TopicAcknowledgement, 1, act)})
		var unknown *event.UnknownSchemaError
		if out[0].Settled != 1 || !errors.As(out[0].Err, &unknown) || out[1] != (kafka.Outcome{Settled: 1}) {
			t.Errorf("got %+v", out)
		}
		offset(t, r.store, dsr.TopicAcknowledgement, 0, 11)
		offset(t, r.store, dsr.TopicAcknowledgement, 1, 11)
	})
	t.Run("a_message_that_fails_the_transaction_is_put_aside_alone", func(t *testing.T) {
		s := &failing{Store: openSQLite(t), topic: "lethe." + dsr.TopicRequests, partition: 1}
		r := newRig(t, s, nil)
		_, good := request(t, dsr.Erasure, by)
		_, bad := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "43"})
		out := r.admit(testContext(t), []kafka.Batch{batch(dsr.TopicRequests, 0, good), batch(dsr.TopicRequests, 1, bad)})
		if out[0] != (kafka.Outcome{Settled: 1}) || out[1].Settled != 0 || out[1].Err == nil {
			t.Errorf("got %+v", out)
		}
		offset(t, r.store, dsr.TopicRequests, 0, 11)
		offset(t, r.store, dsr.TopicRequests, 1, 0)
	})
}

// counting counts transactions.
type counting struct {
	store.Store
	n int
}

func (s *counting) Tx(ctx context.Context, do func(context.Context, store.Tx) error) error {
	s.n++
	return s.Store.Tx(ctx, do)
}

// failing says of every transaction with one partition in it that a row is at fault.
type failing struct {
	store.Store
	topic     string
	partition int
}

func (s *failing) Tx(ctx context.Context, do func(context.Context, store.Tx) error) error {
	return s.Store.Tx(ctx, func(ctx context.Context, tx store.Tx) error { return do(ctx, failingTx{tx, s}) })
}

type failingTx struct {
	store.Tx
	s *failing
}

func (t failingTx) Save(ctx context.Context, c store.Changes) error {
	for _, from := range c.Sources {
		if from.Topic == t.s.topic && from.Partition == t.s.partition {
			return &store.BadRowError{Err: errors.New("planted")}
		}
	}
	return t.Tx.Save(ctx, c)
}

func TestARequestThatCannotBeDecidedHoldsUpNoOtherPartition(t *testing.T) {
	r := newRig(t, openSQLite(t), nil)
	spoilt, one := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
	good, two := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4712"})
	r.deliver(t, dsr.TopicRequests, one, two)
	spoil(t, r, spoilt)
	batch := func(p int, v []byte) kafka.Batch {
		const topic = "lethe." + dsr.TopicAcknowledgement
		return kafka.Batch{Topic: topic, Partition: p, Next: 1, Messages: []kafka.Message{{Topic: topic, Partition: p, Value: v}}}
	}
	out := r.aggregate(testContext(t), []kafka.Batch{batch(0, acknowledgement(t, spoilt, "shop", dsr.Act)), batch(1, acknowledgement(t, good, "shop", dsr.Act))})
	if out[0].Err == nil || out[1] != (kafka.Outcome{Settled: 1}) {
		t.Errorf("got %+v", out)
	}
}
