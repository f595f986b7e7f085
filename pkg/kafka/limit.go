package kafka

import (
	"context"
	"sync"
	"time"
)

// topicLimits remembers how large a message each topic takes.
type topicLimits struct {
	client *Client
	fixed  int

	mu    sync.Mutex
	known map[string]topicLimit
}

type topicLimit struct {
	bytes int
	asked time.Time
}

const (
	// defaultMaxMessageBytes is Kafka's own default, for a broker that does not let this client look at configurations.
	defaultMaxMessageBytes = 1_048_588
	limitLifetime          = 5 * time.Minute
)

func (t *topicLimits) limit(ctx context.Context, topic string) (int, error) {
	if t.fixed > 0 {
		return t.fixed, nil
	}
	t.mu.Lock()
	known, ok := t.known[topic]
	t.mu.Unlock()
	if ok && time.Since(known.asked) < limitLifetime {
		return known.bytes, nil
	}
	bytes, err := t.ask(ctx, topic)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return 0, err
	case ok: // better the limit of five minutes ago than none
		return known.bytes, nil
	default:
		bytes = defaultMaxMessageBytes
		if judge(err) == permanent { // it will not let us look next time either
			t.remember(topic, bytes)
		}
	}
	return bytes, nil
}

// ask asks the broker, whatever is known or fixed, and remembers the answer.
func (t *topicLimits) ask(ctx context.Context, topic string) (int, error) {
	configs, err := t.client.configs(ctx, []string{topic}, "max.message.bytes")
	if err != nil {
		return 0, err
	}
	n, ok := number(configs[topic]["max.message.bytes"])
	if !ok {
		n = defaultMaxMessageBytes
	}
	t.remember(topic, int(n))
	return int(n), nil
}

func (t *topicLimits) remember(topic string, bytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = make(map[string]topicLimit)
	}
	t.known[topic] = topicLimit{bytes: bytes, asked: time.Now()}
}
