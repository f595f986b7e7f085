package kafka

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	kafkago "github.com/segmentio/kafka-go"
)

// commitLog is a broker's answers to commits, one after the other, and what it was sent.
type commitLog struct {
	answers []error
	sent    []map[string]map[int]Resume
}

func (l *commitLog) commit(offsets map[string]map[int]Resume) error {
	l.sent = append(l.sent, maps.Clone(offsets))
	if len(l.answers) < len(l.sent) {
		return nil
	}
	return l.answers[len(l.sent)-1]
}

func TestCommitter_commits_the_latest_of_every_partition_together(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broker commitLog
		c := newCommitter(broker.commit, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.run(ctx); c.finish(); close(done) }()
		c.settle("a", 0, Resume{Offset: 5})
		synctest.Wait()
		for next := int64(6); next < 50; next++ {
			c.settle("a", 0, Resume{Offset: next})
			c.settle("b", 1, Resume{Offset: next * 10})
			time.Sleep(time.Millisecond)
		}
		time.Sleep(commitPace)
		c.settle("a", 0, Resume{Offset: 60})
		cancel()
		<-done
		want := []map[string]map[int]Resume{
			{"a": {0: {Offset: 5}}},
			{"a": {0: {Offset: 49}}, "b": {1: {Offset: 490}}},
			{"a": {0: {Offset: 60}}},
		}
		if diff := cmp.Diff(want, broker.sent); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
	})
}

func TestCommitter_tries_again_when_the_broker_was_away(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := commitLog{answers: []error{errors.New("connection reset"), errors.New("connection reset")}}
		c := newCommitter(broker.commit, slog.New(slog.DiscardHandler))
		c.settle("a", 0, Resume{Offset: 5})
		_ = c.flush()
		c.settle("a", 0, Resume{Offset: 7})
		c.settle("a", 1, Resume{Offset: 1})
		c.finish()
		want := []map[string]map[int]Resume{{"a": {0: {Offset: 5}}}, {"a": {0: {Offset: 7}, 1: {Offset: 1}}}, {"a": {0: {Offset: 7}, 1: {Offset: 1}}}}
		if diff := cmp.Diff(want, broker.sent); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
	})
}

func TestCommitter_falls_silent_when_the_group_has_moved_on(t *testing.T) {
	for _, refusal := range []error{kafkago.IllegalGeneration, kafkago.UnknownMemberId, kafkago.RebalanceInProgress} {
		broker := commitLog{answers: []error{refusal}}
		c := newCommitter(broker.commit, slog.New(slog.DiscardHandler))
		c.settle("a", 0, Resume{Offset: 5})
		c.finish()
		c.settle("a", 0, Resume{Offset: 6})
		c.finish()
		if len(broker.sent) != 1 {
			t.Errorf("%v: %d commits, want one and no more", refusal, len(broker.sent))
		}
	}
}
