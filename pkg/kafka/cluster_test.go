package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

func TestMain(m *testing.M) {
	// kgo's metrics of a closed client and kafka-go's abandoned long polls end by themselves within a second or two.
	goleak.VerifyTestMain(m)
}

// cluster is one of the brokers that every test here runs on.
type cluster struct {
	addr string
	fake *kfake.Cluster // nil: Apache Kafka
}

// onEveryCluster runs the test on the embedded broker and on Apache Kafka: what holds for one must hold for the other.
func onEveryCluster(t *testing.T, test func(t *testing.T, c cluster)) {
	t.Helper()
	t.Run("kfake", func(t *testing.T) {
		t.Parallel()
		fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(fake.Close)
		test(t, cluster{addr: fake.ListenAddrs()[0], fake: fake})
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, apacheKafka(t))
	})
}

func apacheKafka(t testing.TB) cluster {
	t.Helper()
	addr := os.Getenv("LETHE_TEST_KAFKA")
	if addr == "" {
		t.Fatal("LETHE_TEST_KAFKA is not set: run ./scripts/test, or start a broker with `go run ./scripts/servers kafka`")
	}
	return cluster{addr: addr}
}

// network is a way to the brokers that a test can cut.
type network struct {
	down atomic.Bool
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if n.down.Load() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	conn, err := (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open == nil {
		n.open = make(map[net.Conn]bool)
	}
	n.open[conn] = true
	return conn, nil
}

// cut closes every connection.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.open {
		_ = conn.Close()
	}
	clear(n.open)
}

func (c cluster) client(t *testing.T, options ...func(*kafka.Config)) *kafka.Client {
	t.Helper()
	config := kafka.Config{Brokers: []string{c.addr}, ClientID: "test", Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, option := range options {
		option(&config)
	}
	client, err := kafka.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (c cluster) producer(t *testing.T, client *kafka.Client, config kafka.ProducerConfig) *kafka.Producer {
	t.Helper()
	p := client.Producer(config)
	t.Cleanup(p.Close)
	return p
}

var topicNumber atomic.Int64

// topic creates a topic of the test's own.
func (c cluster) topic(t *testing.T, client *kafka.Client, partitions int, configs map[string]string) string {
	t.Helper()
	name := fmt.Sprintf("%s-%d-%d", strings.NewReplacer("/", ".", "#", "-").Replace(t.Name()), os.Getpid(), topicNumber.Add(1))
	if len(name) > 200 {
		name = name[len(name)-200:]
	}
	if _, err := client.Apply(t.Context(), []kafka.TopicSpec{{Name: name, Partitions: partitions, Configs: configs}}); err != nil {
		t.Fatal(err)
	}
	return name
}

// kgo is another client, for what ours cannot do.
func (c cluster) kgo(t *testing.T, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	other, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.addr)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	return other
}

// byName is kgo in versions of the protocol that know topics by their names.
func (c cluster) byName(t *testing.T) *kgo.Client {
	t.Helper()
	return c.kgo(t, kgo.MaxVersions(kversion.V3_0_0()))
}

// trim makes the partition begin at the offset, as retention would.
func (c cluster) trim(t *testing.T, topic string, partition int32, offset int64) {
	t.Helper()
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = partition, offset
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, p)
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.Topics = append(request.Topics, rt)
	answer, err := request.RequestWith(t.Context(), c.kgo(t))
	if err != nil {
		t.Fatal(err)
	}
	if code := answer.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("delete records: error code %d", code)
	}
}

// remove deletes the topic.
func (c cluster) remove(t *testing.T, topic string) {
	t.Helper()
	rt := kmsg.NewDeleteTopicsRequestTopic()
	rt.Topic = &topic
	q := kmsg.NewPtrDeleteTopicsRequest()
	q.Topics, q.TopicNames = append(q.Topics, rt), []string{topic}
	if _, err := q.RequestWith(t.Context(), c.kgo(t)); err != nil {
		t.Fatal(err)
	}
}

// readAll returns every message of the topic.
func readAll(t *testing.T, client *kafka.Client, topic string) (messages []kafka.Message) {
	t.Helper()
	for m, err := range client.Tail(t.Context(), kafka.TailConfig{Topics: []string{topic}}) {
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages
}

func send(t *testing.T, p *kafka.Producer, messages ...kafka.Message) {
	t.Helper()
	if err := p.Send(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

// numbered makes n messages whose keys are the numbers from first on.
func numbered(topic string, first, n int) []kafka.Message {
	messages := make([]kafka.Message, n)
	for i := range messages {
		key := fmt.Sprintf("key-%06d", first+i)
		messages[i] = kafka.Message{Topic: topic, Key: []byte(key), Value: []byte("value of " + key)}
	}
	return messages
}

// eventually waits for a condition of a real server.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("waited 60 s in vain: %s", what)
		case <-tick.C:
		}
	}
}

// consuming runs a consumer until stop is called, which returns Consume's error.
func consuming(t *testing.T, client *kafka.Client, config kafka.ConsumerConfig, handler kafka.Handler) (stop func() error) {
	t.Helper()
	if config.RebalanceTimeout == 0 {
		config.RebalanceTimeout = 10 * time.Second
	}
	if config.HeartbeatInterval == 0 {
		config.HeartbeatInterval = 100 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.Consume(ctx, config, handler) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(60 * time.Second):
			return errors.New("the consumer does not stop")
		}
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

func kgoRecord(m kafka.Message) *kgo.Record {
	return &kgo.Record{Topic: m.Topic, Key: m.Key, Value: m.Value}
}
