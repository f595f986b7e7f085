package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/lethe-dsr/lethe/pkg/kafka"
	"github.com/lethe-dsr/lethe/services/internal/config"
)

// patience is how long a command that a person waits for goes on without a word from the brokers. Services wait for ever.
const patience = 30 * time.Second

// silence is the error of a command whose brokers did not answer.
func silence(cfg config.Config, after time.Duration) error {
	return fmt.Errorf("kafka at %s does not answer, given up after %s: is it running, and is kafka.brokers (LETHE_KAFKA_BROKERS) right?",
		strings.Join(cfg.Kafka.Brokers, ", "), after)
}

// awaitBrokers waits for an answer for as long as a person would.
func (a *app) awaitBrokers(ctx context.Context, client *kafka.Client, cfg config.Config) error {
	within, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	err := client.Wait(within)
	if err != nil && ctx.Err() == nil {
		return silence(cfg, a.patience)
	}
	return err
}

// tail is the client's, except that it gives up where nothing has come for a while.
func (r *reading) tail(ctx context.Context, from kafka.Position, topics ...string) iter.Seq2[kafka.Message, error] {
	return func(yield func(kafka.Message, error) bool) {
		given := errors.New("given up")
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		timer := time.AfterFunc(r.patience, func() { cancel(given) })
		defer timer.Stop()
		for m, err := range r.client.Tail(ctx, kafka.TailConfig{Topics: topics, From: from}) {
			timer.Stop()
			if err != nil && errors.Is(context.Cause(ctx), given) {
				err = silence(r.cfg, r.patience)
			}
			if !yield(m, err) {
				return
			}
			timer.Reset(r.patience)
		}
	}
}

// producer gives up as well.
func (r *reading) producer() *kafka.Producer {
	return r.client.Producer(kafka.ProducerConfig{GiveUpAfter: r.patience})
}
