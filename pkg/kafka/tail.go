package kafka

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// Position is where a [Client.Tail] begins: [Last] or [At]. The zero value is the first message that a partition holds.
type Position struct {
	last bool
	at   time.Time
}

// Last is after the last message: only what is published from now on.
func Last() Position { return Position{last: true} }

// At is the first message of that time or later.
func At(t time.Time) Position { return Position{at: t} }

// TailConfig says what to read.
type TailConfig struct {
	Topics []string
	From   Position
	// Follow goes on after what there is, until ctx ends. Otherwise Tail ends with the messages that were there when it began.
	Follow bool
	// CaughtUp is called once, between two messages, when everything that was there at the beginning has been handed out.
	CaughtUp func()
}

// Tail reads every partition of the topics, without joining a group, and hands out the messages, those of one partition in
// order. It waits for brokers that are away. It ends after the last message (see [TailConfig].Follow), or with one error: a
// [MissingTopicsError], or ctx's own. Stop the range to end it at any time.
func (c *Client) Tail(ctx context.Context, config TailConfig) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		spans, err := c.spans(ctx, config)
		if err != nil {
			yield(Message{}, fmt.Errorf("tail: %w", err))
			return
		}
		pages := make(chan tailPage)
		group, groupCtx := errgroup.WithContext(ctx)
		open := 0
		for _, s := range spans {
			if s.start < s.end {
				open++
			}
			if config.Follow || s.start < s.end {
				group.Go(func() error { return c.tailPartition(groupCtx, s, config.Follow, pages) })
			}
		}
		if open == 0 && config.CaughtUp != nil {
			config.CaughtUp()
		}
		ended := make(chan error, 1)
		go func() { ended <- group.Wait() }()
		stopped := func() {
			cancel()
			<-ended //nolint:errcheck // who stops the range wants to hear no more
		}
		for {
			select {
			case p := <-pages:
				for _, m := range p.messages {
					if !yield(m, nil) {
						stopped()
						return
					}
				}
				if p.caughtUp {
					if open--; open == 0 && config.CaughtUp != nil {
						config.CaughtUp()
					}
				}
			case err := <-ended:
				if err != nil {
					yield(Message{}, fmt.Errorf("tail: %w", err))
				}
				return
			}
		}
	}
}

// span is what Tail reads of one partition: from start, first to end and then, perhaps, on.
type span struct {
	topic      string
	partition  int
	start, end int64
}

type tailPage struct {
	messages []Message
	caughtUp bool // the partition has reached its end with this page
}

// spans finds the partitions, and where each begins and ends now.
func (c *Client) spans(ctx context.Context, config TailConfig) (spans []span, err error) {
	pause := newPause(100*time.Millisecond, 2*time.Second)
	for {
		spans, err = c.spansOnce(ctx, config)
		if err == nil || judge(err) == permanent || ctx.Err() != nil {
			return spans, err
		}
		err = c.diagnose(ctx, err)
		if pause.wait(ctx) != nil {
			return nil, err
		}
	}
}

func (c *Client) spansOnce(ctx context.Context, config TailConfig) (spans []span, err error) {
	partitions, err := c.partitions(ctx, config.Topics)
	if err != nil {
		return nil, err
	}
	for _, topic := range config.Topics {
		n := partitions[topic]
		ends, err := c.ends(ctx, topic, n)
		if err != nil {
			return nil, c.explain(err)
		}
		var starts map[int]int64
		if !config.From.at.IsZero() {
			if starts, err = c.at(ctx, topic, n, config.From.at, ends); err != nil {
				return nil, c.explain(err)
			}
		}
		for p := range n {
			s := span{topic: topic, partition: p, start: ends[p].FirstOffset, end: ends[p].LastOffset}
			switch {
			case config.From.last:
				s.start = s.end
			case starts != nil:
				s.start = starts[p]
			}
			spans = append(spans, s)
		}
	}
	return spans, nil
}

// tailPartition sends the pages of one partition until its end, or until ctx ends.
func (c *Client) tailPartition(ctx context.Context, s span, follow bool, pages chan<- tailPage) error {
	reader := c.reader(s.topic, s.partition, s.start, time.Second)
	pause := newPause(50*time.Millisecond, 2*time.Second)
	caughtUp := s.start >= s.end
	for follow || !caughtUp {
		p, err := reader.read(ctx)
		var gone *OffsetError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &gone):
			// A tail shows what there is: it goes on where the partition now begins.
			reader.offset = gone.First
			continue
		case errors.Is(err, kafkago.TopicAuthorizationFailed):
			return err
		case err != nil:
			_ = c.diagnose(ctx, err)
			if pause.wait(ctx) != nil {
				return ctx.Err()
			}
			continue
		}
		c.reach.ok()
		pause.reset()
		out := tailPage{messages: p.messages}
		if !follow {
			for len(out.messages) > 0 && out.messages[len(out.messages)-1].Offset >= s.end {
				out.messages = out.messages[:len(out.messages)-1]
			}
		}
		if !caughtUp && p.next >= s.end {
			caughtUp, out.caughtUp = true, true
		}
		if len(out.messages) == 0 && !out.caughtUp {
			continue
		}
		select {
		case pages <- out:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
