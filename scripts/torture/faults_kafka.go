package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

const mostPartitions = 8

// grow adds a partition to a topic: from now on the same key goes to another one.
func (f *faults) grow(ctx context.Context, x fault) error {
	lock := f.busy["kafka"]
	lock.Lock()
	defer lock.Unlock()
	client := &kafkago.Client{Addr: kafkago.TCP(f.kafka.Addr), Timeout: 5 * time.Second, Transport: &kafkago.Transport{MetadataTTL: time.Millisecond}}
	return persist(ctx, func() error {
		meta, err := client.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{prefix + x.target}})
		if err != nil {
			return err
		}
		if len(meta.Topics) != 1 || meta.Topics[0].Error != nil {
			return fmt.Errorf("no metadata of %s", x.target)
		}
		n := len(meta.Topics[0].Partitions)
		if n >= mostPartitions {
			return nil
		}
		answer, err := client.CreatePartitions(ctx, &kafkago.CreatePartitionsRequest{Topics: []kafkago.TopicPartitionsConfig{{Name: prefix + x.target, Count: int32(n) + 1}}})
		if err == nil {
			err = answer.Errors[prefix+x.target]
		}
		if err == nil {
			f.counts.add("partition added", x.target, false)
			f.watch.partitionsAdded()
		}
		return err
	})
}

// redeliver publishes messages that services have sent to each other once more, as they were, in any order and on any partition.
func (f *faults) redeliver(ctx context.Context, x fault) error {
	most := 0
	if _, err := fmt.Sscan(x.detail, &most); err != nil {
		return err
	}
	f.watch.mu.Lock()
	all := append([]kafka.Message(nil), f.watch.passing...)
	f.watch.mu.Unlock()
	shuffle(all)
	f.counts.add("messages of internal topics delivered again", "all topics", false)
	return publishAgain(ctx, f.kafka.Addr, all[:min(most, len(all))])
}

// publishAgain writes messages with their keys, bytes and headers to partitions at random.
func publishAgain(ctx context.Context, addr string, all []kafka.Message) error {
	w := &kafkago.Writer{
		Addr: kafkago.TCP(addr), RequiredAcks: kafkago.RequireAll, BatchTimeout: 5 * time.Millisecond, BatchSize: 500, Transport: &kafkago.Transport{MetadataTTL: time.Second},
		Balancer: kafkago.BalancerFunc(func(_ kafkago.Message, ps ...int) int { return ps[rand.IntN(len(ps))] }),
	}
	defer func() { _ = w.Close() }() // everything was written, or it is said
	for len(all) > 0 {
		n := min(len(all), 2000)
		var msgs []kafkago.Message
		for _, m := range all[:n] {
			out := kafkago.Message{Topic: m.Topic, Key: m.Key, Value: m.Value}
			for _, h := range m.Headers {
				out.Headers = append(out.Headers, kafkago.Header{Key: h.Key, Value: h.Value})
			}
			msgs = append(msgs, out)
		}
		if err := persist(ctx, func() error { return w.WriteMessages(ctx, msgs...) }); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// shuffle puts messages into another order: what was said first may be heard last.
func shuffle(all []kafka.Message) {
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}
