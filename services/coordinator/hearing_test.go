package coordinator

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// TestHearingMovesOnWithWhatIsTakenIn: an acknowledgement that lies unread keeps the instant back, and once it is taken in
// the instant is that of before it was asked.
func TestHearingMovesOnWithWhatIsTakenIn(t *testing.T) {
	use := startBroker(t)
	r := newRig(t, openSQLite(t), func(c *Config) {
		use(c)
		c.Producer = c.Kafka.Producer(kafka.ProducerConfig{})
		t.Cleanup(c.Producer.Close)
	})
	ctx := testContext(t)
	listen := func() time.Time {
		t.Helper()
		r.hearing.asked = time.Time{}
		must(t, r.listen(ctx))
		return r.hearing.upTo()
	}
	empty := listen()
	if empty.IsZero() {
		t.Fatal("an empty topic has nothing unread")
	}
	id, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
	r.deliver(t, dsr.TopicRequests, value)
	ack := acknowledgement(t, id, "shop", dsr.Act)
	must(t, r.cfg.Producer.Send(ctx, []kafka.Message{{Topic: "lethe." + dsr.TopicAcknowledgement, Key: []byte(id.RequestID), Value: ack}}))
	first := listen()
	if second := listen(); !first.Equal(empty) || !second.Equal(empty) {
		t.Errorf("with one unread it went on from %s to %s and %s", empty, first, second)
	}
	asked := r.hearing.pending
	// Another comes before the first is taken in: the backlog is never empty, and the instant goes on all the same.
	must(t, r.cfg.Producer.Send(ctx, []kafka.Message{{Topic: "lethe." + dsr.TopicAcknowledgement, Key: []byte(id.RequestID), Value: ack}}))
	r.deliver(t, dsr.TopicAcknowledgement, ack)
	if got := listen(); !got.Equal(asked) || !got.After(empty) {
		t.Errorf("after the first it is %s, want %s", got, asked)
	}
}

// TestATransactionDoesNotWaitForTheHearing: an SQLite file has one connection, which a transaction holds while it asks.
func TestATransactionDoesNotWaitForTheHearing(t *testing.T) {
	use := startBroker(t)
	r := newRig(t, openSQLite(t), use)
	listened := make(chan error, 1)
	must(t, r.store.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
		tx.Now()
		go func() { listened <- r.listen(testContext(t)) }()
		for len(listened) == 0 && r.hearing.mu.TryLock() { // until it is under way
			r.hearing.mu.Unlock()
			runtime.Gosched()
		}
		_, err := r.newTurn(ctx, tx, tx.Now(), nil, nil)
		return errors.Join(err, tx.Save(ctx, store.Changes{}))
	}))
	must(t, <-listened)
}

// TestHearingIsKeptBackByAPartitionThatIsHaltedBeyondItsEnd: a topic that was made anew holds acknowledgements that nobody reads.
func TestHearingIsKeptBackByAPartitionThatIsHaltedBeyondItsEnd(t *testing.T) {
	db, use := openSQLite(t), startBroker(t)
	ctx := testContext(t)
	const topic = "lethe." + dsr.TopicAcknowledgement
	must(t, db.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: topic, Next: 117}}})
	}))
	r := newRig(t, db, func(c *Config) {
		use(c)
		c.Producer = c.Kafka.Producer(kafka.ProducerConfig{})
		t.Cleanup(c.Producer.Close)
	})
	id, _ := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
	must(t, r.cfg.Producer.Send(ctx, []kafka.Message{{Topic: topic, Key: []byte(id.RequestID), Value: acknowledgement(t, id, "shop", dsr.Act)}}))
	must(t, r.listen(ctx))
	if at := r.hearing.upTo(); !at.IsZero() {
		t.Errorf("everything until %s is said to be taken in, and an acknowledgement lies unread", at)
	}
}

// TestHearingReachesTheEndBehindAMarker: a responder that produces in transactions leaves a marker behind each of its messages.
func TestHearingReachesTheEndBehindAMarker(t *testing.T) {
	r := newRig(t, openSQLite(t), nil)
	id, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
	r.deliver(t, dsr.TopicRequests, value)
	const topic = "lethe." + dsr.TopicAcknowledgement
	b := kafka.Batch{Topic: topic, Next: 2, Messages: []kafka.Message{{Topic: topic, Value: acknowledgement(t, id, "shop", dsr.Act)}}}
	if out := r.aggregate(testContext(t), []kafka.Batch{b}); out[0].Settled != 1 {
		t.Fatal(out)
	}
	next, _, err := r.store.Offsets(testContext(t), topic)
	must(t, err)
	if ends := map[int]kafka.Extent{0: {First: 0, End: 2}}; !reached(next, ends) {
		t.Errorf("it is at %v of %v and will never hear the rest: there is none", next, ends)
	}
}
