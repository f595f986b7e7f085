package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
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
	broker  string
	name    string // of the schema, and before each topic
	systems int
	db      *pgxpool.Pool
	w       *kafkago.Writer

	transport *kafkago.Transport
	body      map[string][]byte
	stop      context.CancelFunc
	loops     *errgroup.Group

	mu     sync.Mutex
	acks   map[string]int       // by request: acknowledgements seen
	sealed map[string]time.Time // when its completion was seen
	news   chan struct{}
}

// partitions of each topic, as many as the companies of the other cases have.
const floorPartitions = 6

// floor starts the loops over topics and a database of their own.
func (l *lab) floor(ctx context.Context, systems int) (*bare, error) {
	broker, err := l.broker(ctx)
	if err != nil {
		return nil, err
	}
	url, err := l.database(ctx)
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 16
	b := &bare{broker: broker, name: l.next("floor"), systems: systems, acks: map[string]int{}, sealed: map[string]time.Time{}, news: make(chan struct{}, 1), body: map[string][]byte{}}
	for name, size := range map[string]int{"in": sizeRequest, "dispatch": sizeDispatch, "look": sizeDispatch, "acks": sizeAck, "completions": sizeCompletion, "status": sizeStatus} {
		b.body[name] = make([]byte, size)
		if _, err := rand.Read(b.body[name]); err != nil {
			return nil, err
		}
	}
	if b.db, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	b.transport = &kafkago.Transport{}
	b.w = &kafkago.Writer{
		Addr: kafkago.TCP(broker), RequiredAcks: kafkago.RequireAll, Balancer: kafkago.Murmur2Balancer{Consistent: true}, BatchSize: 1000, BatchBytes: 1_000_000,
		BatchTimeout: 2 * time.Millisecond, Compression: kafkago.Lz4, Transport: b.transport,
	}
	ctx, b.stop = context.WithCancel(ctx)
	b.loops, ctx = errgroup.WithContext(ctx)
	for part := range floorPartitions {
		b.loops.Go(func() error { return b.loop(ctx, "in", part, b.admit) })
		b.loops.Go(func() error { return b.loop(ctx, "acks", part, b.aggregate) })
		b.loops.Go(func() error { return b.loop(ctx, "completions", part, b.complete) })
		for range systems {
			b.loops.Go(func() error { return b.loop(ctx, "dispatch", part, b.answer) })
			b.loops.Go(func() error { return b.loop(ctx, "look", part, b.answer) })
		}
	}
	return b, nil
}

func (b *bare) quit() error {
	b.stop()
	err := b.loops.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	err = errors.Join(err, b.w.Close())
	b.transport.CloseIdleConnections()
	b.db.Close()
	return err
}

// drain sends n requests and returns how long it took until the last completion was seen.
func (b *bare) drain(ctx context.Context, n int) (time.Duration, error) {
	ids := newIDs(n)
	before := b.count()
	began := time.Now()
	for left := ids; len(left) > 0; {
		k := min(floorBatch, len(left))
		if err := b.send(ctx, left[:k], "in"); err != nil {
			return 0, err
		}
		left = left[k:]
	}
	err := b.until(ctx, before+n)
	return time.Since(began), err
}

func newIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.NewString()
	}
	return ids
}

func (b *bare) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sealed)
}

func (b *bare) until(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for b.count() < n {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d came through the bare loops: %w", b.count(), n, ctx.Err())
		case <-b.news:
		}
	}
	return nil
}

// prepare makes topics and tables.
func (b *bare) prepare(ctx context.Context) error {
	client := &kafkago.Client{Addr: kafkago.TCP(b.broker)}
	var topics []kafkago.TopicConfig
	for name := range b.body {
		topics = append(topics, kafkago.TopicConfig{Topic: b.name + "." + name, NumPartitions: floorPartitions, ReplicationFactor: 1})
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
	_, err = b.db.Exec(ctx, `
		create table request (id uuid primary key, state text not null, body bytea not null);
		create table step (id uuid not null, system int not null, state int not null, primary key (id, system));
		create table record (id uuid primary key, body bytea not null)`)
	return err
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
	if _, err := tx.Exec(ctx, `insert into step select i, s, 0 from unnest($1::uuid[]) i, generate_series(1, $2) s`, ids, b.systems); err != nil {
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
		case b.systems:
			look = append(look, id)
		case 2 * b.systems:
			seal = append(seal, id)
		}
	}
	systems := make([]int, len(ids)) // which step is updated does not matter; that one is, does
	for i, id := range ids {
		systems[i] = 1 + (b.acks[id]+i)%b.systems
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
	return b.send(ctx, seal, "completions", "status")
}

// complete: somebody reads the records.
func (b *bare) complete(_ context.Context, ids []string) error {
	now := time.Now()
	b.mu.Lock()
	for _, id := range ids {
		b.sealed[id] = now
	}
	b.mu.Unlock()
	select {
	case b.news <- struct{}{}:
	default:
	}
	return nil
}
