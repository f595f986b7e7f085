package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// commitPace is how often offsets are committed at most. A commit is not in the way of the work, and a crash costs at most
// the repetition of what was settled meanwhile.
const commitPace = 100 * time.Millisecond

// committer commits the offsets of one generation, those of all partitions together. A broker refuses a commit of a
// generation that is over, so a member that lost its partitions cannot move their offsets back.
type committer struct {
	commit func(map[string]map[int]Resume) error
	log    *slog.Logger
	wake   chan struct{}

	mu      sync.Mutex
	pending map[string]map[int]Resume
	over    bool
}

func newCommitter(commit func(map[string]map[int]Resume) error, log *slog.Logger) *committer {
	return &committer{commit: commit, log: log, wake: make(chan struct{}, 1), pending: make(map[string]map[int]Resume)}
}

// settle notes that everything in the partition before next is settled.
func (c *committer) settle(topic string, partition int, next Resume) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(topic, partition, next)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *committer) put(topic string, partition int, next Resume) {
	if c.pending[topic] == nil {
		c.pending[topic] = make(map[int]Resume)
	}
	c.pending[topic][partition] = next
}

// run commits what is settled until ctx ends.
func (c *committer) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		_ = c.flush() // what failed is still pending, and logged
		timer.Reset(commitPace)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// finish makes the last commit of the generation.
func (c *committer) finish() {
	pause := newPause(100*time.Millisecond, time.Second)
	for try := 1; c.flush() != nil && try < 3; try++ {
		_ = pause.wait(context.Background())
	}
}

// flush commits what is pending. What could not be committed stays pending, unless the generation is over: then it comes
// again, to whoever has the partition now.
func (c *committer) flush() error {
	c.mu.Lock()
	batch := c.pending
	if len(batch) == 0 || c.over {
		c.mu.Unlock()
		return nil
	}
	c.pending = make(map[string]map[int]Resume)
	c.mu.Unlock()

	err := c.commit(batch)
	if err == nil {
		crash("offset_committed")
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, kafkago.IllegalGeneration) || errors.Is(err, kafkago.UnknownMemberId) || errors.Is(err, kafkago.RebalanceInProgress) {
		c.over = true
		c.log.Info("offsets not committed, the group has moved on: some messages come again", "error", err.Error())
		return nil
	}
	c.log.Warn("offsets not committed", "error", err.Error())
	for topic, partitions := range batch {
		for partition, next := range partitions {
			if _, newer := c.pending[topic][partition]; !newer {
				c.put(topic, partition, next)
			}
		}
	}
	return err
}
