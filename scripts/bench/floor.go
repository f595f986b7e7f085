package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	kafkago "github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// Sizes of the floor's messages in bytes. Lethe's are larger: a completion is 6 kB, an acknowledgement 550 B with its headers.
const (
	sizeRequest, sizeDispatch, sizeAck, sizeCompletion, sizeStatus = 350, 400, 300, 1500, 150

	floorBatch = 500
)

// bare is the floor: loops that move the messages of the pipeline and write its rows, and mean nothing.
type bare struct {
	broker string
	name   string // of the schema, and before each topic
	db     *pgxpool.Pool
	w      *kafkago.Writer

	transport *kafkago.Transport
	o         options
	body      map[string][]byte

	mu     sync.Mutex
	acks   map[string]int // by request: acknowledgements seen
	sealed atomic.Int64
	done   chan struct{}
}

// floor returns requests per second of the bare loops. Broker and database are warm before its clock runs, as for Lethe's.
func floor(ctx context.Context, broker, postgres string, o options) (float64, error) {
	few := o
	few.requests = warm(o)
	if _, err := floorNamed(ctx, broker, postgres, "warm", few); err != nil {
		return 0, fmt.Errorf("warm up: %w", err)
	}
	return floorNamed(ctx, broker, postgres, "floor", o)
}

// floorNamed runs the loops over topics and a schema of their own.
func floorNamed(ctx context.Context, broker, postgres, name string, o options) (float64, error) {
	cfg, err := pgxpool.ParseConfig(postgres)
	if err != nil {
		return 0, err
	}
	cfg.MaxConns = 16
	cfg.ConnConfig.RuntimeParams["search_path"] = name
	db, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	b := &bare{broker: broker, name: name, db: db, o: o, acks: make(map[string]int, o.requests), done: make(chan struct{}), body: map[string][]byte{}}
	for name, size := range map[string]int{"in": sizeRequest, "dispatch": sizeDispatch, "look": sizeDispatch, "acks": sizeAck, "completions": sizeCompletion, "status": sizeStatus} {
		b.body[name] = make([]byte, size)
		if _, err := rand.Read(b.body[name]); err != nil {
			return 0, err
		}
	}
	if err := b.prepare(ctx); err != nil {
		return 0, err
	}
	b.transport = &kafkago.Transport{}
	defer b.transport.CloseIdleConnections()
	b.w = &kafkago.Writer{
		Addr: kafkago.TCP(broker), RequiredAcks: kafkago.RequireAll, Balancer: kafkago.Murmur2Balancer{Consistent: true}, BatchSize: 1000, BatchBytes: 1_000_000,
		BatchTimeout: 2 * time.Millisecond, Compression: kafkago.Lz4, Transport: b.transport,
	}
	perSecond, err := b.run(ctx)
	return perSecond, errors.Join(err, b.w.Close())
}

// prepare makes topics and tables.
func (b *bare) prepare(ctx context.Context) error {
	client := &kafkago.Client{Addr: kafkago.TCP(b.broker)}
	var topics []kafkago.TopicConfig
	for name := range b.body {
		topics = append(topics, kafkago.TopicConfig{Topic: b.name + "." + name, NumPartitions: b.o.partitions, ReplicationFactor: 1})
	}
	res, err := client.CreateTopics(ctx, &kafkago.CreateTopicsRequest{Topics: topics})
	if err != nil {
		return err
	}
	for topic, err := range res.Errors {
		if err != nil {
			return fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	_, err = b.db.Exec(ctx, `create schema `+b.name+`;
		create table request (id uuid primary key, state text not null, body bytea not null);
		create table step (id uuid not null, system int not null, state int not null, primary key (id, system));
		create table record (id uuid primary key, body bytea not null)`)
	return err
}

func (b *bare) run(ctx context.Context) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for part := range b.o.partitions {
		g.Go(func() error { return b.loop(ctx, "in", part, b.admit) })
		g.Go(func() error { return b.loop(ctx, "acks", part, b.aggregate) })
		for range b.o.systems {
			g.Go(func() error { return b.loop(ctx, "dispatch", part, b.answer) })
			g.Go(func() error { return b.loop(ctx, "look", part, b.answer) })
		}
	}
	ids := make([]string, b.o.requests)
	for i := range ids {
		ids[i] = uuid.NewString()
	}
	began := time.Now()
	for left := ids; len(left) > 0; {
		n := min(floorBatch, len(left))
		if err := b.send(ctx, left[:n], "in"); err != nil {
			return 0, err
		}
		left = left[n:]
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }()
	select {
	case err := <-ended:
		return 0, fmt.Errorf("a loop ended early: %w", err)
	case <-b.done:
	case <-time.After(5 * time.Minute):
		return 0, fmt.Errorf("%d of %d were sealed in 5 minutes", b.sealed.Load(), b.o.requests)
	}
	took := time.Since(began)
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		return 0, err
	}
	return float64(b.o.requests) / took.Seconds(), nil
}

