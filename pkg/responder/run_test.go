package responder_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/dsr"
	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/pkg/responder"
	"github.com/lethe-dsr/lethe/pkg/responder/ledger"
	"github.com/lethe-dsr/lethe/pkg/respondertest"
	"github.com/twmb/franz-go/pkg/kfake"
)

// onEveryCluster runs the test on the embedded broker and on Apache Kafka.
func onEveryCluster(t *testing.T, test func(t *testing.T, client *kafka.Client, prefix string)) {
	prefix := fmt.Sprintf("responder-%d.", time.Now().UnixNano())
	connect := func(t *testing.T, broker string) {
		client, err := kafka.New(kafka.Config{Brokers: []string{broker}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		test(t, client, prefix)
	}
	t.Run("kfake", func(t *testing.T) {
		fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(fake.Close)
		connect(t, fake.ListenAddrs()[0])
	})
	t.Run("kafka", func(t *testing.T) {
		broker := os.Getenv("LETHE_TEST_KAFKA")
		if broker == "" {
			t.Fatal("LETHE_TEST_KAFKA is not set: start a broker with `go run ./scripts/servers kafka`")
		}
		connect(t, broker)
	})
}

var topics = []string{
	dsr.TopicResolution, dsr.TopicErasure, dsr.TopicPortability, dsr.TopicAccess, dsr.TopicVerification, dsr.TopicAcknowledgement, dsr.TopicDeadLetters,
}

func apply(t *testing.T, client *kafka.Client, prefix string) {
	t.Helper()
	var specs []kafka.TopicSpec
	for _, name := range topics {
		specs = append(specs, kafka.TopicSpec{Name: prefix + name, Partitions: 3})
	}
	if _, err := client.Apply(t.Context(), specs); err != nil {
		t.Fatal(err)
	}
}

// running runs a responder until stop is called.
func running(t *testing.T, r *responder.Responder) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("the responder does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

// acknowledged reads acknowledgements until there are as many as wanted.
func acknowledged(t *testing.T, b *respondertest.Bench, client *kafka.Client, prefix string, want int) []dsr.Acknowledgement {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var as []dsr.Acknowledgement
	for m, err := range client.Tail(ctx, kafka.TailConfig{Topics: []string{prefix + dsr.TopicAcknowledgement}, Follow: true}) {
		if err != nil {
			t.Fatalf("%d of %d acknowledgements: %v", len(as), want, err)
		}
		a, err := b.Codec.DecodeAcknowledgement(m.Value)
		if err != nil {
			t.Fatal(err)
		}
		if as = append(as, a); len(as) == want {
			break
		}
	}
	return as
}

func publish(t *testing.T, client *kafka.Client, prefix string, ms ...kafka.Message) {
	t.Helper()
	p := client.Producer(kafka.ProducerConfig{})
	defer p.Close()
	for i := range ms {
		ms[i].Topic = prefix + strings.TrimPrefix(ms[i].Topic, dsr.DefaultTopicPrefix)
	}
	if err := p.Send(t.Context(), ms); err != nil {
		t.Fatal(err)
	}
}

func TestAResponderServesItsTopicsAndGoesOnWhereItStopped(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, client *kafka.Client, prefix string) {
		apply(t, client, prefix)
		r := newRig(t, &scripted{})
		instance := func() *responder.Responder {
			return r.Bench.Responder(t, r.scripted, r.ledger, func(c *responder.Config) {
				c.Client, c.Sender, c.TopicPrefix, c.PollEvery = client, nil, prefix, 50*time.Millisecond
				c.Group = prefix + "shop"
			})
		}
		ms := r.dispatches(t, 0, 50)
		ms = append(ms, r.dispatches(t, 50, 60, respondertest.Look(1))...)
		ms = append(ms, r.dispatches(t, 60, 65, respondertest.Kind(dsr.Access))...)
		ms = append(ms, r.dispatches(t, 65, 70, respondertest.Kind(dsr.Portability))...)
		ms = append(ms, r.dispatches(t, 70, 75, func(d *dsr.Dispatch) { d.Phase = dsr.Resolve })...)
		ms = append(ms, r.dispatches(t, 80, 85, func(d *dsr.Dispatch) { d.Systems = []string{"another"} })...)
		publish(t, client, prefix, ms...)
		stop := running(t, instance())
		got := map[dsr.AckState]int{}
		for _, a := range acknowledged(t, r.Bench, client, prefix, 75) {
			got[a.State]++
			if (a.State == dsr.AckFailed) != (a.ErrorCode == dsr.CodeUnsupported) {
				t.Errorf("%s of kind %s is %s with code %q", a.Phase, a.Kind, a.State, a.ErrorCode)
			}
		}
		if got[dsr.AckAnswered] != 60 || got[dsr.AckFailed] != 15 {
			t.Errorf("acknowledged %v, want 60 answered and 15 failed", got)
		}
		stop()

		publish(t, client, prefix, r.dispatches(t, 100, 120)...)
		stop = running(t, instance())
		as := acknowledged(t, r.Bench, client, prefix, 95)
		stop()
		seen := map[string]int{}
		for _, a := range as {
			seen[a.AckID]++
		}
		if len(seen) != 95 {
			t.Errorf("%d different acknowledgements of 95: something came twice after an orderly stop", len(seen))
		}
	})
}

// TestALostLedgerIsTold: an empty database under a group that has read before was another one.
func TestALostLedgerIsTold(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, client *kafka.Client, prefix string) {
		apply(t, client, prefix)
		r := newRig(t, &scripted{})
		var answers int
		start := func(l responder.Ledger) string {
			t.Helper()
			var log syncBuffer
			i := r.Bench.Responder(t, r.scripted, l, func(c *responder.Config) {
				c.Client, c.Sender, c.TopicPrefix, c.Group = client, nil, prefix, prefix+"shop"
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			answers++
			publish(t, client, prefix, r.dispatches(t, answers, answers+1)...)
			stop := running(t, i)
			acknowledged(t, r.Bench, client, prefix, answers)
			stop()
			return log.String()
		}
		const told = "level=WARN msg=\"the ledger was made just now, but this group has read before"
		kept := ledger.Beside(openSQLite(t, filepath.Join(t.TempDir(), "kept.db")), ledger.SQLite)
		if log := start(kept); strings.Contains(log, told) {
			t.Errorf("of a new responder with a new ledger:\n%s", log)
		}
		if log := start(kept); strings.Contains(log, told) {
			t.Errorf("of a ledger that is kept:\n%s", log)
		}
		log := start(ledger.Beside(openSQLite(t, filepath.Join(t.TempDir(), "new.db")), ledger.SQLite))
		if strings.Count(log, told) != 1 || !strings.Contains(log, "group="+prefix+"shop") {
			t.Errorf("of a ledger that was lost:\n%s", log)
		}
	})
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestAStopFinishesTheBatchInHand(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, client *kafka.Client, prefix string) {
		apply(t, client, prefix)
		began, finish := make(chan struct{}), make(chan struct{})
		s := &scripted{erase: func(ctx context.Context, ds []responder.Dispatch) ([]responder.Answer, error) {
			close(began)
			select {
			case <-finish:
				return all(ds, responder.Erased("things", 1)), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		r := newRig(t, s)
		i := r.Bench.Responder(t, s, r.ledger, func(c *responder.Config) {
			c.Client, c.Sender, c.TopicPrefix, c.Group = client, nil, prefix, prefix+"shop"
		})
		publish(t, client, prefix, r.dispatches(t, 1, 2)...)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- i.Run(ctx) }()
		<-began
		cancel()
		select {
		case err := <-done:
			t.Fatalf("stopped with a batch in hand: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		close(finish)
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if as := acknowledged(t, r.Bench, client, prefix, 1); as[0].State != dsr.AckAnswered {
			t.Errorf("the batch in hand is %s", as[0].State)
		}
	})
}

func TestAMissingTopicEndsTheStart(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, client *kafka.Client, prefix string) {
		r := newRig(t, &scripted{})
		i := r.Bench.Responder(t, r.scripted, r.ledger, func(c *responder.Config) {
			c.Client, c.Sender, c.TopicPrefix = client, nil, prefix
		})
		err := i.Run(t.Context())
		var missing *kafka.MissingTopicsError
		if !errors.As(err, &missing) || !slices.Contains(missing.Topics, prefix+dsr.TopicErasure) {
			t.Errorf("error %v, want one that names the topics", err)
		}
	})
}

// elsewhere is a ledger on a machine whose clock is ahead of this one's.
type elsewhere struct {
	*ledger.Ledger
	ahead time.Duration
}

func (e elsewhere) Now(context.Context) (time.Time, error) { return time.Now().Add(e.ahead), nil }

func TestAResponderGoesByTheClockOfItsLedger(t *testing.T) {
	onEveryCluster(t, func(t *testing.T, client *kafka.Client, prefix string) {
		apply(t, client, prefix)
		r := newRig(t, &scripted{})
		const ahead = 3 * time.Hour
		publish(t, client, prefix, r.dispatches(t, 0, 1)...)
		running(t, r.Bench.Responder(t, r.scripted, elsewhere{r.ledger, ahead}, func(c *responder.Config) {
			c.Client, c.Sender, c.TopicPrefix, c.Group, c.Clock = client, nil, prefix, prefix+"shop", nil
		}))
		a := acknowledged(t, r.Bench, client, prefix, 1)[0]
		if by := time.Until(a.DoneAt); by < ahead-time.Minute || by > ahead {
			t.Errorf("it says that it was done in %s, want about %s", by, ahead)
		}
	})
}
