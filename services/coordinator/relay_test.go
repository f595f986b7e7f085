package coordinator

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/internal/devbroker"
	"github.com/lethe-dsr/lethe/services/internal/topics"
)

// interrupted is a store whose outbox calls the test back.
type interrupted struct {
	store.Store
	fetched func(store.Outbox) // when rows were fetched and nothing of them is published
	idle    func()             // when there is nothing to publish
}

type interruptedOutbox struct {
	store.Outbox
	s *interrupted
}

func (s *interrupted) Outbox(ctx context.Context) (store.Outbox, error) {
	out, err := s.Store.Outbox(ctx)
	return &interruptedOutbox{out, s}, err
}

func (o *interruptedOutbox) Fetch(ctx context.Context, shards []int, maxBytes int) ([]store.OutboxRow, error) {
	rows, err := o.Outbox.Fetch(ctx, shards, maxBytes)
	if len(rows) > 0 {
		o.s.fetched(o.Outbox)
	}
	return rows, err
}

func (o *interruptedOutbox) Wait(ctx context.Context, d time.Duration) error {
	o.s.idle()
	return o.Outbox.Wait(ctx, d)
}

// startBroker starts a broker with the topics of a pipeline.
func startBroker(t *testing.T) func(*Config) {
	t.Helper()
	broker, err := devbroker.Start(testContext(t), devbroker.Config{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { _ = broker.Close() })
	client, err := kafka.New(kafka.Config{Brokers: []string{broker.Addr()}})
	must(t, err)
	t.Cleanup(client.Close)
	_, err = client.Apply(testContext(t), topics.Specs(topics.Settings{
		Prefix: "lethe.", Partitions: 1, Replication: 1, MinInsyncReplicas: 1, MaxMessageBytes: 1 << 20,
		InternalRetention: time.Hour, RequestRetention: time.Hour, StatusRetention: time.Hour,
	}))
	must(t, err)
	return func(c *Config) { c.Kafka = client }
}

// relayUntilIdle publishes everything there is and stops.
func relayUntilIdle(t *testing.T, c *Coordinator, s *interrupted) {
	t.Helper()
	ctx, stop := context.WithCancel(testContext(t))
	defer stop()
	s.idle = stop
	must(t, c.runRelay(ctx))
	if !errors.Is(context.Cause(ctx), context.Canceled) {
		t.Fatal(context.Cause(ctx))
	}
}

// statuses are what stands on the topic, in order.
func (r *rig) statuses(t *testing.T) (values [][]byte, out []dsr.Status) {
	t.Helper()
	for m, err := range r.cfg.Kafka.Tail(testContext(t), kafka.TailConfig{Topics: []string{"lethe." + dsr.TopicStatus}}) {
		must(t, err)
		s, err := r.cfg.Codec.DecodeStatus(m.Value)
		must(t, err)
		values, out = append(values, m.Value), append(out, s)
	}
	return values, out
}

// versions are those of the statuses, in order.
func versions(ss []dsr.Status) []int64 {
	var out []int64
	for _, s := range ss {
		out = append(out, s.Version)
	}
	return out
}

// TestARelayThatWasOvertakenPublishesTheNewestStatusOnceMore: two relays can publish the newest status, then an older one, and
// compaction keeps what was written last.
func TestARelayThatWasOvertakenPublishesTheNewestStatusOnceMore(t *testing.T) {
	for name, c := range map[string]struct {
		need bool                                 // identity: the request is kept back
		move func(*testing.T, *rig, lifecycle.ID) // the request goes on
		want []int64
	}{
		"open": {
			move: func(t *testing.T, r *rig, id lifecycle.ID) {
				r.deliver(t, dsr.TopicAcknowledgement, acknowledgement(t, id, "shop", dsr.Act))
			},
			want: []int64{1, 2, 1, 3},
		},
		"sealed": {
			need: true,
			move: func(t *testing.T, r *rig, id lifecycle.ID) {
				if _, err := r.tick(testContext(t)); err != nil {
					t.Fatal(err)
				}
				if r.state(t, id) != nil {
					t.Fatal("it is not sealed")
				}
			},
			want: []int64{1, 2, 1, 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, use := openSQLite(t), startBroker(t)
			s := &interrupted{Store: db}
			r := newRig(t, s, func(cfg *Config) {
				use(cfg)
				if c.need {
					cfg.Policy.NeedIdentity, cfg.Policy.Held = true, 0
				}
			})
			id, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
			r.deliver(t, dsr.TopicRequests, value)
			broken := false
			s.fetched = func(out store.Outbox) { // its connection breaks, once, and another instance takes over
				if broken {
					return
				}
				broken = true
				must(t, out.Close())
				c.move(t, r, id)
				rival := *r.Coordinator
				other := &interrupted{Store: db, fetched: func(store.Outbox) {}}
				rival.store = other
				relayUntilIdle(t, &rival, other)
				if _, got := r.statuses(t); !cmp.Equal([]int64{1, 2}, versions(got)) {
					t.Fatalf("the rival published %v", versions(got))
				}
			}
			relayUntilIdle(t, r.Coordinator, s)
			values, got := r.statuses(t)
			if d := cmp.Diff(c.want, versions(got)); d != "" {
				t.Fatalf("versions, -want +got:\n%s", d)
			}
			if newest, last := got[1], got[3]; newest.State != last.State || c.need && string(values[1]) != string(values[3]) {
				t.Errorf("the newest was %+v, now %+v", newest, last)
			}
		})
	}
}

func TestARelayThatIsStoppedFinishesWhatItHasInHand(t *testing.T) {
	s := &interrupted{Store: openSQLite(t), idle: func() { t.Error("it went on") }}
	r := newRig(t, s, startBroker(t))
	_, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
	r.deliver(t, dsr.TopicRequests, value)
	ctx, stop := context.WithCancel(testContext(t))
	s.fetched = func(store.Outbox) { stop() }
	must(t, r.runRelay(ctx))
	if _, got := r.statuses(t); len(got) != 1 {
		t.Errorf("%d statuses were published", len(got))
	}
	if b, err := s.Backlog(testContext(t)); b != (store.Backlog{}) || err != nil {
		t.Errorf("the backlog is %+v, %v", b, err)
	}
}

// TestARelayThatCannotPublishDoesNotFillItsOutbox: what stands there cannot be published, and statuses in doubt are not put behind it over and over.
func TestARelayThatCannotPublishDoesNotFillItsOutbox(t *testing.T) {
	ctx, stop := context.WithCancel(testContext(t))
	defer stop()
	tries := 0
	s := &interrupted{Store: openSQLite(t), idle: func() { t.Error("it published everything") }, fetched: func(store.Outbox) {
		if tries++; tries == 4 {
			stop()
		}
	}}
	r := newRig(t, s, startBroker(t))
	_, value := request(t, dsr.Erasure, dsr.Identifier{Kind: "customer_id", Value: "4711"})
	r.deliver(t, dsr.TopicRequests, value)
	must(t, s.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
		return tx.Save(ctx, store.Changes{Outbox: []store.Message{{Shard: 1, Topic: "lethe.nowhere", Key: []byte("k"), Value: []byte("v")}}})
	}))
	before, err := s.Backlog(testContext(t))
	must(t, err)
	must(t, r.runRelay(ctx))
	after, err := s.Backlog(testContext(t))
	must(t, err)
	if after.Outbox != before.Outbox || tries < 4 {
		t.Errorf("%d rows before, %d after %d tries: it wrote them itself", before.Outbox, after.Outbox, tries)
	}
}