// loop reads one partition in batches.
func (b *bare) loop(ctx context.Context, topic string, part int, work func(context.Context, []string) error) error {
	client := &kafkago.Client{Addr: kafkago.TCP(b.broker), Transport: b.transport}
	offset := int64(0)
	for ctx.Err() == nil {
		res, err := client.Fetch(ctx, &kafkago.FetchRequest{
			Topic: b.name + "." + topic, Partition: part, Offset: offset, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second,
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, kafkago.NotLeaderForPartition) || errors.Is(err, kafkago.UnknownTopicOrPartition) {
				continue // a topic that was made a moment ago
			}
			return fmt.Errorf("fetch %s/%d: %w", topic, part, err)
		}
		keys, err := keysOf(res.Records, &offset)
		if err != nil {
			return fmt.Errorf("read %s/%d: %w", topic, part, err)
		}
		for batch := range slices.Chunk(keys, floorBatch) {
			if err := work(ctx, batch); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
	}
	return nil
}

// keysOf reads the keys of the records from an offset on, and moves it behind them.
func keysOf(rs kafkago.RecordReader, offset *int64) ([]string, error) {
	var keys []string
	for {
		r, err := rs.ReadRecord()
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		key, err := kafkago.ReadAll(r.Key)
		if err != nil {
			return nil, err
		}
		if _, err := kafkago.ReadAll(r.Value); err != nil {
			return nil, err
		}
		if r.Offset >= *offset { // a batch begins before the offset that was asked for
			keys = append(keys, string(key))
			*offset = r.Offset + 1
		}
	}
}

// send publishes one message for each key to each of the topics.
func (b *bare) send(ctx context.Context, keys []string, topics ...string) error {
	msgs := make([]kafkago.Message, 0, len(keys)*len(topics))
	for _, t := range topics {
		for _, k := range keys {
			msgs = append(msgs, kafkago.Message{Topic: b.name + "." + t, Key: []byte(k), Value: b.body[t]})
		}
	}
	return b.w.WriteMessages(ctx, msgs...)
}

// admit: a request row, a row for each system; a dispatch and a status.
func (b *bare) admit(ctx context.Context, ids []string) error {
	tx, err := b.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.Exec(ctx, `insert into request select unnest($1::uuid[]), 'acting', $2`, ids, b.body["dispatch"]); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into step select i, s, 0 from unnest($1::uuid[]) i, generate_series(1, $2) s`, ids, b.o.systems); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	return b.send(ctx, ids, "dispatch", "status")
}

// answer: an acknowledgement.
func (b *bare) answer(ctx context.Context, ids []string) error { return b.send(ctx, ids, "acks") }

// aggregate: an update of a step; a look when all have answered, a record when all have looked.
func (b *bare) aggregate(ctx context.Context, ids []string) error {
	var look, seal []string
	b.mu.Lock()
	for _, id := range ids {
		b.acks[id]++
		switch b.acks[id] {
		case b.o.systems:
			look = append(look, id)
		case 2 * b.o.systems:
			seal = append(seal, id)
		}
	}
	systems := make([]int, len(ids)) // which step is updated does not matter; that one is, does
	for i, id := range ids {
		systems[i] = 1 + (b.acks[id]+i)%b.o.systems
	}
	b.mu.Unlock()
	tx, err := b.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := tx.Exec(ctx, `update step s set state = s.state + 1 from unnest($1::uuid[], $2::int[]) a (id, system) where s.id = a.id and s.system = a.system`, ids, systems); err != nil {
		return err
	}
	if len(seal) > 0 {
		if _, err := tx.Exec(ctx, `insert into record select unnest($1::uuid[]), $2`, seal, b.body["completions"][:1200]); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update request set state = 'sealed' where id = any($1::uuid[])`, seal); err != nil {
			return err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if len(look) > 0 {
		if err := b.send(ctx, look, "look", "status"); err != nil {
			return err
		}
	}
	if len(seal) == 0 {
		return nil
	}
	if err := b.send(ctx, seal, "completions", "status"); err != nil {
		return err
	}
	if b.sealed.Add(int64(len(seal))) == int64(b.o.requests) {
		close(b.done)
	}
	return nil
}
