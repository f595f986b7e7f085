package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

const (
	// fetchBytes is what one request asks for. A broker sends at least one record batch even if that is larger.
	fetchBytes = 1 << 20
	// maxFetchBytes is how far a reader goes to see beyond a batch that compaction has emptied.
	maxFetchBytes = 64 << 20
	// readCommitted hides the messages of transactions that are open or were aborted.
	readCommitted = 1
)

// partitionReader reads one partition, a page at a time. It belongs to one goroutine.
type partitionReader struct {
	client    *Client
	topic     string
	partition int
	offset    int64         // read next
	maxWait   time.Duration // how long the broker may wait for a message
	maxBytes  int           // grows past fetchBytes while nothing but emptied batches is in sight
}

func (c *Client) reader(topic string, partition int, offset int64, maxWait time.Duration) *partitionReader {
	return &partitionReader{client: c, topic: topic, partition: partition, offset: offset, maxWait: maxWait, maxBytes: fetchBytes}
}

// page is the answer to one request.
type page struct {
	messages []Message // from the offset asked for, in order, without gaps other than next explains
	next     int64     // read next; may lie beyond the last message, past transaction markers and removed messages
	end      int64     // the first offset that a reader of committed messages does not see yet
}

// read asks for the next page and moves on behind it. A page may be empty. An offset that is not there any more, or not yet,
// is an [OffsetError].
func (r *partitionReader) read(ctx context.Context) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, r.maxWait+requestTimeout)
	defer cancel()
	answer, err := r.fetch(ctx)
	if errors.Is(err, kafkago.OffsetOutOfRange) {
		return page{}, r.outOfRange(ctx, err)
	}
	if err != nil {
		return page{}, fmt.Errorf("read %s/%d@%d: %w", r.topic, r.partition, r.offset, err)
	}
	p, err := r.decode(answer)
	if err != nil {
		return page{}, fmt.Errorf("read %s/%d@%d: %w", r.topic, r.partition, r.offset, err)
	}
	r.stride(&p, answer.RecordSet.Records != nil)
	r.offset = p.next
	return p, nil
}

func (r *partitionReader) fetch(ctx context.Context) (*fetch.ResponsePartition, error) {
	response, err := r.client.transport.RoundTrip(ctx, r.client.addr, &fetch.Request{
		ReplicaID:      -1,
		MaxWaitTime:    int32(r.maxWait.Milliseconds()),
		MinBytes:       1,
		MaxBytes:       int32(r.maxBytes),
		IsolationLevel: readCommitted,
		SessionID:      0, // no fetch session (KIP-227)
		SessionEpoch:   -1,
		Topics: []fetch.RequestTopic{{Topic: r.topic, Partitions: []fetch.RequestPartition{{
			Partition:          int32(r.partition),
			CurrentLeaderEpoch: -1,
			FetchOffset:        r.offset,
			LogStartOffset:     -1,
			PartitionMaxBytes:  int32(r.maxBytes),
		}}}},
	})
	if err != nil {
		return nil, err
	}
	answer := response.(*fetch.Response)
	switch {
	case answer.ErrorCode != 0:
		return nil, kafkago.Error(answer.ErrorCode)
	case len(answer.Topics) == 0 || len(answer.Topics[0].Partitions) == 0:
		return nil, errors.New("the broker's answer lacks the partition")
	}
	partition := &answer.Topics[0].Partitions[0]
	if partition.ErrorCode != 0 {
		return nil, kafkago.Error(partition.ErrorCode)
	}
	return partition, nil
}

// stride looks after batches without any message from the offset on, which compaction leaves behind. Their own extent is
// not told by kafka-go, but what follows them is: so ask for more, until something does or nothing is left.
func (r *partitionReader) stride(p *page, answered bool) {
	switch {
	case p.next > r.offset || p.end <= r.offset:
		r.maxBytes = fetchBytes
	case r.maxBytes < maxFetchBytes:
		r.maxBytes = min(2*r.maxBytes, maxFetchBytes)
	case answered:
		p.next, r.maxBytes = p.end, fetchBytes
	}
}

