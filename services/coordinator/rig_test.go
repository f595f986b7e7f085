package coordinator

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lethe-dsr/lethe/pkg/completion"
	"github.com/lethe-dsr/lethe/pkg/datamap"
	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/sealing"
	"github.com/lethe-dsr/lethe/services/coordinator/lifecycle"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
	"github.com/lethe-dsr/lethe/services/coordinator/store/postgres"
	"github.com/lethe-dsr/lethe/services/coordinator/store/sqlite"
)

// rig is a coordinator that is handed its messages, in the place of the consumer.
type rig struct {
	*Coordinator
	partition int
	next      map[string]int64 // offset, by topic
}

const limit = 60 * time.Second // ends what hangs

func newRig(t *testing.T, s store.Store, edit func(*Config)) *rig {
	t.Helper()
	dir := t.TempDir()
	keys, err := sealing.CreateDir(dir)
	must(t, err)
	_, err = completion.CreateKey(dir)
	must(t, err)
	cfg := Config{
		Store: s, Codec: newCodec(t), AllowClear: true, Default: "berlin", Logger: slog.New(slog.DiscardHandler),
		Establishment: map[string]Establishment{"berlin": {Zone: time.UTC, CalendarID: "none", Holiday: func(time.Time) bool { return false }}},
		Responsible:   Responsible{Controller: "Meridian", ActingAs: "controller"}, Software: completion.Software{Version: "1", Commit: "c"},
		Policy: lifecycle.Policy{
			Silence: time.Hour, Resolution: time.Hour, Settle: time.Hour, Margin: time.Hour, MinWait: time.Minute, GateRecheck: time.Minute,
			NotAfter: 24 * time.Hour, Looks: 3, ResolvedMost: 10, Held: time.Hour, Environment: "dev",
		},
	}
	cfg.Map, err = datamap.Load(filepath.Join("testdata", "datamap.yml"))
	must(t, err)
	cfg.Signer, err = completion.LoadSigner(filepath.Join(dir, completion.PrivateKeyFile))
	must(t, err)
	cfg.Keys.Intake, err = keys.Intake()
	must(t, err)
	cfg.Keys.Topics, err = keys.Topics()
	must(t, err)
	cfg.Keys.Store, err = keys.Store()
	must(t, err)
	cfg.Keys.Subjects, err = keys.Subjects()
	must(t, err)
	if edit != nil {
		edit(&cfg)
	}
	if cfg.Kafka == nil { // nothing listens there, and nothing is said to it
		cfg.Kafka, err = kafka.New(kafka.Config{Brokers: []string{"127.0.0.1:1"}})
		must(t, err)
		t.Cleanup(cfg.Kafka.Close)
	}
	if cfg.Producer == nil {
		cfg.Producer = cfg.Kafka.Producer(kafka.ProducerConfig{})
		t.Cleanup(cfg.Producer.Close)
	}
	c, err := New(cfg)
	must(t, err)
	return &rig{Coordinator: c, next: map[string]int64{}}
}

func openSQLite(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(testContext(t), sqlite.Config{Path: filepath.Join(t.TempDir(), "lethe.db")})
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// openPostgres opens a schema of the test's own, which is dropped when it ends. A missing server fails the test.
func openPostgres(t *testing.T) *postgres.Store {
	t.Helper()
	url := os.Getenv("LETHE_TEST_POSTGRES")
	if url == "" {
		t.Fatal("LETHE_TEST_POSTGRES is not set: it names a PostgreSQL server, see go run ./scripts/servers postgres")
	}
	schema := "t_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
	s, err := postgres.Open(testContext(t), postgres.Config{URL: url, Schema: schema})
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		conn, err := pgx.Connect(context.Background(), url)
		must(t, err)
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	return s
}

// deliver works the values as one batch of a topic.
func (r *rig) deliver(t *testing.T, topic string, values ...[]byte) {
	t.Helper()
	work := r.admit
	if topic == dsr.TopicAcknowledgement {
		work = r.aggregate
	}
	b := kafka.Batch{Topic: "lethe." + topic, Partition: r.partition}
	for _, v := range values {
		b.Messages = append(b.Messages, kafka.Message{Topic: b.Topic, Partition: b.Partition, Offset: r.next[topic], Value: v})
		r.next[topic]++
	}
	b.Next = r.next[topic]
	if o := work(testContext(t), []kafka.Batch{b})[0]; o.Settled != len(values) || o.Err != nil {
		t.Fatalf("settled %d of %d: %v", o.Settled, len(values), o.Err)
	}
}

// request is one of a person named by e-mail or by number.
func request(t *testing.T, kind dsr.Kind, by dsr.Identifier, edit ...func(*dsr.SubjectRequest)) (lifecycle.ID, []byte) {
	t.Helper()
	q := dsr.SubjectRequest{
		RequestID: dsr.RequestID(uuid.NewString()), Kind: kind, ReceivedAt: time.Now().UTC(), Capacity: "customer", Identifiers: []dsr.Identifier{by},
	}
	for _, e := range edit {
		e(&q)
	}
	value, err := newCodec(t).EncodeSubjectRequest(q)
	must(t, err)
	return lifecycle.ID{RequestID: q.RequestID}, value
}

// acknowledgement is what a system says of a request.
func acknowledgement(t *testing.T, id lifecycle.ID, system string, phase dsr.Phase, edit ...func(*dsr.Acknowledgement)) []byte {
	t.Helper()
	a := dsr.Acknowledgement{
		Key: dsr.Key{RequestID: id.RequestID, System: system, Phase: phase, Round: 1}, Kind: dsr.Erasure, Attempt: 1, State: dsr.AckAnswered, AckID: uuid.NewString(),
		Collections: []dsr.Collection{{Name: "rows", Outcome: dsr.Erased, Counts: dsr.Counts{Found: 1, Erased: 1}, CountQuality: dsr.CountsExact, Method: "delete"}},
		FirstAt:     time.Now().UTC(), DoneAt: time.Now().UTC(),
	}
	for _, e := range edit {
		e(&a)
	}
	value, err := newCodec(t).EncodeAcknowledgement(a)
	must(t, err)
	return value
}

// state is what the store holds of an open request.
func (r *rig) state(t *testing.T, id lifecycle.ID) *lifecycle.Request {
	t.Helper()
	var out *lifecycle.Request
	must(t, r.store.Tx(testContext(t), func(ctx context.Context, tx store.Tx) error {
		open, err := tx.Requests(ctx, []lifecycle.ID{id})
		out = open[id]
		return err
	}))
	return out
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
