package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	kafkago "github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel"
)

// Config says which cluster to talk to, and as whom. Only Brokers is required.
type Config struct {
	// Brokers are host:port addresses of some brokers of the cluster; the others are found through them.
	Brokers []string
	// ClientID names this program in the broker's logs and quotas; default "lethe".
	ClientID string
	// Dial opens network connections, to brokers under their advertised addresses too; default: TCP with a timeout of 3 s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger is told when the cluster goes away and comes back, and what a consumer has to say; default: nobody.
	Logger *slog.Logger
}

// Client talks to one cluster. It is safe for concurrent use and shares its connections among everything made from it.
// Close it when all of that has stopped.
type Client struct {
	config    Config
	log       *slog.Logger
	addr      net.Addr
	transport *kafkago.Transport
	api       *kafkago.Client
	reach     reach
	meters    meters

	connections connections // of the transport
	assigned    assignments
	halted      halts
	unobserve   func()

	mu        sync.Mutex
	refreshed time.Time
}

// New checks the configuration and returns a client. It does not connect: see [Client.Wait].
func New(config Config) (*Client, error) {
	if len(config.Brokers) == 0 {
		return nil, errors.New("connect to kafka: no broker addresses given")
	}
	for _, broker := range config.Brokers {
		if _, _, err := net.SplitHostPort(broker); err != nil {
			return nil, fmt.Errorf("connect to kafka: broker address %q is not host:port: %w", broker, err)
		}
	}
	config.Brokers = slices.Clone(config.Brokers)
	if config.ClientID == "" {
		config.ClientID = "lethe"
	}
	if config.Dial == nil {
		config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	meters, err := newMeters()
	if err != nil {
		return nil, err
	}
	c := &Client{
		config: config,
		log:    config.Logger,
		addr:   kafkago.TCP(config.Brokers...),
		meters: meters,
	}
	if c.unobserve, err = c.halted.observe(otel.Meter(scope)); err != nil {
		return nil, err
	}
	c.transport = newTransport(config, &c.connections)
	c.reach = reach{log: c.log, brokers: config.Brokers}
	// The broker is given half of the timeout to gather acknowledgements; without one kafka-go tells it 500 ms.
	c.api = &kafkago.Client{Addr: c.addr, Transport: c.transport, Timeout: requestTimeout}
	return c, nil
}

// Close closes the client's connections. Producers, consumers and readers made from it must have stopped.
func (c *Client) Close() {
	c.unobserve()
	c.transport.CloseIdleConnections()
	c.connections.closeOlder(0) // a fetch that nobody waits for any more would hold its own for a while
}

// Wait returns nil as soon as a broker answers, and asks until ctx ends. It logs one line when it starts to wait and one
// when a broker is there. The error is a [BrokerUnavailableError].
func (c *Client) Wait(ctx context.Context) error {
	pause := newPause(100*time.Millisecond, 2*time.Second)
	var cause error
	for {
		_, err := c.lookup(ctx)
		if err == nil {
			c.reach.ok()
			return nil
		}
		if cause == nil || ctx.Err() == nil { // that ctx has ended says nothing about the brokers
			cause = err
		}
		c.reach.failed(err)
		if pause.wait(ctx) != nil {
			return &BrokerUnavailableError{Brokers: c.config.Brokers, Cause: cause}
		}
	}
}

// lookup asks a broker afresh how many partitions each of the topics has. Those it does not know are missing from the
// answer. The client's own transport would answer from a cache up to six seconds old, so this takes one of its own.
func (c *Client) lookup(ctx context.Context, topics ...string) (map[string]int, error) {
	transport := newTransport(c.config, &connections{})
	defer transport.CloseIdleConnections()
	// Nil would ask for every topic of the cluster.
	transport.MetadataTopics = append([]string{}, topics...)
	api := &kafkago.Client{Addr: c.addr, Transport: transport, Timeout: requestTimeout}
	answer, err := api.Metadata(ctx, &kafkago.MetadataRequest{Topics: transport.MetadataTopics})
	if err != nil {
		return nil, fmt.Errorf("ask for metadata: %w", err)
	}
	partitions := make(map[string]int, len(topics))
	for _, topic := range answer.Topics {
		switch {
		case topic.Error == nil:
			partitions[topic.Name] = len(topic.Partitions)
		case !errors.Is(topic.Error, kafkago.UnknownTopicOrPartition):
			return nil, fmt.Errorf("ask for metadata of topic %s: %w", topic.Name, topic.Error)
		}
	}
	return partitions, nil
}

// partitions is lookup for topics that must exist: a [MissingTopicsError] names those that do not. A topic made a moment
// ago may not be known to every broker yet, so it asks three times before it says so.
func (c *Client) partitions(ctx context.Context, topics []string) (map[string]int, error) {
	pause := newPause(150*time.Millisecond, 500*time.Millisecond)
	for try := 1; ; try++ {
		known, err := c.lookup(ctx, topics...)
		if err != nil {
			return nil, c.explain(err)
		}
		c.reach.ok()
		var missing []string
		for _, topic := range topics {
			if _, ok := known[topic]; !ok && !slices.Contains(missing, topic) {
				missing = append(missing, topic)
			}
		}
		if len(missing) == 0 {
			return known, nil
		}
		if try == 3 {
			return nil, &MissingTopicsError{Topics: missing, Brokers: c.config.Brokers}
		}
		if err := pause.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// refresh makes the transport forget what it knows about the cluster, because it proved stale: a leader has moved, or a
// topic is new. kafka-go has no way to ask for that, save giving its connections back; at most one a second.
func (c *Client) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.refreshed) > time.Second {
		c.refreshed = now
		c.transport.CloseIdleConnections()
	}
}

// diagnose finds out, after a request that failed, whether brokers answer at all, tells everybody, and returns the error
// that says most. kafka-go itself reports a cluster that it cannot reach as a topic that it does not know. Where brokers
// do answer, what the transport remembers of them may be stale.
func (c *Client) diagnose(ctx context.Context, err error) error {
	if !stale(err) && judge(err) != away {
		return err
	}
	if _, asked := c.lookup(ctx); asked != nil {
		if ctx.Err() == nil {
			c.reach.failed(asked)
		}
		return asked
	}
	c.refresh()
	return err
}

// ask makes one request that should be answered at once. A connection that has been idle may be dead without anybody having
// noticed, after a broker was restarted: then brokers do answer, and the request is made once more, over new ones.
func (c *Client) ask(ctx context.Context, request func() error) error {
	err := request()
	if err == nil || judge(err) != away || ctx.Err() != nil {
		return err
	}
	if _, asked := c.lookup(ctx); asked != nil {
		return asked
	}
	c.transport.CloseIdleConnections()
	return request()
}

// reach remembers whether the cluster answers, so that its going and coming is logged once each, however many requests
// notice.
type reach struct {
	log     *slog.Logger
	brokers []string

	mu    sync.Mutex
	since time.Time // when it went away; zero: it answers
}

func (r *reach) failed(err error) {
	if err == nil || judge(err) != away {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() {
		r.since = time.Now()
		r.log.Warn("kafka does not answer, waiting for it", "brokers", strings.Join(r.brokers, ","), "error", err.Error())
	}
}

func (r *reach) ok() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.since.IsZero() {
		r.log.Info("kafka answers", "brokers", strings.Join(r.brokers, ","), "away_seconds", time.Since(r.since).Seconds())
		r.since = time.Time{}
	}
}

// pause is an exponential backoff that goes on for ever: backoff/v4's own default gives up after 15 minutes. It belongs to
// one goroutine.
type pause struct{ backoff *backoff.ExponentialBackOff }

func newPause(first, most time.Duration) pause {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.MaxElapsedTime = first, most, 0
	b.Reset()
	return pause{b}
}

// wait sleeps for the next interval and returns ctx's error when that ends first.
func (p pause) wait(ctx context.Context) error {
	timer := time.NewTimer(p.backoff.NextBackOff())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (p pause) reset() { p.backoff.Reset() }
