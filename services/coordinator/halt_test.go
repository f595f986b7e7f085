package coordinator

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/event"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/coordinator/store"
)

// errorLines keeps the errors that are logged and calls the test back at each.
type errorLines struct {
	mu    sync.Mutex
	lines []string
	each  func()
}

func (l *errorLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	if l.each != nil {
		l.each()
	}
	return len(p), nil
}

func (l *errorLines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelError}))
}

// TestAnUnknownSchemaHaltsThePartitionAtItsMessage: what stands before it is taken in, so that stepping over it loses nothing else.
func TestAnUnknownSchemaHaltsThePartitionAtItsMessage(t *testing.T) {
	var log errorLines
	r := newRig(t, openSQLite(t), func(c *Config) { c.Logger = log.logger() })
	number := dsr.Identifier{Kind: "customer_id", Value: "4711"}
	id, value := request(t, dsr.Erasure, number)
	r.deliver(t, dsr.TopicRequests, value)

	const topic = "lethe." + dsr.TopicAcknowledgement
	b := kafka.Batch{Topic: topic, Partition: 3, Next: 13}
	for i, v := range [][]byte{acknowledgement(t, id, "shop", dsr.Act), {0xC3, 1, 1, 2, 3, 4, 5, 6, 7, 8}, acknowledgement(t, id, "crm", dsr.Act)} {
		b.Messages = append(b.Messages, kafka.Message{Topic: topic, Partition: 3, Offset: int64(10 + i), Value: v})
	}
	h := &consumer{c: r.Coordinator, work: r.aggregate, halted: map[string]bool{}}
	for _, want := range []int{1, 0} { // and again, without what is settled
		settled, err := h.Handle(testContext(t), b)
		var unknown *event.UnknownSchemaError
		if settled != want || !errors.As(err, &unknown) {
			t.Fatalf("settled %d, %v", settled, err)
		}
		b.Messages = b.Messages[settled:]
	}
	if from, _, err := r.store.Offset(testContext(t), topic, 3); from.Next != 11 || err != nil {
		t.Errorf("it is read from %d, %v", from.Next, err)
	}
	if len(log.lines) != 1 || !strings.Contains(log.lines[0], "offset=11") || !strings.Contains(log.lines[0], "lethe offsets set") {
		t.Errorf("the log says %q", log.lines)
	}
	if ok, err := r.store.SetOffset(testContext(t), topic, 3, 11, 12); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b.Messages = b.Messages[1:]
	if settled, err := h.Handle(testContext(t), b); settled != 1 || err != nil {
		t.Errorf("after stepping over it %d are settled, %v", settled, err)
	}
	if got := r.state(t, id); got.State != dsr.Settling || len(got.Steps) != 2 {
		t.Errorf("the request is %s with %d steps", got.State, len(got.Steps))
	}
}

func TestAnOffsetThatIsGoneSaysHowToGoOn(t *testing.T) {
	ctx, stop := context.WithCancel(testContext(t))
	defer stop()
	log := errorLines{each: stop}
	db, use := openSQLite(t), startBroker(t)
	must(t, db.Tx(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.Save(ctx, store.Changes{Sources: []store.Source{{Topic: "lethe." + dsr.TopicRequests, Next: 117}}})
	}))
	r := newRig(t, db, func(c *Config) {
		use(c)
		c.Logger = log.logger()
	})
	must(t, r.consume(ctx, dsr.TopicRequests, 0, r.admit))
	if len(log.lines) != 1 || !strings.Contains(log.lines[0], "lethe offsets set") || !strings.Contains(log.lines[0], "from=117") {
		t.Errorf("the log says %q", log.lines)
	}
}

func TestAPartitionThatTheStoreDoesNotKnowIsReadFromItsFirstMessage(t *testing.T) {
	r := newRig(t, openSQLite(t), nil)
	h := &consumer{c: r.Coordinator, work: r.admit}
	if from, ok, err := h.Start(testContext(t), "lethe."+dsr.TopicRequests, 0); from.Offset >= 0 || !ok || err != nil {
		t.Errorf("it begins at %d, %t, %v", from.Offset, ok, err)
	}
}