// decode copies the messages out of kafka-go's pages.
func (r *partitionReader) decode(answer *fetch.ResponsePartition) (page, error) {
	p := page{next: r.offset, end: answer.LastStableOffset}
	if p.end < 0 { // a broker without transactions
		p.end = answer.HighWatermark
	}
	stream, ok := answer.RecordSet.Records.(*protocol.RecordStream)
	if !ok {
		return p, nil
	}
	var arena arena
	aborted := newAborted(answer.AbortedTransactions)
	for _, batch := range stream.Records {
		var err error
		switch batch := batch.(type) {
		case *protocol.ControlBatch:
			err = r.decodeControl(batch, aborted, &p)
		case *protocol.RecordBatch:
			p.next = max(p.next, batch.BaseOffset) // everything before it is accounted for
			keep := !batch.Attributes.Transactional() || !aborted.has(batch.ProducerID, batch.BaseOffset)
			err = r.decodeBatch(batch, keep, &p, &arena)
		default: // message sets of magic 0 and 1
			err = r.decodeBatch(batch, true, &p, &arena)
		}
		if err != nil {
			return page{}, err
		}
	}
	return p, nil
}

func (r *partitionReader) decodeBatch(batch protocol.RecordReader, keep bool, p *page, arena *arena) error {
	for {
		record, err := batch.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !keep || record.Offset < p.next { // a batch may begin before the offset asked for
			p.next = max(p.next, record.Offset+1)
			release(record)
			continue
		}
		m := Message{Topic: r.topic, Partition: r.partition, Offset: record.Offset, Time: record.Time}
		if m.Key, err = arena.copy(record.Key); err != nil {
			return err
		}
		if m.Value, err = arena.copy(record.Value); err != nil {
			return err
		}
		if len(record.Headers) > 0 {
			m.Headers = make([]Header, len(record.Headers))
			for i, h := range record.Headers {
				m.Headers[i] = Header{Key: h.Key, Value: h.Value}
			}
		}
		release(record)
		p.messages = append(p.messages, m)
		p.next = record.Offset + 1
	}
}

// decodeControl reads the marker that ends a transaction.
func (r *partitionReader) decodeControl(batch *protocol.ControlBatch, aborted *aborted, p *page) error {
	p.next = max(p.next, batch.BaseOffset)
	for {
		marker, err := batch.ReadControlRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		aborted.end(batch.ProducerID, marker.Type, marker.Offset)
		p.next = max(p.next, marker.Offset+1)
	}
}

func release(record *protocol.Record) {
	if record.Key != nil {
		_ = record.Key.Close()
	}
	if record.Value != nil {
		_ = record.Value.Close()
	}
}

// arena copies many small values into few allocations. A value kept for long keeps its neighbours: at most 64 KiB of them. The first
// allocation is small, since what comes alone is mostly one message.
type arena struct {
	free []byte
	size int // of the last allocation
}

const (
	arenaFirst = 2 << 10
	arenaChunk = 64 << 10
)

func (a *arena) copy(b protocol.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	n := b.Len()
	if n > arenaChunk/4 {
		own := make([]byte, n)
		_, err := io.ReadFull(b, own)
		return own, err
	}
	if n > len(a.free) {
		a.size = min(max(arenaFirst, 4*a.size, n), arenaChunk)
		a.free = make([]byte, a.size)
	}
	value := a.free[:n:n]
	a.free = a.free[n:]
	_, err := io.ReadFull(b, value)
	return value, err
}

// aborted follows the transactions that a broker says were aborted (KIP-98): a producer's messages do not count from the
// transaction's first offset up to its marker.
type aborted struct {
	coming []fetch.ResponseTransaction // by first offset
	now    map[int64]bool              // by producer id
}

func newAborted(transactions []fetch.ResponseTransaction) *aborted {
	return &aborted{coming: transactions, now: make(map[int64]bool)}
}

func (a *aborted) has(producer, offset int64) bool {
	a.upTo(offset)
	return a.now[producer]
}

func (a *aborted) upTo(offset int64) {
	for len(a.coming) > 0 && a.coming[0].FirstOffset <= offset {
		a.now[a.coming[0].ProducerID] = true
		a.coming = a.coming[1:]
	}
}

// end notes a marker: type 0 aborts, 1 commits.
func (a *aborted) end(producer int64, kind int16, offset int64) {
	a.upTo(offset)
	if kind == 0 {
		delete(a.now, producer)
	}
}

// outOfRange finds out what the partition does hold. Right after a change of leader the new one may not know its end yet;
// then the broker's error stands, and the same offset is asked for again.
func (r *partitionReader) outOfRange(ctx context.Context, err error) error {
	first, end, listErr := r.client.extent(ctx, r.topic, r.partition)
	if listErr != nil {
		return listErr
	}
	if r.offset < first || r.offset > end {
		return &OffsetError{Topic: r.topic, Partition: r.partition, Wanted: r.offset, First: first, End: end}
	}
	return fmt.Errorf("read %s/%d@%d: %w", r.topic, r.partition, r.offset, err)
}
