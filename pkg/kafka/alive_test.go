package kafka_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// TestProducer_leaves_a_batch_alone_that_a_request_may_still_read: a request whose time is up goes on in kafka-go's own goroutine, and
// what it encodes is the lane's batch. The connection stands still between the request's arrival in that goroutine and its encoding,
// as a process that is suspended, or a goroutine that gets no processor, does.
func TestProducer_leaves_a_batch_alone_that_a_request_may_still_read(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	c := cluster{addr: fake.ListenAddrs()[0], fake: fake}
	s := &still{reached: make(chan struct{}, 100), goOn: make(chan struct{}), written: make(chan struct{}, 100)}
	client := c.client(t, func(config *kafka.Config) {
		config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return stillConn{conn, s}, err
		}
	})
	topic := c.topic(t, client, 1, nil)
	producer := client.Producer(kafka.ProducerConfig{})
	send(t, producer, numbered(topic, 0, 1)...)
	s.stands.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- producer.Send(ctx, numbered(topic, 1, 5)) }()
	select {
	case <-s.reached:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was produced")
	}
	cancel()
	if err := <-gone; err == nil {
		t.Error("Send returned no error")
	}
	producer.Close() // as the request's own time-out would
	s.stands.Store(false)
	close(s.goOn)
	<-s.written
}

// still is a connection that stands still right before a request is encoded, and tells when what comes of it has been written.
type still struct {
	stands, stood          atomic.Bool
	reached, goOn, written chan struct{}
}

type stillConn struct {
	net.Conn
	s *still
}

// SetDeadline is what kafka-go calls right before it encodes a request.
func (c stillConn) SetDeadline(at time.Time) error {
	if c.s.stands.Load() && !at.IsZero() {
		c.s.stood.Store(true)
		c.s.reached <- struct{}{}
		<-c.s.goOn
	}
	return c.Conn.SetDeadline(at)
}

func (c stillConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.s.stood.Load() {
		select {
		case c.s.written <- struct{}{}:
		default:
		}
	}
	return n, err
}

func (c stillConn) Close() error {
	if c.s.stood.Load() {
		select {
		case c.s.written <- struct{}{}:
		default:
		}
	}
	return c.Conn.Close()
}
