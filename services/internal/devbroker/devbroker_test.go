package devbroker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/internal/devbroker"
)

// childDir and childPort make a process of this test binary a broker and nothing else, so that it can be killed.
const (
	childDir  = "LETHE_DEVBROKER_TEST_DIR"
	childPort = "LETHE_DEVBROKER_TEST_PORT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		port, _ := strconv.Atoi(os.Getenv(childPort))
		broker, err := devbroker.Start(context.Background(), devbroker.Config{Dir: dir, Port: port})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(broker.Addr())
		select {} // until killed
	}
	m.Run()
}

// child starts a broker in a process of its own and returns its address and the way to kill it.
func child(t *testing.T, dir, port string) (addr string, kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childPort+"="+port)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child says nothing: %v", err)
	}
	return strings.TrimSpace(line), kill
}

func client(t *testing.T, addr string) *kafka.Client {
	t.Helper()
	c, err := kafka.New(kafka.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func send(t *testing.T, p *kafka.Producer, first, n int) {
	t.Helper()
	var messages []kafka.Message
	for i := first; i < first+n; i++ {
		messages = append(messages, kafka.Message{Topic: "t", Key: fmt.Appendf(nil, "%d", i), Value: []byte("v")})
	}
	if err := p.Send(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

// consume works n messages as the group and stops.
func consume(t *testing.T, c *kafka.Client, n int) (keys map[string]int) {
	t.Helper()
	keys = make(map[string]int)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := c.Consume(ctx, kafka.ConsumerConfig{Group: "g", Topics: []string{"t"}, MaxBatch: 10},
		kafka.HandlerFunc(func(_ context.Context, b kafka.Batch) (int, error) {
			for _, m := range b.Messages {
				keys[string(m.Key)]++
			}
			if len(keys) >= n {
				cancel()
			}
			return len(b.Messages), nil
		}))
	if err != nil || len(keys) != n {
		t.Fatalf("worked %d messages with error %v, want %d and none", len(keys), err, n)
	}
	return keys
}

func TestAKilledBrokerComesBackWithItsMessagesAndOffsets(t *testing.T) {
	dir := t.TempDir()
	addr, kill := child(t, dir, "0")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, addr)
	if _, err := c.Apply(t.Context(), []kafka.TopicSpec{
		{Name: "t", Partitions: 1, Configs: map[string]string{"max.message.bytes": "500000"}},
	}); err != nil {
		t.Fatal(err)
	}
	p := c.Producer(kafka.ProducerConfig{})
	defer p.Close()
	send(t, p, 0, 100)
	first := consume(t, c, 100)
	send(t, p, 100, 40)
	kill()

	addr, _ = child(t, dir, port)
	if err := c.Check(t.Context(), []kafka.TopicSpec{
		{Name: "t", Partitions: 1, Configs: map[string]string{"max.message.bytes": "500000"}},
	}); err != nil {
		t.Errorf("the topic is not as it was: %v", err)
	}
	again := client(t, addr)
	n := 0
	for _, err := range again.Tail(t.Context(), kafka.TailConfig{Topics: []string{"t"}}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 140 {
		t.Errorf("%d messages after the kill, want 140", n)
	}
	second := consume(t, again, 40)
	for key := range second {
		if first[key] > 0 {
			t.Errorf("message %s was worked again: the group's offset is lost", key)
		}
	}
	// The clients of before the kill go on as well.
	send(t, p, 140, 1)
}

func TestTwoBrokersDoNotShareAPort(t *testing.T) {
	broker, err := devbroker.Start(t.Context(), devbroker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = broker.Close() }()
	host, text, err := net.SplitHostPort(broker.Addr())
	if err != nil || host != "127.0.0.1" {
		t.Fatalf("address %q, %v; want one on 127.0.0.1", broker.Addr(), err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := devbroker.Start(t.Context(), devbroker.Config{Dir: t.TempDir(), Port: port}); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v, want one that names port %s", err, text)
	}
	if _, err := devbroker.Start(t.Context(), devbroker.Config{}); err == nil {
		t.Error("no directory: no error")
	}
}

func TestTwoBrokersDoNotShareADirectory(t *testing.T) {
	dir := t.TempDir()
	broker, err := devbroker.Start(t.Context(), devbroker.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := devbroker.Start(t.Context(), devbroker.Config{Dir: dir}); !errors.Is(err, devbroker.ErrInUse) {
		t.Errorf("error is %v, want ErrInUse: two brokers would write over each other's data", err)
	}
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	broker, err = devbroker.Start(t.Context(), devbroker.Config{Dir: dir})
	if err != nil {
		t.Fatalf("after the first one has closed: %v", err)
	}
	_ = broker.Close()
}
