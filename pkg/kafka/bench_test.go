package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/lethe-dsr/lethe/pkg/kafka"
)

// The benchmarks run on Apache Kafka: six partitions, values of 500 bytes of which lz4 makes a third.
func benchMessages(topic string, n int) []kafka.Message {
	value := bytes.Repeat([]byte("0123456789abcdefghij pseudonym "), 16)
	messages := make([]kafka.Message, n)
	for i := range messages {
		messages[i] = kafka.Message{Topic: topic, Key: fmt.Appendf(nil, "%08x-0000-4000-8000-%012x", i*2654435761, i), Value: value}
	}
	return messages
}

func benchTopic(b *testing.B) (*kafka.Client, *kafka.Producer, string) {
	b.Helper()
	client, err := kafka.New(kafka.Config{Brokers: []string{apacheKafka(b).addr}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	topic := fmt.Sprintf("bench-%d-%d", b.N, topicNumber.Add(1))
	if _, err := client.Apply(b.Context(), []kafka.TopicSpec{{Name: topic, Partitions: 6}}); err != nil {
		b.Fatal(err)
	}
	producer := client.Producer(kafka.ProducerConfig{})
	b.Cleanup(producer.Close)
	return client, producer, topic
}

func BenchmarkSend(b *testing.B) {
	for _, shape := range []struct{ senders, size int }{{1, 1}, {1, 500}, {1, 1000}, {8, 1}, {8, 500}} {
		b.Run(fmt.Sprintf("%d_at_once_%d_messages_each", shape.senders, shape.size), func(b *testing.B) {
			_, producer, topic := benchTopic(b)
			messages := benchMessages(topic, shape.size)
			if err := producer.Send(b.Context(), messages); err != nil {
				b.Fatal(err)
			}
			b.SetParallelism(shape.senders)
			b.ResetTimer()
			if shape.senders == 1 {
				for b.Loop() {
					if err := producer.Send(b.Context(), messages); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := producer.Send(b.Context(), messages); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportMetric(float64(b.N*shape.size)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func BenchmarkConsume(b *testing.B) {
	client, producer, topic := benchTopic(b)
	const size = 1000
	messages := benchMessages(topic, size)
	for range b.N {
		if err := producer.Send(b.Context(), messages); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var worked atomic.Int64
	b.ResetTimer()
	err := client.Consume(ctx, kafka.ConsumerConfig{Group: topic, Topics: []string{topic}},
		kafka.HandlerFunc(func(_ context.Context, batch kafka.Batch) (int, error) {
			if worked.Add(int64(len(batch.Messages))) >= int64(b.N*size) {
				b.StopTimer()
				cancel()
			}
			return len(batch.Messages), nil
		}))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(worked.Load()-int64(b.N*size)), "duplicates")
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
}
