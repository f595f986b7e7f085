package kafka

import (
	"context"
	"net"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	dialTimeout = 3 * time.Second
	// requestTimeout bounds one request to a broker that should answer at once. A broker that is restarted answers within
	// it or drops the connection.
	requestTimeout = 10 * time.Second
)

// newTransport and newDialer are the two ways into the cluster, and this file is the only place that builds them: the
// transport carries everything but group membership, for which kafka-go wants a dialer. What secures a connection belongs
// in both.
func newTransport(config Config, track *connections) *kafkago.Transport {
	return &kafkago.Transport{
		Dial:        track.dial(config.Dial),
		DialTimeout: 2 * dialTimeout,
		ClientID:    config.ClientID,
		MetadataTTL: 6 * time.Second,
	}
}

func newDialer(config Config, track *connections) *kafkago.Dialer {
	return &kafkago.Dialer{
		DialFunc: track.dial(config.Dial),
		Timeout:  2 * dialTimeout,
		ClientID: config.ClientID,
	}
}

// connections remembers the open connections of a transport or a consumer group. kafka-go cannot break off a request: a
// fetch, for which the broker waits for a message, or a join, for which it takes up to the rebalance timeout. Closing the
// connection under it can.
type connections struct {
	mu   sync.Mutex
	open map[*tracked]time.Time // since when
}

type tracked struct {
	net.Conn
	owner *connections
}

func (c *connections) dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		t := &tracked{Conn: conn, owner: c}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open == nil {
			c.open = make(map[*tracked]time.Time)
		}
		c.open[t] = time.Now()
		return t, nil
	}
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	t.owner.mu.Lock()
	delete(t.owner.open, t)
	t.owner.mu.Unlock()
	return t.Conn.Close()
}

// closeOlder closes connections that have been open for longer than the age; zero: all.
func (c *connections) closeOlder(age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t, since := range c.open {
		if age == 0 || time.Since(since) > age {
			_ = t.Conn.Close()
		}
	}
}
